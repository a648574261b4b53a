"""Every task is made here: of folds, leaky ones too, of a search's trials, of what ships."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.config import ModelConfig, Training
from har.signal.windows import Windows
from har.store import Output, Store
from har.training.job import FINAL, Job, Task
from har.training.leaky import LEAKY, LeakySplit, LeakyTask
from har.training.splits import Parts, Split

NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True)
class TaskMaker:
    """Makes the tasks of a run from what they have in common: the output of `prepare`, the store of
    results, the recipe."""

    prepared: Output
    store: Store
    training: Training

    def folds(self, models: Iterable[ModelConfig], splits: Sequence[Parts]) -> list[Task]:
        """Every model with every seed on every fold, in this order."""
        return [
            self._of_fold(Job(model, fold, seed), split)
            for model in models
            for seed in self.training.seeds
            for fold, split in enumerate(splits)
        ]

    def _of_fold(self, job: Job, split: Parts) -> Task:
        parts = (split.train, split.validation, split.test)
        if isinstance(split, LeakySplit):  # the job's record calls its model and its fold leaky
            label = f"{job.model.key} ({LEAKY})"
            model = job.model.model_copy(update={"label": label})
            job = Job(model, f"{LEAKY} {job.fold}", job.seed)
            return self._task(job, *parts, kind=LeakyTask)
        return self._task(job, *parts)

    def trial(self, model: ModelConfig, split: Split, *, fold: int, seed: int) -> Task:
        """One fold without its test people: a choice of parameters has nothing to do with them."""
        return self._task(Job(model, fold, seed), split.train, split.validation)

    def final(
        self,
        model: ModelConfig,
        windows: Windows,
        *,
        exclude: Sequence[str],
        seed: int,
        epochs: int,
        temperature: float,
    ) -> Task:
        """The fit on all people but the excluded, for what ships.

        Epochs and temperature are the medians of what the folds' validation people chose.
        """
        everybody = np.flatnonzero(~np.isin(windows.subjects, exclude))
        job = Job(model, FINAL, seed)
        return self._task(job, everybody, epochs=epochs, temperature=temperature)

    def _task(
        self,
        job: Job,
        train: np.ndarray,
        validation: np.ndarray = NOBODY,
        test: np.ndarray = NOBODY,
        *,
        kind: type[Task] = Task,
        **chosen: Any,
    ) -> Task:
        return kind(
            job=job,
            training=self.training,
            train=train,
            validation=validation,
            test=test,
            prepared=self.prepared.folder,
            prepared_fingerprint=self.prepared.fingerprint,
            store=self.store.root,
            **chosen,
        )
