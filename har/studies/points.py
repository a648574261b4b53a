"""What a study trains beside a run, on honest splits, and the score of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.config import ModelConfig
from har.errors import TrainingError
from har.evaluation import leakage, scoring
from har.evaluation.collect import artefacts, collect
from har.evaluation.statistics import Scored
from har.fanout import Crew
from har.signal.windows import Windows
from har.training.job_files import JobRecord
from har.training.run import run_tasks
from har.training.splits import Split
from har.training.tasks import TaskMaker

SCORES = {"macro_f1", "macro_f1_ci95", "macro_f1_seed_sd", "accuracy", "validation_macro_f1"}


@dataclass(frozen=True, eq=False)
class Point:
    """Folds that give one score: one place on a study's axis.

    tasks : of its windows. Equal windows and folds of the run have the run's own jobs.
    """

    tasks: TaskMaker
    windows: Windows
    splits: Sequence[Split]

    def score(
        self, records: Sequence[JobRecord], people: Sequence[str]
    ) -> tuple[Scored, dict[str, Any]]:
        """The score of one model, after the proof that nothing leaked.

        Parameters
        ----------
        records : sequence of JobRecord
            Of the model's jobs on these folds.
        people : sequence of str
            In the order in which they are counted.

        Returns
        -------
        Scored
        dict
            `SCORES`.

        Raises
        ------
        TrainingError
            If a job failed.
        LeakageError
            If the proof does not hold.
        """
        (model,) = collect(records, []).values()
        if model.failed:
            raise TrainingError(f"{model.name}: {model.failed[0]['reason']}")
        folds = [split.people() for split in self.splits]
        evidence = artefacts(self.windows, folds, {model.name: model})
        same_people = not self.splits[0].by_subject
        leakage.require(leakage.prove(self.windows, evidence, same_people=same_people))
        scored, entry = scoring.score(model, self.windows, len(folds), people)
        assert scored is not None  # no job failed
        return scored, entry.model_dump(include=SCORES)


def apart(windows: Windows, folds: Sequence[Mapping[str, Sequence[str]]]) -> list[Split]:
    """Splits of windows by people who are named for each part."""

    def of(names: Sequence[str]) -> np.ndarray:
        return np.flatnonzero(np.isin(windows.subjects, list(names)))

    return [Split(windows, of(f["train"]), of(f["validation"]), of(f["test"])) for f in folds]


def train(points: Sequence[Point], model: ModelConfig, crew: Crew) -> list[list[JobRecord]]:
    """Train what is not stored of all points together; for each point, its jobs.

    A job that failed has its reason.
    """
    tasks = [point.tasks.folds([model], point.splits) for point in points]
    jobs = iter(run_tasks([task for of_point in tasks for task in of_point], crew))
    return [[next(jobs) for _ in of_point] for of_point in tasks]
