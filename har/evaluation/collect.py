"""The jobs of a comparison by model, read from what training left on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from har.models import registry
from har.training.job_files import JobRecord, StoredJob


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
