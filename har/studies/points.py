"""The jobs of a study on honest splits: run beside each other, a record for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from har.config import ModelConfig
from har.fanout import Crew
from har.signal.windows import Windows
from har.training.job_files import JobRecord
from har.training.run import run_tasks
from har.training.splits import Split
from har.training.tasks import TaskMaker


@dataclass(frozen=True, eq=False)
class Point:
    """Folds that give one score: one place on a study's axis.

    tasks : of its windows. Equal windows and folds of the run have the run's own jobs.
    """

    tasks: TaskMaker
    windows: Windows
    splits: Sequence[Split]

    def folds(self) -> list[dict[str, list[str]]]:
        """Who is in which part, as a run's fold list has it."""
        return [split.people() for split in self.splits]


def apart(windows: Windows, folds: Sequence[Mapping[str, Sequence[str]]]) -> list[Split]:
    """Splits of windows by people who are named for each part."""

    def of(names: Sequence[str]) -> np.ndarray:
        return np.flatnonzero(np.isin(windows.subjects, list(names)))

    return [Split(windows, of(f["train"]), of(f["validation"]), of(f["test"])) for f in folds]


def train(points: Sequence[Point], model: ModelConfig, crew: Crew) -> list[list[JobRecord]]:
    """Train what is not stored of all points together; for each point, its jobs.

    Parameters
    ----------
    points : sequence of Point
    model : ModelConfig
    crew : Crew

    Returns
    -------
    list of list of JobRecord
        A job that failed has its reason.
    """
    tasks = [point.tasks.folds([model], point.splits) for point in points]
    jobs = iter(run_tasks([task for of_point in tasks for task in of_point], crew))
    return [[next(jobs) for _ in of_point] for of_point in tasks]
