"""The jobs of a comparison by model, and what of them proves that nothing leaked: both are read
from what training left on disk."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from har.evaluation import scaler
from har.evaluation.leakage import PARTS, Evidence
from har.models import registry
from har.signal.windows import Windows
from har.training.job_files import JobRecord, StoredJob
from har.training.leaky import is_leaky


@dataclass
class ModelJobs:
    """All jobs of one model."""

    name: str
    done: list[StoredJob] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exportable(self) -> bool:
        return bool(self.done) and all(j.about.exportable for j in self.done)

    @property
    def by_epochs(self) -> bool:
        """Whether gradient descent trained it."""
        return any(registry.get(j.about.name).by_epochs for j in self.done)

    def complete_seeds(self, folds: int) -> dict[int, list[StoredJob]]:
        """Jobs by seed, in order of fold, of the seeds for which no fold is missing."""
        by_seed: dict[int, list[StoredJob]] = {}
        for job in sorted(self.done, key=lambda j: (j.seed, j.fold)):
            by_seed.setdefault(job.seed, []).append(job)
        return {s: jobs for s, jobs in by_seed.items() if len({j.fold for j in jobs}) == folds}


def collect(records: Iterable[JobRecord], order: Sequence[str]) -> dict[str, ModelJobs]:
    """Jobs by model, in the order of the models' keys in the pipeline file.

    Raises
    ------
    TrainingError
        If what a finished job left is incomplete.
    """
    models = {name: ModelJobs(name) for name in order}
    for record in records:
        model = models.setdefault(record.model, ModelJobs(record.model))
        if record.folder is not None:
            model.done.append(record.read())
        else:
            model.failed.append({"fold": record.fold, "seed": record.seed, "reason": record.reason})
    return models


def artefacts(
    windows: Windows,
    folds: Sequence[Mapping[str, Sequence[str]]],
    models: Mapping[str, ModelJobs],
) -> list[Evidence]:
    """Evidence for the proof, from every finished job.

    `folds` has the people who belong in each part: a job that used windows of others does not pass.
    """
    moments = functools.cache(lambda kind: scaler.moments(windows, kind))
    out = []
    for model in models.values():
        for job in model.done:
            saved = scaler.saved_scaler(job.model_file) if job.model_file else None
            out.append(
                Evidence(
                    model=model.name,
                    fold=int(job.fold),
                    seed=job.seed,
                    subjects=folds[int(job.fold)],
                    record={p: getattr(job.about, p) for p in PARTS},
                    train=job.predictions.train_index,
                    validation=job.predictions.validation_index,
                    test=job.predictions.test_index,
                    scaler=scaler.difference(saved, moments(saved.kind), job.fitted_index)
                    if saved
                    else None,
                    early_stopping=_stopping(job, windows.labels),
                    leaky=is_leaky(job.about.fold),
                )
            )
    return out


def _stopping(job: StoredJob, labels: np.ndarray) -> tuple[float, float, float] | None:
    scores, best = job.history.get("val_macro_f1"), job.about.best_epoch
    if not scores or best is None:
        return None
    _, support = np.unique(labels[job.predictions.validation_index], return_counts=True)
    one_window = 2 / (len(support) * support.min())  # it is missed once and wrong once
    return scores[best - 1], job.validation_macro_f1(labels), float(one_window)
