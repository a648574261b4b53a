"""One (model, fold, seed): the unit that is fanned out, cached and resumed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.code import code_version, versions
from har.config import ModelConfig, Training
from har.errors import StoreError, TrainingError
from har.files import digest, write_json
from har.models import registry
from har.signal import window_files
from har.signal.windows import Windows
from har.store import Output, Store
from har.training import backend
from har.training.workshop import Workshop

WORKSHOP = Workshop()
"""Of this process: what one job compiled serves the next of the same model."""

FINAL = "final"
"""The fold of a fit on all people, which nobody is left to test."""


@dataclass(frozen=True)
class Job:
    """What is trained, on whom, from which seed."""

    model: ModelConfig
    fold: int | str
    seed: int

    def __str__(self) -> str:
        return f"{self.model.key} fold {self.fold} seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Task:
    """A job with all that a process of its own needs to run it.

    `epochs` and `temperature` are given to a final fit, which has nobody to find them on; None in
    a fold. `wait`: for another run that is training the same.
    """

    job: Job
    training: Training
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    prepared: Path
    prepared_fingerprint: str
    store: Path
    epochs: int | None = None
    temperature: float | None = None
    wait: bool = True

    @functools.cached_property
    def backend(self) -> str | None:
        """The Keras backend that its process must have; None for a classical model."""
        windows = len(self.train) + len(self.validation) + len(self.test)
        passes = windows * self.training.epochs
        return backend.choose(self.training.backend, self.job.model.name, passes=passes)

    @functools.cached_property
    def parts(self) -> dict[str, Any]:
        """What the key of its output is made of. Its place in a pipeline file is not: the same
        training, under whatever label and beside whatever other models, is done once."""
        spec = registry.get(self.job.model.name)
        rows = hashlib.sha256()
        for index in (self.train, self.validation, self.test):
            rows.update(np.ascontiguousarray(index, np.int64).tobytes() + b"|")
        return {
            "model": spec.name,
            "params": spec.resolve(self.job.model.params),
            "training": self.training.model_dump(exclude={"seeds", "backend"}),
            "backend": backend.described(self.backend),
            "seed": self.job.seed,
            "epochs": self.epochs,
            "temperature": self.temperature,
            "split": rows.hexdigest(),
            "inputs": {"prepare": self.prepared_fingerprint},
            "code": code_version("har.training.job", spec.module),
            **({"packages": versions(spec.packages)} if spec.packages else {}),
        }

    @property
    def key(self) -> str:
        return digest(self.parts)

    @property
    def choosing(self) -> Task | None:
        """With `training.refit`, the task that finds the epoch and the temperature; None where
        there is nothing to find, or nothing to do after."""
        if not self.training.refit or not len(self.validation):
            return None
        training = self.training.model_copy(update={"refit": False})
        return dataclasses.replace(self, training=training, wait=True)

    def find(self) -> Output | None:
        return Store(self.store).find("job", self.key)


@functools.lru_cache(maxsize=2)
def _windows(prepared: Path) -> Windows:
    return window_files.load(prepared)


def run_job(task: Task, report: Callable[[Any], None]) -> str | None:
    """Train, predict and store. Runs in a process of its own.

    Parameters
    ----------
    task : Task
    report : callable
        Told `{"epoch": n, ...scores}` after each epoch.

    Returns
    -------
    str or None
        Its key in the store: trained here, or by another run since this one began. None if another
        run is training it right now; with `task.wait` that is waited for instead.
    """
    store = Store(task.store)
    with store.claimed("job", task.key, wait=task.wait) as mine:
        if mine and task.find() is None:
            _train(task, store, report)
        return task.key if mine else None


def _train(task: Task, store: Store, report: Callable[[Any], None]) -> None:
    _check_this_machine(task)
    spec = registry.get(task.job.model.name)
    windows = _windows(task.prepared)
    with store.writing("job", task.key, task.parts) as writing:
        if choosing := task.choosing:
            about = _refit(task, choosing, windows, writing.path, report)
        else:
            about = _fit(task, windows, writing.path, report)
        write_json(
            writing.path / "job.json",
            {
                "model": task.job.model.key,
                "name": spec.name,
                "params": spec.resolve(task.job.model.params),
                "fold": task.job.fold,
                "seed": task.job.seed,
                "exportable": spec.exportable,
                "backend": task.parts["backend"],
                "n_train": len(task.train),
                **{
                    part: sorted(set(windows.subjects[getattr(task, part)].tolist()))
                    for part in ("train", "validation", "test")
                },
                **about,
            },
        )


def _fit(
    task: Task, windows: Windows, folder: Path, report: Callable[[Any], None]
) -> dict[str, Any]:
    begin = time.perf_counter()
    classical = registry.get(task.job.model.name).classical
    about = (_classical if classical else _network)(task, windows, folder, report)
    return {**about, "train_seconds": round(time.perf_counter() - begin, 3)}


def _refit(
    task: Task, choosing: Task, windows: Windows, folder: Path, report: Callable[[Any], None]
) -> dict[str, Any]:
    """Train on validation people too, as those of a job of its own have chosen.

    That job is stored like any other: it is trained once, whether a pipeline refits or not. Kept
    are its history and what it says of validation people, who are strangers to it alone.
    """
    run_job(choosing, report)
    chosen = choosing.find()
    assert chosen is not None  # trained now, or by another run that was waited for
    before = json.loads((chosen.path / "job.json").read_text(encoding="utf-8"))
    everyone = dataclasses.replace(
        choosing,
        train=np.union1d(task.train, task.validation),
        validation=np.empty(0, np.int64),
        epochs=before["best_epoch"],
        temperature=before["temperature"],
    )
    after = _fit(everyone, windows, folder, lambda _: None)
    shutil.copyfile(chosen.path / "history.json", folder / "history.json")
    with (
        np.load(chosen.path / "predictions.npz", allow_pickle=False) as first,
        np.load(folder / "predictions.npz", allow_pickle=False) as second,
    ):
        predictions = dict(first) | {"test_probabilities": second["test_probabilities"]}
    np.savez(folder / "predictions.npz", **predictions)
    found = {name: before[name] for name in ("epochs_run", "best_epoch", "temperature")}
    took = round(before["train_seconds"] + after["train_seconds"], 3)
    return {**after, **found, "refit": True, "train_seconds": took}


def _check_this_machine(task: Task) -> None:
    """A job may come from another machine: it must mean the same here."""
    if not task.prepared.is_dir():
        raise StoreError(
            f"{task.job}: no windows at {task.prepared} on {platform.node()}. The workspace must "
            "be at the same path on every machine that trains: put it on a shared file system."
        )
    here = dataclasses.replace(task)  # its key anew, from the sources and packages of this machine
    if here.key != task.key:
        differ = [name for name in task.parts if here.parts[name] != task.parts[name]]
        raise TrainingError(
            f"{task.job}: {' and '.join(differ)} differ on {platform.node()}. Install the same har "
            "with the same numpy, scipy, keras, tensorflow and jax on every machine that trains; "
            "if a source was edited since this run began, run again."
        )


def _network(
    task: Task, windows: Windows, folder: Path, report: Callable[[Any], None]
) -> dict[str, Any]:
    import keras

    if (here := keras.backend.backend()) != task.backend:
        raise TrainingError(
            f"{task.job} trains on {task.backend}, but Keras runs on {here} in this process. Start "
            f"one with KERAS_BACKEND={task.backend}, or set training.backend to {here}."
        )
    try:
        return _fit_and_write(task, windows, folder, report)
    except BaseException:
        WORKSHOP.clear()
        raise


def _fit_and_write(
    task: Task, windows: Windows, folder: Path, report: Callable[[Any], None]
) -> dict[str, Any]:
    from har.training import fit as fitting

    fitted = fitting.fit(
        registry.get(task.job.model.name),
        windows,
        task.train,
        task.validation,
        params=task.job.model.params,
        training=task.training,
        seed=task.job.seed,
        epochs=task.epochs,
        temperature=task.temperature,
        workshop=WORKSHOP,
        on_epoch=lambda epoch, scores: report({"epoch": epoch, **scores}),
    )
    fitted.model.save(folder / "model.keras")
    write_json(folder / "history.json", fitted.history)
    _write_predictions(folder, task, fitted.predict)
    return {
        "parameters": sum(int(np.prod(w.shape)) for w in fitted.model.trainable_weights),
        "epochs_run": fitted.epochs_run,
        "best_epoch": fitted.best_epoch,
        "temperature": fitted.temperature,
    }


def _classical(
    task: Task, windows: Windows, folder: Path, report: Callable[[Any], None]
) -> dict[str, Any]:
    from har.signal.features import features
    from har.signal.inputs import Conditioned
    from har.training.fit import best_temperature, class_weights

    spec = registry.get(task.job.model.name)
    params = spec.resolve(task.job.model.params)
    classifier = spec.body(**params)
    classifier.set_params(random_state=task.job.seed)
    k = len(windows.activities)

    def inputs(index: np.ndarray) -> Any:
        if spec.eats == "windows":
            return Conditioned(windows, index, params["channels"])
        return features(windows, index)

    def predict(index: np.ndarray) -> np.ndarray:
        out = np.zeros((len(index), k), np.float32)
        if len(index):
            sharp = classifier.predict_proba(inputs(index)) ** (1 / temperature)
            out[:, classifier.classes_] = sharp / sharp.sum(axis=1, keepdims=True)
        return out

    labels = windows.labels[task.train]
    weights = class_weights(labels, k, task.training.class_weights)[labels]
    classifier.fit(inputs(task.train), labels, sample_weight=weights)
    temperature = 1.0
    if task.temperature is not None:
        temperature = task.temperature
    elif task.training.calibration == "temperature" and len(task.validation):
        temperature = best_temperature(predict(task.validation), windows.labels[task.validation])
    _write_predictions(folder, task, predict)
    report({"epoch": task.training.epochs})
    write_json(folder / "history.json", {})
    return {
        "parameters": spec.n_parameters(windows.n_samples, k, task.job.model.params),
        "epochs_run": None,
        "best_epoch": None,
        "temperature": temperature,
    }


def _write_predictions(
    folder: Path, task: Task, predict: Callable[[np.ndarray], np.ndarray]
) -> None:
    np.savez(
        folder / "predictions.npz",
        train_index=task.train,  # no predictions: for the proof that nothing leaked
        validation_index=task.validation,
        validation_probabilities=predict(task.validation),
        test_index=task.test,
        test_probabilities=predict(task.test),
    )
