"""The run that a study asks about, found again from its published results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from har import fanout, pipeline, pipeline_file
from har.config import ModelConfig
from har.errors import TrainingError, did_you_mean
from har.evaluation.results import Results
from har.signal import window_files
from har.signal.windows import Windows
from har.stages import Context
from har.store import Store
from har.training import splits
from har.training.job_files import JobRecord, Trained
from har.training.splits import Split
from har.training.tasks import TaskMaker
from har.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished run and the models of it that are asked about.

    results : as published. windows, splits : what its jobs were trained and tested on. jobs : of
    all its models.
    """

    context: Context
    results: Results
    models: tuple[ModelConfig, ...]
    windows: Windows
    splits: tuple[Split, ...]
    jobs: tuple[JobRecord, ...]

    @property
    def name(self) -> str:
        return self.context.pipeline.name

    @property
    def folder(self) -> Path:
        """`reports/<pipeline>`, where studies leave what they find."""
        return self.context.workspace.reports / self.name

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.context.pipeline.training.seeds

    @property
    def tasks(self) -> TaskMaker:
        """Of tasks on its windows, with its recipe."""
        c = self.context
        return TaskMaker(c.outputs["prepare"], c.store, c.pipeline.training)

    @property
    def folds(self) -> list[dict[str, list[str]]]:
        """The people in each part of each fold."""
        return [f.as_json() for f in self.results.folds]

    @property
    def same_people(self) -> bool:
        return self.context.pipeline.split.scheme == "sessions"

    def with_pipeline(self, **changes: dict[str, Any]) -> Context:
        """The context of the same pipeline with some values of its sections changed.

        Nothing of it is published: stages up to `train` leave `reports/` alone.
        """
        values = self.context.pipeline.model_dump(mode="json")
        for section, of_section in changes.items():
            values[section] = {**values[section], **of_section}
        other = pipeline_file.parse(values, where=self.name)
        return replace(self.context, pipeline=other)


def find(root: Path, name: str, *, models: Sequence[str] = (), jobs: int | None = None) -> Finished:
    """The finished run of a pipeline.

    What has changed under it since (code, data) is brought up to date first, as `har run` would
    with the settings that it was run with.

    Parameters
    ----------
    root : Path
        Of the workspace.
    name : str
        Of the pipeline, or its file.
    models : sequence of str
        As `results.json` calls them; the selected one if there are none.
    jobs : int, optional
        Processes at a time.

    Raises
    ------
    StoreError
        If there are no results, or not those of this version.
    TrainingError
        If there is no such model in them, or none is selected.
    """
    workspace = Workspace(root.resolve())
    if name.endswith((".yaml", ".yml")):
        name = pipeline_file.load(name).name
    then = Results.published(workspace.reports, name)
    context = Context(
        workspace=workspace,
        pipeline=then.config,
        store=Store(workspace.cache),
        jobs=jobs or fanout.cores(),
        console=Console(stderr=True, highlight=False),
    )
    exported = any(m.export for m in then.models.values())
    context = pipeline.run(context, without=() if exported else ("export",))
    results = Results.published(workspace.reports, name)
    windows = window_files.load(context.outputs["prepare"].path)
    return Finished(
        context,
        results,
        _asked(context, results, models),
        windows,
        tuple(splits.make(windows, context.pipeline.split)),
        tuple(Trained.read(context.outputs["train"], context.store).jobs),
    )


def _asked(context: Context, results: Results, names: Sequence[str]) -> tuple[ModelConfig, ...]:
    able = [n for n, m in results.models.items() if m.macro_f1 and not m.failed_jobs]
    if not names:
        if results.selected is None:
            raise TrainingError(
                f"{context.pipeline.name} has no selected model; name one with --model "
                f"({', '.join(able) or 'none finished all of its jobs'})."
            )
        names = [results.selected]
    if wrong := [n for n in names if n not in able]:
        raise TrainingError(
            f"No finished model {', '.join(wrong)} in the results of {context.pipeline.name}"
            f"{did_you_mean(wrong[0], able)} Finished: {', '.join(able) or 'none'}."
        )
    by_key = {m.key: m for m in context.pipeline.models}
    return tuple(by_key[n] for n in dict.fromkeys(names))
