"""What training leaves on disk: the folder of a job, and the list of jobs of a `train` output.

<job>/model.keras          the network, as it ships; none of a classical model
<job>/predictions.npz      `Predictions`
<job>/job.json             `About`
<job>/history.json         a list for each quantity, with an entry for each epoch
<train>/folds.json         the people of each fold's parts
<train>/jobs.json          a record for each job: its key in the store, or why it failed
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from har.damage import checked
from har.errors import TrainingError
from har.files import read_json, write_json
from har.store import Output, Store
from har.training.fit import macro_f1

MODEL, ABOUT, HISTORY, PREDICTIONS = "model.keras", "job.json", "history.json", "predictions.npz"
History = dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a job's model says of the windows that it was not fitted to.

    train_index, validation_index, test_index : int64, shape (m,): windows. Of those that trained
    there are no predictions: they are for the proof that nothing leaked. validation_probabilities,
    test_probabilities : float32, shape (m, classes).
    """

    train_index: np.ndarray
    validation_index: np.ndarray
    validation_probabilities: np.ndarray
    test_index: np.ndarray
    test_probabilities: np.ndarray

    def of(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Windows and probabilities of `validation` or `test`."""
        return getattr(self, f"{part}_index"), getattr(self, f"{part}_probabilities")


class About(BaseModel):
    """What was trained, on whom, and what came of it.

    model, fold : as the comparison calls them that trained it first; a stored job may serve
    several. train, validation, test : people. chosen_by : where validation people trained too,
    once they had chosen, the stored job of the model that they chose.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    name: str
    params: dict[str, Any]
    fold: int | str
    seed: int
    exportable: bool
    backend: dict[str, str] | None
    n_train: int
    train: list[str]
    validation: list[str]
    test: list[str]
    parameters: int | None
    epochs_run: int | None
    best_epoch: int | None
    temperature: float
    chosen_by: str | None
    train_seconds: float

    @property
    def refit(self) -> bool:
        """Whether validation people trained too."""
        return self.chosen_by is not None

    @property
    def windows_per_s(self) -> float:
        """How fast it trained; a refit passes the windows as often again."""
        passes = (self.epochs_run or 1) * (2 if self.refit else 1)
        return self.n_train * passes / self.train_seconds


@dataclass(frozen=True, eq=False)
class StoredJob:
    """A finished job at its place in a comparison, read whole."""

    folder: Path
    fold: int | str
    seed: int
    about: About
    history: History
    predictions: Predictions

    @property
    def model_file(self) -> Path | None:
        """The saved Keras model; None of a classical one."""
        path = self.folder / MODEL
        return path if path.is_file() else None

    @property
    def fitted_index(self) -> np.ndarray:
        """The windows that the saved model was fitted to, after a refit validation people's too."""
        p = self.predictions
        if not self.about.refit:
            return p.train_index
        return np.union1d(p.train_index, p.validation_index)

    def validation_macro_f1(self, labels: np.ndarray) -> float:
        """Macro-F1 of its own validation people; `labels` are of all windows."""
        index, probabilities = self.predictions.of("validation")
        return macro_f1(labels[index], probabilities.argmax(axis=1))


@dataclass(frozen=True)
class JobRecord:
    """A job of a comparison: where its result is, or why there is none."""

    model: str
    fold: int | str
    seed: int
    key: str
    folder: Path | None
    reason: str = ""

    @property
    def path(self) -> Path:
        """The folder of a job that did not fail, checked; the error of one that did."""
        if self.folder is None:
            raise TrainingError(f"{self.model} fold {self.fold} seed {self.seed}: {self.reason}")
        return checked(self.folder)

    @property
    def chooser(self) -> Path:
        """The folder of the job by whose model its validation people chose; mostly its own."""
        by = read_about(self.path).chosen_by
        return self.path if by is None else checked(self.path.parent / by)

    @property
    def finished_at(self) -> float:
        """Seconds since 1970."""
        return (self.path / ABOUT).stat().st_mtime

    def read(self) -> StoredJob:
        return read(self.path, self.fold, self.seed)


def read_about(folder: Path) -> About:
    return About.model_validate_json((folder / ABOUT).read_bytes())


def write(folder: Path, about: About, history: History, predictions: Predictions) -> None:
    """Write a job's folder, all but its model."""
    write_json(folder / ABOUT, about.model_dump())
    write_json(folder / HISTORY, history)
    np.savez(folder / PREDICTIONS, **vars(predictions))


def read(folder: Path, fold: int | str, seed: int) -> StoredJob:
    """Read a job's folder; fold and seed are its place in this comparison.

    Raises
    ------
    TrainingError
        If a file is missing or does not fit the others.
    """
    try:
        about = read_about(folder)
        history = read_json(folder / HISTORY)
        with np.load(folder / PREDICTIONS, allow_pickle=False) as z:
            predictions = Predictions(**z)
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as e:
        raise TrainingError(
            f"The job in {folder} is incomplete ({e!r}). Delete that folder and run again."
        ) from e
    for part in ("validation", "test"):
        index, probabilities = predictions.of(part)
        if len(probabilities) != len(index):
            raise TrainingError(
                f"The job in {folder} has {len(probabilities)} {part} predictions for "
                f"{len(index)} windows. Delete that folder and run again."
            )
        if not np.isfinite(probabilities).all():
            raise TrainingError(f"The job in {folder} predicts values that are not finite.")
    return StoredJob(folder, fold, seed, about, history, predictions)


@dataclass(frozen=True)
class Trained:
    """A `train` output: the folds, as lists of people by part, and a record for each job."""

    folds: list[dict[str, list[str]]]
    jobs: list[JobRecord]

    def write(self, folder: Path) -> None:
        write_json(folder / "folds.json", self.folds)
        records = [
            {
                "model": j.model,
                "fold": j.fold,
                "seed": j.seed,
                "key": j.key,
                "status": "done" if j.folder else "failed",
                "reason": j.reason,
            }
            for j in self.jobs
        ]
        write_json(folder / "jobs.json", records)

    @classmethod
    def read(cls, output: Output) -> Trained:
        """With each job's folder as it is in the output's store now."""
        store = Store(output.path.parent.parent)
        records = read_json(output.path / "jobs.json")
        return cls(read_json(output.path / "folds.json"), [_found(r, store) for r in records])


def _found(record: dict[str, Any], store: Store) -> JobRecord:
    done = record.pop("status") == "done"
    found = store.find("job", record["key"]) if done else None
    if done and not found:
        record["reason"] = "its stored result was deleted; run har train"
    return JobRecord(**record, folder=found.folder if found else None)
