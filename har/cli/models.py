"""`har models`: what a pipeline can name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from har.cli import options, output

STEPS, CLASSES = 128, 6


@click.command()
@click.argument("name", required=False)
@options.as_json
def models(name: str | None, as_json: bool) -> None:
    """List the models that a pipeline can name, or the parameters of NAME.

    \b
    Example:
      har models
      har models lstm
    """
    from har.models import registry

    if name is not None:
        registry.get(name)  # an unknown one is refused, with the nearest that exists
    rows = [r for r in registry.rows(STEPS, CLASSES) if name in (None, r["name"])]
    if as_json:
        output.echo_json(rows)
    else:
        click.echo(table(rows) if name is None else card(rows[0]))


def card(row: Mapping[str, Any]) -> str:
    """A model's parameters with their defaults, and how a pipeline file gives them."""
    from har.models.ranges import MEANING

    count = f"{row['parameters']:,} weights for" if row["parameters"] else "its size follows"
    about = output.wrapped(f"{row['name']}: {row['summary']}")
    lines = [about, output.wrapped(row["paper"]), "",
             f"{'parameter':<11} {'default':<10} meaning"]  # fmt: skip
    for name, default in row["defaults"].items():
        first = f"{name:<11} {default!s:<10} "
        meaning = MEANING.get(name)
        lines.append(output.wrapped(meaning, first=first) if meaning else first.rstrip())
        if name in row["space"]:
            lines.append(f"{'':<22} tried: {row['space'][name]}")
    name, default = list(row["defaults"].items())[-1]
    lines += [
        "",
        f"In a pipeline file: models: [{{{row['name']}: {{{name}: {default}}}}}]",
        f"With these defaults {count} windows of {STEPS} samples and {CLASSES} activities.",
    ]
    return "\n".join(lines)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Two lines for each model: when to use it, and its paper."""
    lines = [f"{'model':<14} {'parameters':>10}  when to use it"]
    for row in rows:
        count = f"{row['parameters']:,}" if row["parameters"] else "–"
        lines.append(output.wrapped(row["summary"], first=f"{row['name']:<14} {count:>10}  "))
        lines.append(output.wrapped(row["paper"], first=" " * 27))
    lines += [
        "",
        output.wrapped(
            f"Parameters for windows of {STEPS} samples and {CLASSES} activities; "
            "–: as many as the data ask for."
        ),
    ]
    return "\n".join(lines)
