"""The jobs of a comparison by model, and what of them proves that nothing leaked: both are read
from what training left on disk."""

from __future__ import annotations

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
    moments: dict[str, scaler.Moments] = {}
    k = len(windows.activities)
    out = []
    for model in models.values():
        for job in model.done:
            saved = scaler.saved_scaler(job.model_file) if job.model_file else None
            if saved is not None and saved.kind not in moments:
                moments[saved.kind] = scaler.moments(windows, saved.kind)
            stopping = None
            scores, best = job.history.get("val_macro_f1"), job.about.best_epoch
            if scores and best is not None:
                support = np.bincount(windows.labels[job.predictions.validation_index], minlength=k)
                present = support[support > 0]
                stopping = (
                    scores[best - 1],
                    job.validation_macro_f1(windows.labels),
                    2 / (len(present) * present.min()),  # it is missed once and wrong once
                )
            out.append(
                Evidence(
                    model=model.name,
                    fold=int(job.fold),
                    seed=job.seed,
                    subjects=folds[int(job.fold)],
                    record={p: getattr(job.about, p) for p in PARTS},
                    fitted=job.fitted_index,
                    train=job.predictions.train_index,
                    validation=job.predictions.validation_index,
                    test=job.predictions.test_index,
                    scaler=saved,
                    moments=moments[saved.kind] if saved else None,
                    early_stopping=stopping,
                    leaky=is_leaky(job.about.fold),
                )
            )
    return out
