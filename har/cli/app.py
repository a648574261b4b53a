"""The `har` command: parse, call, print. TensorFlow and MLflow are imported by what is called."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import har
from har.cli.data import data
from har.cli.group import Group
from har.cli.search import search
from har.cli.serve import serve
from har.cli.study import study

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
    ctx.obj = workspace


# Shared options --------------------------------------------------------------------------------


def pipeline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """PIPELINE and the options of every command that runs stages."""
    options = [
        click.argument("pipeline", default="watch"),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE",
            help="Override a value of the pipeline file; may be repeated.",
        ),
        click.option(
            "--jobs", type=click.IntRange(1), default=None,
            help="Processes at a time (default: one for each core).",
        ),
        click.option(
            "--dask", metavar="ADDRESS",
            help="Train on a Dask cluster whose workers see this workspace, such as "
            "tcp://10.0.0.1:8786; a process for each job.",
        ),
        click.option(
            "--force", is_flag=True,
            help="Run the named stage (of har run: the last one) even if it is up to date.",
        ),
        click.option("--dry-run", is_flag=True, help="Say what would run, and why; run nothing."),
    ]  # fmt: skip
    return functools.reduce(lambda f, option: option(f), reversed(options), command)


def _run_until(
    ctx: click.Context, stage: str, *, until: str, without: tuple[str, ...] = (), pipeline: str,
    force: bool, **options: Any,
) -> None:  # fmt: skip
    """Run a pipeline up to a stage; `stage` is what the command is about, and may be forced."""
    from har import session

    session.run(
        ctx.obj, pipeline, until=until, without=without, force=(stage,) if force else (),
        echo=click.echo, **options,
    )  # fmt: skip


@main.command()
@pipeline_options
@click.option("--until", metavar="STAGE", default="report", help="Stop after this stage.")
@click.pass_context
def run(ctx: click.Context, until: str, **options: Any) -> None:
    """Run every stage that is not up to date: ingest, prepare, train, compare, export, report.

    PIPELINE is a name from pipelines/ or a path; `watch` by default.

    \b
    Example:
      har run watch --set training.epochs=5 --jobs 2
      har run watch-full --dask tcp://10.0.0.1:8786
    """
    _run_until(ctx, until, until=until, **options)


def _stage_command(
    name: str, help_text: str, *, until: str | None = None, without: tuple[str, ...] = ()
) -> None:
    @main.command(name, help=f"{help_text}\n\n\b\nExample:\n  har {name} watch")
    @pipeline_options
    @click.pass_context
    def command(ctx: click.Context, **options: Any) -> None:
        _run_until(ctx, name, until=until or name, without=without, **options)


_stage_command("ingest", "Take recordings in: read, check and store them.")
_stage_command("prepare", "Resample and cut windows (and what that needs).")
_stage_command("train", "Train every model on every fold (and what that needs).")
_stage_command(
    "compare", "Score, compare and report (and what that needs).",
    until="report", without=("export",),
)  # fmt: skip
_stage_command(
    "export", "Write the bundle for the phone (and what that needs), and report.", until="report"
)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the models that a pipeline can name, with their parameter counts.

    \b
    Example:
      har models --json
    """
    from har.models import listing

    click.echo(listing.as_json() if as_json else listing.as_table())


main.add_command(serve)


# Tracking ----------------------------------------------------------------------------------------


@main.command()
@click.argument("pipeline", default="watch")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="The overrides that it was run with.",
)  # fmt: skip
@click.pass_context
def track(ctx: click.Context, pipeline: str, overrides: tuple[str, ...]) -> None:
    """Send stored results to MLflow, once: to MLFLOW_TRACKING_URI or reports/mlflow.db.

    `har run` does it at its end; this is for a server that was down then.

    \b
    Example:
      MLFLOW_TRACKING_URI=http://lab:5000 har track watch
    """
    from har import session

    click.echo(session.track(ctx.obj, pipeline, overrides=overrides))


