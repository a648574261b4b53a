"""`har study` of a finished run, which is trained or asked again with one thing changed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from har.cli import options, output

if TYPE_CHECKING:
    from har.studies.answer import Outcome
    from har.studies.finished import Finished

page = options.out("Write a Markdown page to this file, and its picture to figures/ beside it.")
finished_run = options.together(options.pipeline, options.jobs, page)
one_model = click.option(
    "--model", metavar="NAME", help="A model of the run, in place of the selected one."
)

some_models = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="A model of the run, in place of the selected one; may be repeated.",
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


@click.command()
@finished_run
@some_models
@click.pass_context
def optimism(
    ctx: click.Context, pipeline: str, models: tuple[str, ...], jobs: int | None, out: Path | None
) -> None:
    """Measure how much a random split of windows overestimates the score.

    Trains the model of the finished run PIPELINE again on a random split of the windows, with all
    else equal, and adds the difference to results.json (under `optimism`) and the report.

    \b
    Example:
      har study optimism watch --model cnn --model lstm
    """
    from har.studies import finished, optimism

    of = finished.find(ctx.obj, pipeline, models=models, jobs=jobs)
    outcome = optimism.run(of)
    _tell(ctx, of.name, outcome, of.publish(outcome), out)


@click.command()
@click.argument("pipeline")
@click.option(
    "--change",
    "changes",
    multiple=True,
    required=True,
    metavar="KEY=VALUE[;KEY=VALUE]",
    help="training.KEY=VALUE, or models.PARAMETER=VALUE for every model that has it; repeatable.",
)
@options.overrides("Override a value of the pipeline before the changes; repeatable.")
@click.option(
    "--disturb",
    metavar="KIND=AMOUNT",
    help="Also score on disturbed windows: rotation=DEGREES, scale=SHARE, rate=SHARE, noise=M/S2.",
)
@options.jobs
@page
@click.pass_context
def recipe(
    ctx: click.Context,
    pipeline: str,
    changes: tuple[str, ...],
    overrides: tuple[str, ...],
    disturb: str | None,
    jobs: int | None,
    out: Path | None,
) -> None:
    """Measure whether changes of the training recipe help, each alone, on validation people.

    Augmentation helps when a sensor is worn, calibrated or clocked differently, which the recorded
    windows may not show: --disturb also scores the stored networks on disturbed windows.

    \b
    Example:
      har study recipe uci-har-develop --change training.augment.rotate_deg=10 \\
        --change training.label_smoothing=0.1 \\
        --change 'wide and upright: models.filters=96; models.channels=vertical'
    """
    from har import pipeline_file, session
    from har.studies import recipe

    base, crew = pipeline_file.load(pipeline, overrides), session.crew(jobs)
    outcome = recipe.run(base, changes, disturb, workspace=ctx.obj, crew=crew)
    _tell(ctx, pipeline, outcome, outcome.write(ctx.obj.reports / base.name), out)


@click.command()
@finished_run
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
def length(ctx: click.Context, lengths: tuple[float, ...], **asked: Any) -> None:
    """Train the finished run PIPELINE again on windows of other lengths.

    \b
    Example:
      har study length watch --lengths 1.28,2.56,5.12
    """
    from har.studies import length

    _ask(ctx, lambda of: length.run(of, lengths), **asked)


@click.command()
@finished_run
@one_model
@click.option(
    "--people",
    "numbers",
    type=_Numbers(int),
    default=None,
    metavar="N,N,…",
    help="Numbers of training people in each fold (default: 2,4,8 and so on, then all).",
)
@click.option(
    "--draws",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many times people are drawn for each number.",
)
@click.pass_context
def people(ctx: click.Context, numbers: tuple[int, ...] | None, draws: int, **asked: Any) -> None:
    """Train the finished run PIPELINE again on fewer people, to see what more would bring.

    Test people and validation people stay the same; the last point is the run itself.

    \b
    Example:
      har study people watch --people 2,4 --draws 5
    """
    from har.studies import people

    _ask(ctx, lambda of: people.run(of, numbers or (), draws), **asked)


@click.command()
@finished_run
@one_model
@click.pass_context
def robustness(ctx: click.Context, **asked: Any) -> None:
    """Score stored models on a sensor that is worn, calibrated or clocked differently.

    Nothing is trained. Each fold's network is tested on the windows of its own test people after a
    rotation, a change of scale or rate, added noise, flipped axes or removal of gravity.

    \b
    Example:
      har study robustness watch --model cnn
    """
    from har.studies import robustness

    _ask(ctx, robustness.run, **asked)


@click.command()
@finished_run
@one_model
@click.option(
    "--folds",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Number of folds to train again without each activity in turn.",
)
@click.option(
    "--elsewhere",
    metavar="PIPELINE",
    help="A pipeline of recordings from another placement, with the same windows and activities.",
)
@click.option(
    "--shares",
    type=_Numbers(float),
    metavar="S,…",
    help="Compare these weights of the probability, between 0 and 1, on validation people; test "
    "people are not used.",
)
@click.pass_context
def unknown(
    ctx: click.Context,
    folds: int,
    elsewhere: str | None,
    shares: tuple[float, ...] | None,
    **asked: Any,
) -> None:
    """Measure how often a model answers `unknown` to activities that it was not trained on.

    Each activity is left out of training in turn. Also tested: a phone at rest in any orientation,
    tones, noise and a constant.

    \b
    Example:
      har study unknown motionsense --model cnn --folds 2 --out reports/unknown.md
    """
    from har.studies import unknown

    if shares and (elsewhere or max(shares) > 1):
        raise click.UsageError("--shares takes weights up to 1, and not --elsewhere beside them.")
    _ask(ctx, lambda of: unknown.run(of, folds, elsewhere, shares or ()), **asked)


@click.command()
@finished_run
@some_models
@click.option(
    "--windows",
    "numbers",
    type=_Numbers(int),
    metavar="N,…",
    help="Numbers of windows of each activity to teach (default: 1,3,10).",
)
@click.option(
    "--new",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Number of folds to train again without each activity in turn, which is then taught.",
)
@click.option(
    "--strengths",
    type=_Numbers(float),
    metavar="S,…",
    help="Compare these strengths of the prior on validation people; test people are not used.",
)
@click.pass_context
def personal(
    ctx: click.Context, pipeline: str, models: tuple[str, ...], numbers: tuple[int, ...] | None,
    new: int, strengths: tuple[float, ...] | None, jobs: int | None, out: Path | None,
) -> None:  # fmt: skip
    """Measure how much a few labelled seconds of the wearer improve a model.

    The stored fold models are adapted to each held-out person as by `har adapt`, and tested on
    other recordings of that person.

    \b
    Example:
      har study personal motionsense --model cnn --model rocket --out reports/personal.md
    """
    from har.studies import finished, personal

    if new and strengths:
        raise click.UsageError(
            "--new tests on test people, --strengths on validation people: give one of the two."
        )
    of = finished.find(ctx.obj, pipeline, models=models, jobs=jobs)
    outcome = personal.run(of, numbers or (), new, strengths or ())
    _tell(ctx, of.name, outcome, of.publish(outcome), out)


COMMANDS = (optimism, recipe, length, people, robustness, unknown, personal)


def _ask(
    ctx: click.Context,
    question: Callable[[Finished], Outcome],
    *,
    pipeline: str,
    jobs: int | None,
    out: Path | None,
    model: str | None,
) -> None:
    from har.studies import finished

    of = finished.find(ctx.obj, pipeline, models=[model] if model else (), jobs=jobs)
    outcome = question(of)
    _tell(ctx, of.name, outcome, of.publish(outcome), out)


def _tell(
    ctx: click.Context, pipeline: str, outcome: Outcome, written: list[Path], out: Path | None
) -> None:
    click.echo(describe(outcome))
    if out is not None:
        written += outcome.write_page(out, _again(ctx, pipeline))
    output.echo_written(written)


def describe(outcome: Outcome) -> str:
    """The answer, its table and the method."""
    from har.report.table import padded

    says = [output.wrapped(line) for line in outcome.says]
    table = padded([outcome.head, *outcome.rows], text=1)
    return "\n".join([*says, "", *table, "", output.wrapped(outcome.protocol)])


def _again(ctx: click.Context, pipeline: str) -> str:
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
