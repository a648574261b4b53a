"""The `har` command: parse, call, print. TensorFlow and MLflow are imported by what is called."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import har
from har.errors import HarError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Group(click.Group):
    """Commands in the order in which they are defined; `HarError` becomes a message and exit 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as e:
            from har.config import did_you_mean

            near = did_you_mean(args[0], self.list_commands(ctx)) if args else ""
            raise click.UsageError(e.message.rstrip(".") + (near or "."), ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HarError as e:
            click.echo(f"Error: {e}", err=True)
            raise SystemExit(1) from None


@click.group(cls=_Group, context_settings=CONTEXT)
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
        click.option("--force", is_flag=True, help="Run the last stage even if it is up to date."),
        click.option("--dry-run", is_flag=True, help="Say what would run, and why; run nothing."),
    ]  # fmt: skip
    return functools.reduce(lambda f, option: option(f), reversed(options), command)


def _run_until(
    ctx: click.Context, until: str, pipeline: str, overrides: tuple[str, ...], **options: Any
) -> None:
    from har import session

    session.run(ctx.obj, pipeline, overrides=overrides, until=until, echo=click.echo, **options)


@main.command()
@pipeline_options
@click.option("--until", metavar="STAGE", default="export", help="Stop after this stage.")
@click.pass_context
def run(ctx: click.Context, pipeline: str, overrides: tuple[str, ...], **options: Any) -> None:
    """Run every stage that is not up to date: ingest, prepare, train, compare, report, export.

    PIPELINE is a name from pipelines/ or a path; `watch` by default.

    \b
    Example:
      har run watch --set training.epochs=5 --jobs 2
    """
    _run_until(ctx, options.pop("until"), pipeline, overrides, **options)


def _stage_command(name: str, until: str, help_text: str) -> None:
    @main.command(name, help=f"{help_text}\n\n\b\nExample:\n  har {name} watch")
    @pipeline_options
    @click.pass_context
    def command(ctx: click.Context, **options: Any) -> None:
        _run_until(ctx, until, **options)


_stage_command("ingest", "ingest", "Take recordings in: read, check and store them.")
_stage_command("prepare", "prepare", "Resample and cut windows (and what that needs).")
_stage_command("train", "train", "Train every model on every fold (and what that needs).")
_stage_command("compare", "report", "Score, compare and report (and what that needs).")
_stage_command("export", "export", "Write the bundle for the phone (and what that needs).")


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


@main.command()
@click.argument("bundle")
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Listen here (default: 127.0.0.1, this machine alone; with --https the local network).",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--https", is_flag=True,
    help="For a phone on the local network: makes a local certificate authority and shows how to "
    "trust it.",
)  # fmt: skip
@click.pass_context
def serve(ctx: click.Context, bundle: str, host: str | None, port: int, https: bool) -> None:
    """Serve the phone page: live activity from the phone's own sensor, and recording.

    BUNDLE is the folder of an exported model, or the name of the pipeline that exported it.

    \b
    Example:
      har serve reports/watch/bundle/cnn
      har serve watch --https
    """
    from har.deploy import serve as page
    from har.store import Workspace

    where = Workspace(ctx.obj.resolve())
    page.run(bundle, where, host=host, port=port, https=https, echo=click.echo)


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
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=5000, show_default=True)
@click.pass_context
def ui(ctx: click.Context, host: str, port: int) -> None:
    """Show this workspace's tracked runs in MLflow's own pages, until interrupted.

    \b
    Example:
      har ui --port 5001
    """
    from har import tracking
    from har.store import Workspace

    where = Workspace(ctx.obj.resolve())
    raise SystemExit(tracking.ui(where, host=host, port=port, echo=click.echo))


# Data sets ---------------------------------------------------------------------------------------


@main.group(cls=_Group)
def data() -> None:
    """Data sets: what is known, get one, examine your own recordings.

    \b
    Example:
      har data list
    """


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def data_list(ctx: click.Context, as_json: bool) -> None:
    """Show the known data sets: people, rate, placements, licence, citation, whether at hand.

    \b
    Example:
      har data list --json
    """
    import json

    from har.ingest import listing
    from har.store import Workspace

    raw = Workspace(ctx.obj.resolve()).raw
    if as_json:
        click.echo(json.dumps(listing.rows(raw), indent=2, ensure_ascii=False))
    else:
        click.echo(listing.as_text(raw))


@data.command("fetch")
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(exists=True, path_type=Path), metavar="PATH",
    help="Copy from this folder (or file) instead of downloading.",
)  # fmt: skip
@click.pass_context
def data_fetch(ctx: click.Context, name: str, source: Path | None) -> None:
    """Get a data set: from HAR_DATA_MIRROR if that has it, else from its publisher.

    \b
    Example:
      har data fetch motionsense
      har data fetch uci-hapt --from ~/Downloads
    """
    from rich.console import Console

    from har.ingest import datasets, fetch
    from har.store import Workspace

    raw = Workspace(ctx.obj.resolve()).raw
    for path in fetch.ensure(
        datasets.get(name), raw, console=Console(stderr=True, highlight=False), source=source
    ):
        click.echo(path)


