"""Where commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


WIDTH = 80


def wrapped(text: str, *, first: str = "") -> str:
    """A paragraph; lines after the one that begins with `first` are indented as far."""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first))


def left_out(files: Iterable[tuple[str, str]], at_most: int = 5) -> list[str]:
    """Files that are not read, those of one reason in a line."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in files:
        by_reason.setdefault(reason, []).append(name)
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
        lines.append(f"not read: {', '.join(names[:at_most])}{more}: {reason}")
    return lines


def echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def stderr() -> Console:
    """For progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def echo_written(paths: Iterable[Path]) -> None:
    for path in paths:
        click.echo(f"written: {path}", err=True)


def write(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_or_echo(text: str, out: Path | None) -> None:
    """Text to a file if one is named, otherwise to stdout."""
    if out is None:
        click.echo(text)
    else:
        write(text, out)
        echo_written([out])
