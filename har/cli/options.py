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
    help="Processes at a time (default: one for each core).",
)
dask = click.option(
    "--dask",
    metavar="ADDRESS",
    help="Read, prepare, train and convert on a Dask cluster whose workers see this workspace, "
    "such as tcp://10.0.0.1:8786; a process for each piece of work.",
)


def overrides(help: str = "Override a value of the pipeline file; may be repeated.") -> Decorator:
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=help)


def out(help: str, **settings: Any) -> Decorator:
    """`--out FILE`."""
    return click.option("--out", type=file, help=help, **settings)


file = click.Path(dir_okay=False, path_type=Path)


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator; help lists them in this order."""
    return lambda command: functools.reduce(lambda f, add: add(f), reversed(options), command)
