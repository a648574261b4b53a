"""One (model, fold, seed): the unit that is fanned out, cached and resumed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.code import code_version, versions
from har.config import ModelConfig, Training
from har.damage import checked
from har.errors import StoreError, TrainingError
from har.files import digest
from har.models import registry
from har.signal import window_files
from har.signal.windows import Windows
from har.store import Output, Store
from har.training import backend, job_files
from har.training.classical import fit_classical
from har.training.fit import Fitted, fit
from har.training.job_files import About, Predictions, StoredJob
from har.training.workshop import Workshop, as_long, most_epochs

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
    def backend(self) -> backend.Backend | None:
        """The Keras backend and the device of its process; None for a classical model."""
        windows = len(self.train) + len(self.validation) + len(self.test)
        steps = self.training.steps or 0
        passes = windows * (self.training.epochs or 0) or steps * self.training.batch_size
        t = self.training
        return backend.choose(t.backend, self.job.model.name, device=t.device, passes=passes)

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
            "training": self.training.model_dump(
                exclude={"seeds", "backend", "device", "jobs_per_gpu"}
            ),
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
    def epochs_at_most(self) -> int:
        return self.epochs or most_epochs(len(self.train), self.training)

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

    def sent(self, *, wait: bool) -> Task:
        """For another process. It knows what its key was made of here, and refuses to train if that
        is something else where it runs."""
        task = dataclasses.replace(self, wait=wait)
        vars(task)["parts"] = self.parts
        return task

    def find(self) -> Output | None:
        return Store(self.store).find("job", self.key)


_windows = functools.lru_cache(maxsize=2)(window_files.load)


def run_job(task: Task, report: Callable[[Any], None]) -> str | None:
    """Train, predict and store, in a process of its own.

    Parameters
    ----------
    task : Task
    report : callable
        Told `{"epoch": n, ...scores}` after each epoch.

    Returns
    -------
    str or None
        Its key in the store; None if another run is training it right now, for which `task.wait`
        waits.
    """
    store = Store(task.store)
    with store.claimed("job", task.key, wait=task.wait) as mine:
        if mine and task.find() is None:
            _check_this_machine(task)
            try:
                with store.writing("job", task.key, task.parts) as writing:
                    _fit_and_write(task, _chosen(task, report), writing.path, report)
            except BaseException:
                if task.backend is not None:
                    WORKSHOP.clear()
                raise
        return task.key if mine else None


def _chosen(task: Task, report: Callable[[Any], None]) -> StoredJob | None:
    """With `training.refit`, the job whose validation people choose for this one.

    It is stored like any other: it is trained once, whether a pipeline refits or not.
    """
    if (choosing := task.choosing) is None:
        return None
    run_job(choosing, report)
    found = choosing.find()
    assert found is not None  # trained now, or by another run that was waited for
    return job_files.read(found.path, task.job.fold, task.job.seed)


def _fit_and_write(
    task: Task, chosen: StoredJob | None, folder: Path, report: Callable[[Any], None]
) -> None:
    windows = _windows(checked(task.prepared))
    spec = registry.get(task.job.model.name)
    begin = time.perf_counter()
    if chosen is None:
        fitted = _fit(task, windows, report)
    else:
        fitted = _fit(_of_everyone(task, chosen.about), windows, lambda _: None)
    if fitted.model is not None:
        fitted.model.save(folder / job_files.MODEL)
    predictions = Predictions(
        train_index=task.train,
        validation_index=task.validation,
        # Once they train, validation people are strangers to the job that they chose by alone.
        validation_probabilities=fitted.predict(task.validation)
        if chosen is None
        else chosen.predictions.validation_probabilities,
        test_index=task.test,
        test_probabilities=fitted.predict(task.test),
    )
    took = time.perf_counter() - begin + (chosen.about.train_seconds if chosen else 0.0)
    choice = chosen.about if chosen else fitted
    parts = {"train": task.train, "validation": task.validation, "test": task.test}
    about = About(
        model=task.job.model.key,
        name=spec.name,
        params=spec.resolve(task.job.model.params),
        fold=task.job.fold,
        seed=task.job.seed,
        exportable=spec.exportable,
        backend=task.parts["backend"],
        n_train=len(task.train),
        **{part: sorted(set(windows.subjects[index].tolist())) for part, index in parts.items()},
        parameters=fitted.parameters,
        epochs_run=choice.epochs_run,
        best_epoch=choice.best_epoch,
        temperature=choice.temperature,
        chosen_by=chosen.folder.name if chosen else None,
        train_seconds=round(took, 3),
    )
    job_files.write(folder, about, (chosen or fitted).history, predictions)


def _of_everyone(task: Task, choice: About) -> Task:
    """The task of a refit: validation people train too, for as long as they chose."""
    return dataclasses.replace(
        task,
        training=task.training.model_copy(update={"refit": False}),
        train=np.union1d(task.train, task.validation),
        validation=np.empty(0, np.int64),
        epochs=choice.best_epoch
        and as_long(
            choice.best_epoch,
            len(task.train),
            len(task.train) + len(task.validation),
            task.training,
        ),
        temperature=choice.temperature,
    )


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


def _fit(task: Task, windows: Windows, report: Callable[[Any], None]) -> Fitted:
    spec = registry.get(task.job.model.name)
    how: dict[str, Any] = {
        "train": task.train,
        "validation": task.validation,
        "params": task.job.model.params,
        "training": task.training,
        "seed": task.job.seed,
        "temperature": task.temperature,
    }
    if spec.classical:
        fitted = fit_classical(spec, windows, **how)
        report({"epoch": task.epochs_at_most})
        return fitted
    assert task.backend is not None
    backend.check_process(task.backend, str(task.job))
    return fit(
        spec,
        windows,
        **how,
        epochs=task.epochs,
        workshop=WORKSHOP,
        on_epoch=lambda epoch, scores: report({"epoch": epoch, **scores}),
    )
