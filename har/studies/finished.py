"""The run that a study asks about, found again from its published results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har import fanout, pipeline_file, session
from har.config import ModelConfig, Pipeline
from har.errors import TrainingError, did_you_mean
from har.evaluation.results import Results
from har.fanout import Crew
from har.fanout.outcome import Work
from har.report.figures import Ink
from har.signal import window_files
from har.signal.windows import Windows
from har.store import Output, Store
from har.studies.answer import Outcome
from har.training import splits
from har.training.job_files import JobRecord, Trained
from har.training.splits import Split
from har.training.tasks import TaskMaker
from har.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished run and the models of it that are asked about.

    results : as published. prepared, windows, splits : what its jobs were trained and tested on.
    jobs : of all its models. crew : who works for a study.
    """

    workspace: Workspace
    results: Results
    models: tuple[ModelConfig, ...]
    prepared: Output
    windows: Windows
    splits: tuple[Split, ...]
    jobs: tuple[JobRecord, ...]
    crew: Crew

    @property
    def name(self) -> str:
        return self.results.pipeline

    @property
    def pipeline(self) -> Pipeline:
        return self.results.config

    @property
    def folder(self) -> Path:
        """`reports/<pipeline>`, where studies leave what they find."""
        return self.workspace.reports / self.name

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.pipeline.training.seeds

    @property
    def tasks(self) -> TaskMaker:
        """Of tasks on its windows, with its recipe."""
        return TaskMaker(self.prepared, Store(self.workspace.cache), self.pipeline.training)

    @property
    def folds(self) -> list[dict[str, list[str]]]:
        """The people in each part of each fold."""
        return [f.as_json() for f in self.results.folds]

    def asked(self, ask: Work, items: Sequence[Any]) -> list[Any]:
        """What `ask` finds for each item, which has the `job` that it is of.

        Raises
        ------
        TrainingError
            If a process fails.
        """
        return fanout.values(
            fanout.run(ask, items, jobs=self.crew.jobs),
            lambda i, why: TrainingError(f"{items[i].job.path}: {why.reason}"),
        )

    @property
    def same_people(self) -> bool:
        return self.pipeline.split.scheme == "sessions"

    def outcome(
        self,
        study: str,
        question: str,
        model: ModelConfig,
        *,
        says: Sequence[str],
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        protocol: str,
        data: dict[str, Any],
        draw: Callable[[Ink], Any],
    ) -> Outcome:
        """The answer to a question on one model; its `data` say what it is of."""
        title = f"{self.name}: {question}"
        of: dict[str, Any] = {
            "study": study,
            "model": model.key,
            "config_key": self.results.config_key,
            "data_fingerprint": self.results.data_fingerprint,
            "title": title,
            "says": list(says),
            "head": list(head),
            "rows": [list(row) for row in rows],
            "protocol": protocol,
        }
        return Outcome(study, self.name, title, says, head, rows, protocol, of | data, draw)

    def publish(self, outcome: Outcome) -> list[Path]:
        """Leave what was found where the report looks for it, and draw the report anew."""
        written = outcome.write(self.folder)
        session.outputs(self.workspace, self.pipeline, self.crew, without=("export",))
        return [*written, self.folder / "results.json", self.folder / "index.html"]


def find(
    workspace: Workspace, name: str, *, models: Sequence[str] = (), jobs: int | None = None
) -> Finished:
    """The finished run of a pipeline, by its name or its file.

    What has changed under it since (code, data) is brought up to date first, as `har run` would
    with the settings that it was run with. `models` are as `results.json` calls them; the selected
    one if there are none.

    Raises
    ------
    StoreError
        If there are no results, or not those of this version.
    TrainingError
        If there is no such model in them, or none is selected.
    """
    crew = session.crew(jobs)
    if name.endswith((".yaml", ".yml")):
        name = pipeline_file.load(name).name
    then = Results.published(workspace.reports, name)
    exported = any(m.export for m in then.models.values())
    without = () if exported else ("export",)
    outputs = session.outputs(workspace, then.config, crew, without=without)
    results = Results.published(workspace.reports, name)
    windows = window_files.load(outputs["prepare"].path)
    return Finished(
        workspace,
        results,
        _asked(results, models),
        outputs["prepare"],
        windows,
        tuple(splits.make(windows, results.config.split)),
        tuple(Trained.read(outputs["train"]).jobs),
        crew,
    )


def _asked(results: Results, names: Sequence[str]) -> tuple[ModelConfig, ...]:
    able = [n for n, m in results.models.items() if m.macro_f1 and not m.failed_jobs]
    if not names:
        if results.selected is None:
            raise TrainingError(
                f"{results.pipeline} has no selected model; name one with --model "
                f"({', '.join(able) or 'none finished all of its jobs'})."
            )
        names = [results.selected]
    if wrong := [n for n in names if n not in able]:
        raise TrainingError(
            f"No finished model {', '.join(wrong)} in the results of {results.pipeline}"
            f"{did_you_mean(wrong[0], able)} Finished: {', '.join(able) or 'none'}."
        )
    by_key = {m.key: m for m in results.config.models}
    return tuple(by_key[n] for n in dict.fromkeys(names))