@main.command()
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Listen here."
)
@click.option("--port", type=int, default=5000, show_default=True, help="Of MLflow's pages.")
@click.pass_context
def ui(ctx: click.Context, host: str, port: int) -> None:
    """Show this workspace's tracked runs in MLflow's own pages, until interrupted.

    \b
    Example:
      har ui --port 5001
    """
    from har import tracking
    from har.workspace import Workspace

    where = Workspace(ctx.obj.resolve())
    raise SystemExit(tracking.ui(where, host=host, port=port, echo=click.echo))


@main.command()
@click.argument("bundle")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write bouts as CSV.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a timeline.")
@click.option(
    "--variant", default="float32", show_default=True, help="float32, dynamic, float16 or int8."
)
@click.option("--unit", type=click.Choice(["m/s2", "g", "mg"]), help="If the file does not tell.")
@click.option(
    "--convention",
    type=click.Choice(["android", "ios"]),
    help="Sign: android (flat, screen up, z = +9.81; the default) or ios.",
)
@click.option("--time-unit", type=click.Choice(["s", "ms", "us", "ns"]), help="Of a time column.")
@click.option("--rate-hz", type=float, help="Of a table without a time column.")
@click.option("--gravity", type=click.Choice(["present", "removed"]), help="If the file misleads.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def predict(ctx: click.Context, bundle: str, recording: Path, **options: Any) -> None:
    """Label a recording: bouts of activity, and minutes of each.

    BUNDLE is what `har export` wrote, or the name of its pipeline (of several models, `watch/cnn`);
    RECORDING a file, folder or archive of any format that `har data check` knows. Only the
    interpreter runs, as on a phone.

    \b
    Example:
      har predict watch walk.csv --out bouts.csv --plot day.png
    """
    from har.cli import predict as predicting
    from har.config import Table
    from har.runtime.bundle import find_bundle
    from har.workspace import Workspace

    said = {k: options.pop(k) for k in ("unit", "convention", "time_unit", "rate_hz", "gravity")}
    table = Table(path=str(recording), **said)
    folder = find_bundle(bundle, Workspace(ctx.obj).reports)
    click.echo(predicting.command(folder, recording, said=table, **options))


# Lectures ----------------------------------------------------------------------------------------


class _Lectures(Group):
    """A command for each lecture of the registry, which is read only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from har.lectures import catalogue

        return [*super().list_commands(ctx), *catalogue.names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from har.lectures import catalogue

        if cmd_name in self.commands or cmd_name not in catalogue.names():
            return super().get_command(ctx, cmd_name)
        one = catalogue.get(cmd_name)

        @click.command(
            cmd_name,
            short_help=one.title + ".",
            help=f"{one.title}. {one.teaches}\n\n\b\nExample:\n  har lecture {cmd_name} --quick",
        )
        @_lecture_options
        @click.pass_context
        def command(ctx: click.Context, quick: bool, as_json: bool) -> None:
            _lecture(ctx, (cmd_name,), quick, as_json)

        return command


def _lecture_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    return click.option(
        "--quick", is_flag=True, help="Small and short: shows that it works, not what it reaches."
    )(command)


def _lecture(ctx: click.Context, names: tuple[str, ...], quick: bool, as_json: bool) -> None:
    from har.cli import lecture

    lecture.run(
        ctx.obj, names, quick=quick, as_json=as_json,
        echo=click.echo, say=functools.partial(click.echo, err=True),
    )  # fmt: skip


@main.group(cls=_Lectures)
def lecture() -> None:
    """The course's experiments: what should come out, and what does.

    \b
    Example:
      har lecture list
      har lecture rnn-by-hand
    """


@lecture.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lecture_list(as_json: bool) -> None:
    """Show the experiments and what each one teaches.

    \b
    Example:
      har lecture list --json
    """
    from har.cli import lecture

    click.echo(lecture.listing(as_json))


@lecture.command("all")
@_lecture_options
@click.pass_context
def lecture_all(ctx: click.Context, quick: bool, as_json: bool) -> None:
    """Run every experiment and write reports/lectures/README.md.

    \b
    Example:
      har lecture all --quick
    """
    from har.lectures import catalogue

    _lecture(ctx, tuple(catalogue.names()), quick, as_json)


main.add_command(search)
main.add_command(data)
main.add_command(study)
