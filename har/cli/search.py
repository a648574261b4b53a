"""`har search`: better parameters of one model."""

from __future__ import annotations

import click


@click.command()
@click.argument("pipeline", default="watch")
@click.option("--model", metavar="NAME", help="Whose parameters (default: the pipeline's first).")
@click.option(
    "--trials", type=click.IntRange(1), default=30, show_default=True,
    help="Sets of parameters to try, those of earlier runs included.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override a value of the pipeline file; may be repeated.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(1), default=None,
    help="Processes at a time (default: one for each core).",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the search.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def search(
    ctx: click.Context, pipeline: str, model: str | None, trials: int, overrides: tuple[str, ...],
    jobs: int | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Search a model's parameters with Optuna, scored on validation people alone.

    Prints the best as a part for the pipeline file. Trials are kept in reports/search.db: the same
    command goes on where it was stopped. Needs the extra `search`.

    \b
    Example:
      har search watch --model cnn --trials 30
    """
    import json

    from har import pipeline as running
    from har import session
    from har.training import search as searching

    searching.require()
    context = session.open_context(ctx.obj, pipeline, overrides=overrides, jobs=jobs)
    context = running.run(context, until="prepare")
    found = searching.search(
        context.pipeline, model, prepared=context.outputs["prepare"], workspace=context.workspace,
        crew=context.crew, trials=trials, seed=seed,
    )  # fmt: skip
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else found.as_text(), nl=as_json)
