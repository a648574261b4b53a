"""Arguments and options that several commands have, each written once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

pipeline = click.argument("pipeline", default="watch")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
jobs = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=None,
    help="Number of processes at a time (default: one for each core).",
)
dask = click.option(
    "--dask",
    metavar="ADDRESS",
    help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786, to read, prepare, train and "
    "convert on its workers; they must see this workspace.",
)


def overrides(help: str = "Override a value of the pipeline file; may be repeated.") -> Decorator:
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=help)


def out(help: str, **settings: Any) -> Decorator:
    """`--out FILE`."""
    return click.option("--out", type=file, help=help, **settings)


file = click.Path(dir_okay=False, path_type=Path)


def columns_of(text: str | None) -> dict[str, str] | None:
    """`time=t,x=ax,y=ay,z=az` as a mapping."""
    if text is None:
        return None
    columns = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    known = ("time", "x", "y", "z", "label")
    if not {"x", "y", "z"} <= columns.keys() <= set(known):
        raise click.BadParameter(f"takes {', '.join(known)}, such as x=ax,y=ay,z=az; got {text!r}.")
    return columns


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator; help lists them in this order."""
    return lambda command: functools.reduce(lambda f, add: add(f), reversed(options), command)


TIME_UNITS = ("s", "ms", "us", "ns", "10ms", "10us", "100ns")
"""Those of `own_recordings`, whose import would cost every command a tenth of a second."""

reading = together(
    click.option(
        "--unit", type=click.Choice(["m/s2", "g", "mg"]), help="Unit, if the file does not tell."
    ),
    click.option(
        "--convention",
        type=click.Choice(["android", "ios"]),
        help="Sign: android (flat, screen up, z = +9.81; the default) or ios.",
    ),
    click.option("--time-unit", type=click.Choice(TIME_UNITS), help="Unit of a time column."),
    click.option("--rate-hz", type=float, help="Sampling rate of a table without a time column."),
    click.option(
        "--gravity",
        type=click.Choice(["present", "removed"]),
        help="Override the detected gravity setting.",
    ),
    click.option(
        "--columns",
        metavar="NAME=COLUMN,…",
        help="Columns of a table, such as time=t,x=ax,y=ay,z=az.",
        callback=lambda _ctx, _param, value: columns_of(value),
    ),
)
"""How to read a recording that does not say so itself."""
