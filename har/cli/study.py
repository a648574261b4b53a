"""`har study`: questions on what is stored, and on how sure we are of it."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from har.cli.group import Group

if TYPE_CHECKING:
    from har.studies.answer import Outcome


@click.group(cls=Group)
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
    from rich.console import Console
    from rich.progress import Progress

    from har.studies import detection as doctor_study
    from har.workspace import Workspace

    raw = Path(os.environ.get("HAR_DATA_MIRROR") or Workspace(ctx.obj.resolve()).raw)
    recordings = list(doctor_study.sample(raw, per_set))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("defects", total=None)
        rows = doctor_study.run(
            recordings, on_progress=lambda n, of: progress.update(task, completed=n, total=of)
        )
    command = f"har study doctor --per-set {per_set}"
    text = doctor_study.as_markdown(rows, recordings, command)
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
    from rich.console import Console

    from har.studies import account

    with Console(stderr=True).status("reading"):
        reports = account.gather(list(paths), ctx.obj.resolve())
    names = " ".join(Path(p).name for p in paths)
    _write_or_echo(account.as_markdown(reports, f"har study account {names}"), out)


@study.command("page")
@click.argument("pipeline", default="watch")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into (default: reports/ of the workspace).",
)
@click.option("--command", help="What made the results, if it was not `har run PIPELINE`.")
@click.pass_context
def study_page(ctx: click.Context, pipeline: str, out: Path | None, command: str | None) -> None:
    """Write a page to commit from a finished run: Markdown, figures, results.

    What it means is for people to write: that part of the page is kept when it is made again.

    \b
    Example:
      har study page motionsense --out reports
    """
    from har.evaluation.results import Results
    from har.report import markdown
    from har.workspace import Workspace

    reports = Workspace(ctx.obj.resolve()).reports
    results = Results.published(reports, pipeline)
    for path in markdown.write(out or reports, results, command=command):
        click.echo(path)


@study.command("phone")
@click.argument("pipeline", default="watch")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("reports/phone.md"),
    show_default=True,
    help="Markdown page; only its part about models is written anew.",
)
@click.option("--command", help="What made the bundles, if it was not `har run PIPELINE`.")
@click.pass_context
def study_phone(ctx: click.Context, pipeline: str, out: Path, command: str | None) -> None:
    """What each exported model and variant costs, and what conversion did to it.

    \b
    Example:
      har run watch --set export.models=all
      har study phone watch --out reports/phone.md
    """
    from har.report import phone_page
    from har.workspace import Workspace

    folder = Workspace(ctx.obj.resolve()).reports / pipeline
    for path in phone_page.write(folder, out, command=command or f"har run {pipeline}"):
        click.echo(path)


# Of a finished run ------------------------------------------------------------------------------


jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=None,
    help="Processes at a time (default: one for each core).",
)
page_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a Markdown page here, its picture in figures/ beside it.",
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """PIPELINE and the options of every study of a finished run."""
    options = [
        click.argument("pipeline", default="watch"),
        jobs_option,
        page_option,
    ]
    return functools.reduce(lambda f, option: option(f), reversed(options), command)


one_model = click.option(
    "--model", metavar="NAME", help="A model of the run, in place of the selected one."
)


class _Numbers(click.ParamType):
    """`2,4,8`: numbers above 0."""

    name = "numbers"

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        try:
            numbers = tuple(self.kind(part) for part in str(value).split(",") if part.strip())
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) <= 0:
            self.fail(f"{value!r}: give numbers above 0 with commas between, like 2,4", param, ctx)
        return numbers


@study.command("optimism")
@run_options
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="A model of the run, in place of the selected one; may be repeated.",
)
@click.pass_context
def study_optimism(
    ctx: click.Context, pipeline: str, models: tuple[str, ...], jobs: int | None, out: Path | None
) -> None:
    """What a random split would have claimed: leaky on purpose, beside the honest score.

    Trains the model of the finished run PIPELINE again on windows dealt out at random, everything
    else equal, and puts the gap into results.json (under `optimism`) and the report.

    \b
    Example:
      har study optimism watch --model cnn --model lstm
    """
    from har.studies import finished, optimism

    of = finished.find(ctx.obj, pipeline, models=models, jobs=jobs)
    outcome = optimism.run(of)
    _tell(outcome, optimism.publish(of, outcome), out, _command(ctx, of.name))


@study.command("recipe")
@click.argument("pipeline")
@click.option(
    "--change",
    "changes",
    multiple=True,
    required=True,
    metavar="KEY=VALUE[;KEY=VALUE]",
    help="training.KEY=VALUE, or models.PARAMETER=VALUE for every model that has it; repeatable.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of the pipeline that the changes are made to, as for `har run`; repeatable.",
)
@click.option(
    "--disturb",
    metavar="KIND=AMOUNT",
    help="Score windows that are disturbed: rotation=DEGREES, scale=SHARE, rate=SHARE, noise=M/S2.",
)
@jobs_option
@page_option
@click.pass_context
def study_recipe(
    ctx: click.Context,
    pipeline: str,
    changes: tuple[str, ...],
    overrides: tuple[str, ...],
    disturb: str | None,
    jobs: int | None,
    out: Path | None,
) -> None:
    """Does a change of the training recipe help? Each alone, on validation people only.

    What augmentation is for, a sensor that sits or ticks otherwise, may not show on windows as
    they are: --disturb asks about that, of the same stored networks.

    \b
    Example:
      har study recipe uci-har-develop --change training.augment.rotate_deg=10 \\
        --change training.label_smoothing=0.1 --change models.channels=vertical
    """
    from har import session
    from har.studies import recipe

    context = session.open_context(ctx.obj, pipeline, overrides=overrides, jobs=jobs)
    outcome = recipe.run(context, changes, disturb)
    folder = context.workspace.reports / context.pipeline.name
    _tell(outcome, outcome.write(folder), out, _command(ctx, pipeline))


@study.command("length")
@run_options
@one_model
@click.option(
    "--lengths",
    type=_Numbers(float),
    default="1.28,2.56,5.12",
    show_default=True,
    metavar="S,S,…",
    help="Lengths of a window, in seconds.",
)
@click.pass_context
def study_length(
    ctx: click.Context,
    pipeline: str,
    jobs: int | None,
    out: Path | None,
    model: str | None,
    lengths: tuple[float, ...],
) -> None:
    """How long must a window be? The finished run PIPELINE again on windows of other lengths.

    \b
    Example:
      har study length watch --lengths 1.28,2.56,5.12
    """
    from har.studies import length

    _study(ctx, length.run, pipeline, jobs, out, model, lengths)


@study.command("people")
@run_options
@one_model
@click.option(
    "--people",
    type=_Numbers(int),
    default=None,
    metavar="N,N,…",
    help="Training people in each fold (default: 2,4,8 and so on; all of them come last).",
)
@click.option(
    "--draws",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many times people are drawn for each number.",
)
@click.pass_context
def study_people(
    ctx: click.Context,
    pipeline: str,
    jobs: int | None,
    out: Path | None,
    model: str | None,
    people: tuple[int, ...] | None,
    draws: int,
) -> None:
    """What would more people bring? The finished run PIPELINE with fewer who train.

    Test people and validation people stay who they are; the last point is the run itself.

    \b
    Example:
      har study people watch --people 2,4 --draws 5
    """
    from har.studies import people as asking

    _study(ctx, asking.run, pipeline, jobs, out, model, people or (), draws)


@study.command("robustness")
@run_options
@one_model
@click.pass_context
def study_robustness(
    ctx: click.Context, pipeline: str, jobs: int | None, out: Path | None, model: str | None
) -> None:
    """What if the sensor sits, scales or ticks otherwise? Asks the stored models; trains nothing.

    Each fold's network gets the windows of its own test people turned, scaled, with noise, at a
    rate that is off, with axes flipped, without gravity.

    \b
    Example:
      har study robustness watch --model cnn
    """
    from har.studies import robustness

    _study(ctx, robustness.run, pipeline, jobs, out, model)


def _study(
    ctx: click.Context,
    run: Callable[..., Outcome],
    pipeline: str,
    jobs: int | None,
    out: Path | None,
    model: str | None,
    *options: Any,
) -> None:
    from har.studies import finished

    of = finished.find(ctx.obj, pipeline, models=[model] if model else (), jobs=jobs)
    outcome = run(of, *options)
    _tell(outcome, outcome.write(of.folder), out, _command(ctx, of.name))


def _command(ctx: click.Context, pipeline: str) -> str:
    """The command again, without what changes no result."""
    parts = [f"har study {ctx.info_name} {pipeline}"]
    for option in ctx.command.params:
        said = ctx.get_parameter_source(option.name or "")
        if (
            not isinstance(option, click.Option)
            or option.name in ("out", "jobs")
            or said is not click.core.ParameterSource.COMMANDLINE
        ):
            continue
        value = ctx.params[str(option.name)]
        if isinstance(option.type, _Numbers):
            value = ",".join(f"{v:g}" for v in value)
        said_values = value if option.multiple else [value]
        parts += [f"{option.opts[0]} {shlex.quote(str(v))}" for v in said_values]
    return " ".join(parts)


def _tell(outcome: Outcome, written: list[Path], out: Path | None, command: str) -> None:
    click.echo(outcome.as_text())
    if out is not None:
        written += outcome.write_page(out, command)
    for path in written:
        click.echo(f"written: {path}", err=True)


def _write_or_echo(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        click.echo(f"written: {out}", err=True)
