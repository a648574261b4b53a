"""The `har` command: parse, call, print. TensorFlow and MLflow are imported by what is called."""

from __future__ import annotations

from pathlib import Path

import click

import har
from har import fanout
from har.cli import run
from har.cli.adapt import adapt
from har.cli.data import data
from har.cli.group import Group
from har.cli.lecture import lecture
from har.cli.models import models
from har.cli.predict import predict
from har.cli.search import search
from har.cli.serve import serve
from har.cli.study import study
from har.cli.track import track, ui
from har.workspace import Workspace

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Group, context_settings=CONTEXT)
@click.version_option(har.__version__, prog_name="har")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HAR_WORKSPACE",
    default=Path("."),
    help="Folder of data/ and reports/ (default: HAR_WORKSPACE, or the current folder).",
)
@click.pass_context
def main(ctx: click.Context, workspace: Path) -> None:
    """Turn raw accelerometer recordings into an activity classifier for a phone.

    \b
    har run watch          run the whole pipeline on the built-in recordings
    har data list          list the known data sets
    har COMMAND -h         show help, with an example
    """
    fanout.gpus.hide()
    ctx.obj = Workspace(workspace.resolve())


for command in (
    *run.COMMANDS, models, serve, track, ui, predict, adapt, lecture, search, data, study,
):  # fmt: skip
    main.add_command(command)
