"""How long jobs will take, judged by the stored ones that are most like them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from har import damage
from har.files import read_json
from har.models import registry
from har.training.job import Task
from har.training.job_files import ABOUT, About, read_about
from har.training.workshop import most_epochs

CHANGES_NO_RESULT = True

WINDOWS_PER_S = 4000.0
"""Guess for a model that was never trained here: to order jobs by, and told to nobody."""

START_S = 2.0
"""Of a job, beside its training."""

LOOKED_AT = 200
"""Stored jobs, the newest."""


@dataclass(frozen=True)
class Past:
    """A stored job, and what its key was made of."""

    about: About
    parts: Mapping[str, Any]


def seconds(tasks: Sequence[Task]) -> list[float | None]:
    """What each job will take; None where its model was never trained here."""
    stored = list(_stored(tasks[0].store)) if tasks else []
    return [_seconds(task, stored) for task in tasks]


def guessed(task: Task) -> float:
    """What a job may take of which nothing is known."""
    return _passes(task) / WINDOWS_PER_S + START_S


def _seconds(task: Task, stored: Sequence[Past]) -> float | None:
    alike = [e for e in stored if e.about.name == task.job.model.name]
    if not alike:
        return None
    # `max` takes the first of equals, the newest.
    best = max(alike, key=lambda e: sum(_equal(e, task)))
    about, passes = best.about, _passes(task)
    if not all(_equal(best, task)):
        return passes / about.windows_per_s + START_S
    # The same recipe, which stops as early and reads its windows in the same way.
    of = about.n_train * (2 if about.refit else 1)
    if registry.get(about.name).by_epochs:
        of *= most_epochs(about.n_train, task.training)
    return about.train_seconds * passes / of + START_S


def _equal(earlier: Past, task: Task) -> tuple[bool, ...]:
    """Which of the things that cost time are the same."""
    theirs, ours = earlier.parts["training"], task.parts["training"]
    return (
        earlier.parts["params"] == task.parts["params"],
        theirs["augment"] == ours["augment"],
        earlier.parts["inputs"] == task.parts["inputs"],
        earlier.parts["backend"] == task.parts["backend"],
        {**theirs, "refit": None} == {**ours, "refit": None},
        task.epochs is None and earlier.parts["epochs"] is None,
    )


def _passes(task: Task) -> int:
    """Windows that are trained on at most, each as often as it is passed."""
    # What is not trained by epochs passes its windows once.
    epochs = task.epochs_at_most if registry.get(task.job.model.name).by_epochs else 1
    choosing = task.choosing is not None and task.choosing.find() is None
    return len(task.train) * epochs * (2 if choosing else 1)  # people choose, and train then


def _stored(store: Path) -> Iterator[Past]:
    files = sorted(store.glob(f"job/[!.]*/{ABOUT}"), key=lambda p: -p.stat().st_mtime)
    for path in islice(files, LOOKED_AT):
        with contextlib.suppress(ValueError, KeyError, OSError):  # of another version of har
            parts = read_json(path.with_name(damage.META))["parts"]
            if {"params", "training", "inputs", "backend", "epochs"} <= parts.keys():
                yield Past(read_about(path.parent), parts)
