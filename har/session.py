"""A run of the command line: the workspace, the pipeline file, the stages, what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from rich.console import Console

from har import config, fanout, pipeline, tracking
from har.errors import TrainingError
from har.models.saved import load_model
from har.stages import Context
from har.store import Store
from har.training.job_files import Trained
from har.workspace import Workspace

CLOSING = ("report", "export")
"""Stages whose summaries close a run, in this order."""


def open_context(
    root: Path,
    name: str,
    *,
    overrides: tuple[str, ...] = (),
    jobs: int | None = None,
    dask: str | None = None,
) -> Context:
    """The context of a pipeline in a workspace."""
    workspace = Workspace(root.resolve())
    return Context(
        workspace=workspace,
        pipeline=config.load(name, overrides),
        store=Store(workspace.cache),
        jobs=jobs or fanout.cores(),
        console=Console(stderr=True, highlight=False),
        dask=dask,
    )


def run(
    root: Path,
    name: str,
    *,
    echo: Callable[[str], None],
    until: str = "report",
    without: Collection[str] = (),
    overrides: tuple[str, ...] = (),
    jobs: int | None = None,
    dask: str | None = None,
    force: Collection[str] = (),
    dry_run: bool = False,
) -> Context:
    """Run a pipeline up to a stage; results go to `echo`, progress to stderr.

    `until`, `without` and `force` are those of `har.pipeline.run`.

    Raises
    ------
    TrainingError
        At the end, after the others were compared, if a job failed.
    """
    opened = open_context(root, name, overrides=overrides, jobs=jobs, dask=dask)
    steps: list[pipeline.Step] = []

    def tell(step: pipeline.Step) -> None:
        steps.append(step)
        if step.state == "would run":
            echo(f"{step.stage.name}: would run ({step.why})")
        elif step.state == "up to date":
            opened.console.print(f"[bold]{step.stage.name}[/bold]: up to date")
        else:
            opened.console.print(f"  [dim]done in {step.seconds:.1f} s[/dim]")
            if step.stage.name not in CLOSING:
                _echo_summary(step)

    def _echo_summary(step: pipeline.Step) -> None:
        if step.output and (text := step.stage.summarise(opened, step.output)):
            echo(text)

    context = pipeline.run(
        opened, until=until, without=without, force=force, dry_run=dry_run, on_step=tell
    )
    if dry_run:
        return context
    if sent := tracking.track(context, load_model=load_model):
        context.console.print(f"[bold]track[/bold]: {sent}")
    # What a run is for is shown at its end, also when nothing had to be done.
    closing = [step for name in CLOSING for step in steps if step.stage.name == name]
    if not closing and steps[-1].state == "up to date":
        closing = [steps[-1]]
    for step in closing:
        _echo_summary(step)
    if "compare" in context.outputs:
        elsewhere = f" --workspace {root}" if root != Path(".") else ""
        echo(f"MLflow: har{elsewhere} ui")
    if "train" in context.outputs:
        _refuse_failures(context)
    return context


def _refuse_failures(context: Context) -> None:
    jobs = Trained.read(context.outputs["train"], context.store).jobs
    failed = [j for j in jobs if j.folder is None]
    if failed:
        names = "\n".join(f"  {j.model} fold {j.fold} seed {j.seed}: {j.reason}" for j in failed)
        raise TrainingError(
            f"{len(failed)} of {len(jobs)} jobs failed; the same command tries them again:\n"
            + names
        )


def track(root: Path, name: str, *, overrides: tuple[str, ...] = ()) -> str:
    """Send what is stored of a pipeline to MLflow; says what was sent. Runs no stage."""
    context = open_context(root, name, overrides=overrides)
    # finds the finished outputs
    context = pipeline.run(context, without=("export",), dry_run=True)
    sent = tracking.track(context, load_model=load_model, required=True)
    return sent or "MLflow has all of it already."
