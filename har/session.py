"""One run, from the name of a pipeline to the outputs of its stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from har import fanout, faults, pipeline, pipeline_file, tracking
from har.config import Pipeline
from har.errors import ConfigError, TrainingError
from har.fanout import Crew
from har.fanout.gpus import NONE as NO_GPU
from har.files import read_json
from har.ingest import datasets
from har.models import registry
from har.pipeline import Step
from har.stages import Context
from har.store import Output, Store
from har.tracking import Sent
from har.training.job_files import Trained
from har.workspace import Workspace


@dataclass(frozen=True)
class Run:
    """What a run came to.

    Parameters
    ----------
    steps : sequence of Step
        One for each stage that was asked for, in order.
    sent : Sent, optional
        What MLflow was sent; None if it has all of it already, or did not take it.
    """

    context: Context
    steps: Sequence[Step]
    sent: Sent | None = None

    @property
    def outputs(self) -> Mapping[str, Output]:
        """Finished outputs, by stage."""
        return self.context.outputs

    @property
    def folder(self) -> Path:
        """`reports/<pipeline>`."""
        return self.context.workspace.reports / self.context.pipeline.name

    def require(self) -> None:
        """Refuse a run in which a job failed.

        Raises
        ------
        TrainingError
            With each of them and its reason.
        """
        if "train" not in self.outputs:
            return
        jobs = Trained.read(self.outputs["train"]).jobs
        failed = [j for j in jobs if j.folder is None]
        if failed:
            raise TrainingError(
                f"{len(failed)} of {len(jobs)} jobs failed; the same command tries them again:\n"
                + "\n".join(f"  {j.model} fold {j.fold} seed {j.seed}: {j.reason}" for j in failed)
            )


def crew(jobs: int | None = None, dask: str | None = None) -> Crew:
    """Who works, told of on stderr; a process for each core if `jobs` is left out."""
    # In a notebook rich would want ipywidgets for its bars: lines of text do.
    console = Console(stderr=True, highlight=False, force_jupyter=False)
    return Crew(jobs or fanout.cores(), console, dask)


def open_context(
    root: Path,
    name: str,
    *,
    overrides: tuple[str, ...] = (),
    jobs: int | None = None,
    dask: str | None = None,
) -> Context:
    """The context of a pipeline in a workspace."""
    return _context(
        Workspace(root.resolve()), pipeline_file.load(name, overrides), crew(jobs, dask)
    )


def _context(workspace: Workspace, of: Pipeline, crew: Crew) -> Context:
    store = Store(workspace.cache)
    return Context(workspace, of, store, crew.jobs, crew.console, crew.dask)


def outputs(
    workspace: Workspace,
    of: Pipeline,
    crew: Crew,
    **which: Any,
) -> Mapping[str, Output]:
    """Bring a pipeline's stages up to date, as `har.pipeline.run` does: their outputs, by stage."""
    check(of)
    with faults.told():
        return pipeline.run(_context(workspace, of, crew), **which).outputs


def run(
    root: Path,
    name: str,
    *,
    overrides: tuple[str, ...] = (),
    jobs: int | None = None,
    dask: str | None = None,
    dry_run: bool = False,
    must_export: bool = False,
    on_step: Callable[[Step], None] = lambda _step: None,
    **which: Any,
) -> Run:
    """Run a pipeline up to a stage, and send what it came to to MLflow.

    Parameters
    ----------
    root : Path
        The workspace.
    name : str
        A pipeline, or the path of its file.
    overrides : tuple of str
        `KEY=VALUE` in place of values of the file.
    jobs : int, optional
        Processes at a time; one for each core if left out.
    dask : str, optional
        Address of a cluster that does the work.
    must_export : bool
        Refuse a pipeline of which no model can be exported, where otherwise the run ends with its
        report.
    dry_run, on_step, **which
        As of `har.pipeline.run`: which stages, with `until`, `without` and `force`.

    Returns
    -------
    Run
        Some of its jobs may have failed, and the others been compared: see `Run.require`.
    """
    steps: list[Step] = []
    context = open_context(root, name, overrides=overrides, jobs=jobs, dask=dask)
    check(context.pipeline)
    tracking.check_address(context.workspace)
    if context.pipeline.training.device == "gpu" and not dask and not fanout.gpus.visible():
        context.console.print(f"[yellow]{NO_GPU}[/yellow]")  # what is stored is found without one
    if not must_export and (why := _not_exported(context.pipeline)):
        which["without"] = {*which.get("without", ()), "export"}
        if not dry_run:
            context.console.print(why)

    def told(step: Step) -> None:
        steps.append(step)
        on_step(step)
        if step.stage.name == "ingest" and step.output is not None:  # now they are known
            people = read_json(step.output.path / "summary.json")["subjects"]
            left_out = context.pipeline.split.exclude
            _enough_people(context.pipeline, len(set(people) - set(left_out)))

    with faults.told():
        context = pipeline.run(context, dry_run=dry_run, on_step=told, **which)
        return Run(context, steps, None if dry_run else _track(context))


def check(of: Pipeline) -> None:
    """Refuse, before anything is read, what could only fail later.

    Raises
    ------
    ConfigError
        For a model, a parameter, a data set or a placement that there is not, windows too short for
        a model, a library that is not installed, or more folds than a published set has people.
    """
    steps = round(of.windows.length_s * of.signal.rate_hz)
    for model in of.models:
        spec = registry.get(model.name)
        spec.check_window(steps, model.params)
        spec.require()
    if isinstance(of.dataset, str):
        known = datasets.get(of.dataset)
        known.placement(of.placement)
        if known.subjects:
            _enough_people(of, known.subjects - len(of.split.exclude))


def _enough_people(of: Pipeline, people: int) -> None:
    """Refuse more folds than there are people who take part."""
    if of.split.scheme == "subject-folds" and of.split.folds > people:
        raise ConfigError(
            f"split.folds: {of.split.folds} folds need as many people, and {of.dataset_name} has "
            f"{people}."
        )


def _not_exported(of: Pipeline) -> str:
    """Why there is nothing to export, if all that can be exported were wanted; else empty."""
    if of.export.models not in ("best", "all"):
        return ""
    if any(registry.get(m.name).exportable for m in of.models):
        return ""
    names = ", ".join(m.key for m in of.models)
    return f"[bold]export[/bold]: nothing to export, since no phone runs {names}"


def track(root: Path, name: str, *, overrides: tuple[str, ...] = ()) -> Sent | None:
    """Send what is stored of a pipeline to MLflow; None if it is there already. Runs no stage."""
    context = open_context(root, name, overrides=overrides)
    tracking.check_address(context.workspace)
    # finds the finished outputs
    context = pipeline.run(context, without=("export",), dry_run=True)
    return _track(context, required=True)


def _track(context: Context, *, required: bool = False) -> Sent | None:
    return tracking.track(
        context.workspace,
        context.pipeline.name,
        context.outputs,
        console=context.console,
        required=required,
    )
