"""Read what the training jobs left on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import TrainingError
from har.evaluation import metrics
from har.models import registry


@dataclass(frozen=True)
class JobResult:
    """A finished job: its record, its history and its predictions.

    fold, seed : its place in this comparison; a stored job may serve several, and its own record
    names the first. train_index, validation_index, test_index : window indices, shape (m,).
    validation_probabilities, test_probabilities : float32, shape (m, classes).
    """

    folder: Path
    fold: int
    seed: int
    info: dict[str, Any]
    history: dict[str, list[float]]
    train_index: np.ndarray
    validation_index: np.ndarray
    validation_probabilities: np.ndarray
    test_index: np.ndarray
    test_probabilities: np.ndarray

    @property
    def model_file(self) -> Path | None:
        """The saved Keras model; None for a model of another library."""
        path = self.folder / "model.keras"
        return path if path.is_file() else None

    @property
    def fitted_index(self) -> np.ndarray:
        """The windows that the saved model was fitted to, after a refit validation people's too."""
        if not self.info.get("refit"):
            return self.train_index
        return np.union1d(self.train_index, self.validation_index)

    def validation_macro_f1(self, labels: np.ndarray, classes: int) -> float:
        """Macro-F1 on the job's own validation people.

        Parameters
        ----------
        labels : ndarray of int64
            Of all windows.
        classes : int
        """
        true = labels[self.validation_index]
        counts = metrics.confusion_by_subject(
            np.zeros_like(true),
            true,
            self.validation_probabilities.argmax(axis=1),
            subjects=1,
            classes=classes,
        )
        return float(metrics.macro_f1(counts[0]))


@dataclass
class ModelJobs:
    """All jobs of one model."""

    name: str
    done: list[JobResult] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exportable(self) -> bool:
        return bool(self.done) and all(j.info.get("exportable", False) for j in self.done)

    @property
    def by_epochs(self) -> bool:
        """Whether gradient descent trained it."""
        return any(registry.get(j.info["name"]).by_epochs for j in self.done)

    def complete_seeds(self, folds: int) -> dict[int, list[JobResult]]:
        """Jobs by seed, in order of fold, of the seeds for which no fold is missing."""
        by_seed: dict[int, list[JobResult]] = {}
        for job in sorted(self.done, key=lambda j: (j.seed, j.fold)):
            by_seed.setdefault(job.seed, []).append(job)
        return {s: jobs for s, jobs in by_seed.items() if len({j.fold for j in jobs}) == folds}


def read_job(folder: Path, fold: int, seed: int) -> JobResult:
    """A job folder as typed values.

    Parameters
    ----------
    folder : Path
    fold, seed : int

    Raises
    ------
    TrainingError
        If a file is missing or does not fit the others.
    """
    try:
        info = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        history_file = folder / "history.json"
        history = (
            json.loads(history_file.read_text(encoding="utf-8")) if history_file.is_file() else {}
        )
        with np.load(folder / "predictions.npz", allow_pickle=False) as z:
            arrays = {k: z[k] for k in z.files}
        job = JobResult(
            folder,
            fold,
            seed,
            info,
            history,
            arrays["train_index"].astype(np.int64),
            arrays["validation_index"].astype(np.int64),
            arrays["validation_probabilities"],
            arrays["test_index"].astype(np.int64),
            arrays["test_probabilities"],
        )
    except (FileNotFoundError, KeyError, json.JSONDecodeError) as e:
        raise TrainingError(
            f"The job in {folder} is incomplete ({e!r}). Delete that folder and run again."
        ) from e
    for part in ("validation", "test"):
        probabilities = getattr(job, f"{part}_probabilities")
        if len(probabilities) != len(getattr(job, f"{part}_index")):
            raise TrainingError(
                f"The job in {folder} has {len(probabilities)} {part} predictions for "
                f"{len(getattr(job, f'{part}_index'))} windows. Delete that folder and run again."
            )
        if not np.isfinite(probabilities).all():
            raise TrainingError(f"The job in {folder} predicts values that are not finite.")
    return job


def collect(records: Iterable[Any], order: Sequence[str]) -> dict[str, ModelJobs]:
    """Jobs by model.

    Parameters
    ----------
    records : iterable
        Each with `.model .fold .seed .folder .status .reason`, as `har.training.job_files` gives.
    order : sequence of str
        The models' keys, as in the pipeline file.

    Returns
    -------
    dict of ModelJobs
        In that order; a refit on everybody (`fold: final`) is no part of a comparison.
    """
    models = {name: ModelJobs(name) for name in order}
    for record in records:
        if record.fold == "final":
            continue
        model = models.setdefault(record.model, ModelJobs(record.model))
        if record.status == "done":
            model.done.append(read_job(Path(record.folder), int(record.fold), int(record.seed)))
        else:
            model.failed.append(
                {"fold": int(record.fold), "seed": int(record.seed), "reason": record.reason or ""}
            )
    return models
