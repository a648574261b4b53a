"""The jobs of a study on honest splits: made, run beside each other, found again as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from har.config import ModelConfig
from har.signal.windows import Windows
from har.stages import Context
from har.training.job import Job, Task
from har.training.job_files import JobRecord
from har.training.run import run_tasks
from har.training.splits import Split


@dataclass(frozen=True, eq=False)
class Point:
    """Folds that give one score: one place on a study's axis.

    context : with the output of `prepare`; its pipeline says how to train.
    """

    context: Context
    windows: Windows
    splits: Sequence[Split]

    def folds(self) -> list[dict[str, list[str]]]:
        """Who is in which part, as a run's fold list has it."""
        parts = ("train", "validation", "test")
        return [{part: s.subjects(part) for part in parts} for s in self.splits]

    def tasks(self, model: ModelConfig) -> list[tuple[int, Task]]:
        """Every fold with every seed. Equal windows of the run have the run's own key."""
        prepared, training = self.context.outputs["prepare"], self.context.pipeline.training
        return [
            (
                fold,
                Task(
                    job=Job(model, fold, seed),
                    training=training,
                    train=split.train,
                    validation=split.validation,
                    test=split.test,
                    prepared=prepared.path,
                    prepared_fingerprint=prepared.fingerprint,
                    store=self.context.store.root,
                ),
            )
            for seed in training.seeds
            for fold, split in enumerate(self.splits)
        ]


def apart(windows: Windows, folds: Sequence[Mapping[str, Sequence[str]]]) -> list[Split]:
    """Splits of windows by people who are named for each part."""

    def of(names: Sequence[str]) -> np.ndarray:
        return np.flatnonzero(np.isin(windows.subjects, list(names)))

    return [Split(windows, of(f["train"]), of(f["validation"]), of(f["test"])) for f in folds]


def train(points: Sequence[Point], model: ModelConfig) -> list[list[JobRecord]]:
    """Train what is not stored of all points together; for each point, its jobs.

    Parameters
    ----------
    points : sequence of Point
    model : ModelConfig

    Returns
    -------
    list of list of JobRecord
        A job that failed has its reason.
    """
    if not points:
        return []
    numbered = [(p, fold, task) for p, point in enumerate(points)
                for fold, task in point.tasks(model)]  # fmt: skip
    c = points[0].context
    failed = run_tasks([t for *_, t in numbered], jobs=c.jobs, console=c.console, dask=c.dask)
    out: list[list[JobRecord]] = [[] for _ in points]
    for i, (p, fold, task) in enumerate(numbered):
        found = None if i in failed else task.find()
        out[p].append(
            JobRecord(
                model.key, fold, task.job.seed, task.key, found.path if found else None,
                failed.get(i, ""),
            )
        )  # fmt: skip
    return out
