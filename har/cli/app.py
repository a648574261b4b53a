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
    help="Folder that holds data/ and reports/ (default: here; or HAR_WORKSPACE).",
)
@click.pass_context
def main(ctx: click.Context, workspace: Path) -> None:
    """Raw accelerometer recordings to an activity classifier on a phone.

    \b
    har run watch          the whole pipeline on the data set that is built in
    har data list          the data sets that are known
    har COMMAND -h         help, with an example
    """
    fanout.gpus.hide()
    ctx.obj = Workspace(workspace.resolve())


for command in (
    *run.COMMANDS, models, serve, track, ui, predict, adapt, lecture, search, data, study,
):  # fmt: skip
    main.add_command(command)
