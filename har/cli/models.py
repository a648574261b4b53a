"""`har models`: what a pipeline can name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from har.cli import options, output

STEPS, CLASSES = 128, 6


@click.command()
@options.as_json
def models(as_json: bool) -> None:
    """List the models that a pipeline can name, with their parameter counts.

    \b
    Example:
      har models --json
    """
    from har.models import registry

    rows = registry.rows(STEPS, CLASSES)
    if as_json:
        output.echo_json(rows)
    else:
        click.echo(table(rows))


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Two lines for each model: when to use it, and its paper."""
    lines = [f"{'model':<14} {'parameters':>10}  when to use it"]
    for row in rows:
        count = f"{row['parameters']:,}" if row["parameters"] else "–"
        lines.append(f"{row['name']:<14} {count:>10}  {row['summary']}")
        lines.append(f"{'':<25}  {row['paper']}")
    lines.append(
        f"\nParameters for windows of {STEPS} samples and {CLASSES} activities; "
        "–: as many as the data ask for."
    )
    return "\n".join(lines)
