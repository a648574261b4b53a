"""`har search`: better parameters of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from har.cli import options, output
from har.workspace import Workspace

if TYPE_CHECKING:
    from har.training.search import Found


@click.command()
@options.pipeline
@click.option("--model", metavar="NAME", help="Model to search for (default: the first one).")
@click.option(
    "--trials", type=click.IntRange(1), default=30, show_default=True,
    help="Number of parameter sets to try, including those of earlier runs.",
)  # fmt: skip
@options.overrides()
@options.jobs
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the search.")
@options.as_json
@click.pass_obj
def search(
    workspace: Workspace, pipeline: str, model: str | None, trials: int, overrides: tuple[str, ...],
    jobs: int | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Search a model's parameters with Optuna, scored on validation people alone.

    Prints the best as YAML for the pipeline file. Trials are kept in reports/search.db: run the
    same command again to continue. Needs the extra `search`.

    \b
    Example:
      har search watch --model cnn --trials 30
    """
    from har import session
    from har.pipeline import run
    from har.training import search

    search.require()
    context = session.open_context(workspace.root, pipeline, overrides=overrides, jobs=jobs)
    context = run(context, until="prepare")
    found = search.search(
        context.pipeline, model, prepared=context.outputs["prepare"], workspace=context.workspace,
        crew=context.crew, trials=trials, seed=seed,
    )  # fmt: skip
    if as_json:
        output.echo_json(found.as_dict())
    else:
        click.echo(describe(found), nl=False)


def describe(found: Found) -> str:
    """A part of a pipeline file, with what must be known of it as comments."""
    began = "" if found.first is None else f"; the pipeline's own parameters: {found.first:.4f}"
    return (
        f"# {found.model.key}: validation macro-F1 {found.score:.4f}, mean of {found.steps} "
        f"(trial {found.trial}{began})\n"
        f"# {found.finished} trials finished, {found.pruned} given up early, "
        f"{found.failed} failed\n"
        "# The best of many is flattered by its luck, and its validation people chose it:\n"
        "# quote its score on people who took no part, as split.exclude keeps them.\n"
        + found.as_yaml()
    )