@data.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--write-pipeline",
    "pipeline_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a pipeline file for these recordings.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page, too.",
)
@click.option("--placement", help="Of a published data set with several.")
@click.pass_context
def data_check(
    ctx: click.Context, path: Path, pipeline_file: Path | None, strict: bool, as_json: bool,
    page: Path | None, placement: str | None,
) -> None:  # fmt: skip
    """Examine a file, a folder or a pipeline file's data: format, rate, unit, sign, what is wrong.

    Exit code 1 if there is an error.

    \b
    Example:
      har data check my/recordings --write-pipeline pipelines/mine.yaml
    """
    import json

    from rich.console import Console

    from har.ingest.doctor import check, show

    with Console(stderr=True).status(f"reading {path}") as status:
        report = check.check(
            path, root=ctx.obj.resolve(), placement=placement,
            on_progress=lambda n, of: status.update(f"reading {path}: {n} of {of} files"),
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo(show.as_text(report, strict=strict))
    if page:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(show.as_html(report, strict=strict), encoding="utf-8")
        click.echo(f"page: {page}", err=True)
    if pipeline_file:
        pipeline_file.parent.mkdir(parents=True, exist_ok=True)
        pipeline_file.write_text(show.as_pipeline(report, path=path.as_posix()), encoding="utf-8")
        click.echo(f"pipeline file: {pipeline_file}", err=True)
    if report.errors(strict=strict):
        raise SystemExit(1)


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write bouts as CSV.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a timeline.")
@click.option(
    "--variant", default="float32", show_default=True, help="float32, dynamic, float16 or int8."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(bundle: Path, recording: Path, **options: Any) -> None:
    """Label a recording: bouts of activity, and minutes of each.

    BUNDLE is what `har export` wrote. Only the interpreter runs, as on a phone.

    \b
    Example:
      har predict reports/watch/bundle/gru walk.csv --out bouts.csv --plot day.png
    """
    from har.deploy import predict as predicting

    click.echo(predicting.command(bundle, recording, **options))


# Lectures ----------------------------------------------------------------------------------------


class _Lectures(_Group):
    """A command for each lecture of the registry, which is read only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from har.lectures import registry

        return [*super().list_commands(ctx), *registry.names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from har.lectures import registry

        if cmd_name in self.commands or cmd_name not in registry.names():
            return super().get_command(ctx, cmd_name)
        one = registry.get(cmd_name)

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
    from har.lectures import commands

    commands.run(
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
    from har.lectures import commands

    click.echo(commands.listing(as_json))


@lecture.command("all")
@_lecture_options
@click.pass_context
def lecture_all(ctx: click.Context, quick: bool, as_json: bool) -> None:
    """Run every experiment and write reports/lectures/README.md.

    \b
    Example:
      har lecture all --quick
    """
    from har.lectures import registry

    _lecture(ctx, tuple(registry.names()), quick, as_json)


# Studies -----------------------------------------------------------------------------------------


@main.group(cls=_Group)
def study() -> None:
    """Questions on what is stored: how sure are we, and of what?

    \b
    Example:
      har study doctor --out reports/doctor.md
    """


@study.command("doctor")
@click.option(
    "--per-set",
    type=click.IntRange(1),
    default=25,
    show_default=True,
    help="Recordings drawn from each data set.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write Markdown here.")
@click.pass_context
def study_doctor(ctx: click.Context, per_set: int, out: Path | None) -> None:  # fmt: skip
    """Put defects into real recordings and count how many `har data check` finds.

    Uses the data sets in data/raw, or in HAR_DATA_MIRROR.

    \b
    Example:
      har study doctor --per-set 25 --out reports/doctor.md
    """
    from har.ingest.doctor import study as doctor_study
    from har.store import Workspace

    raw = Path(os.environ.get("HAR_DATA_MIRROR") or Workspace(ctx.obj.resolve()).raw)
    recordings = list(doctor_study.sample(raw, per_set))
    rows = doctor_study.run(recordings)
    text = doctor_study.as_markdown(
        rows, len(recordings), doctor_study.false_errors(recordings),
        f"har study doctor --per-set {per_set}",
    )  # fmt: skip
    _write_or_echo(text, out)


@study.command("account")
@click.argument("paths", nargs=-1, required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write Markdown here.")
@click.pass_context
def study_account(ctx: click.Context, paths: tuple[str, ...], out: Path | None) -> None:
    """Where every sample of data sets, folders and files went: kept, or rejected and why.

    PATHS are names of data sets, or paths.

    \b
    Example:
      har study account watch my/recordings --out reports/account.md
    """
    from har.ingest.doctor import account

    reports = account.gather(list(paths), ctx.obj.resolve())
    names = " ".join(Path(p).name for p in paths)
    _write_or_echo(account.as_markdown(reports, f"har study account {names}"), out)


def _write_or_echo(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        click.echo(f"written: {out}", err=True)
