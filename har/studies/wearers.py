"""A fold model is taught a few windows of each person held out, and asked about the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.evaluation.metrics import macro_f1
from har.export.outputs import both
from har.export.writer import choose_golden
from har.runtime.chain import Adaptation
from har.runtime.correction import Evidence
from har.runtime.teaching import Lesson, Teacher
from har.signal import window_files
from har.signal.windows import Windows
from har.training.job_files import MODEL, JobRecord


@dataclass(frozen=True, eq=False)
class Item:
    """A fold model, the part of its people who are asked, and how many windows of each activity
    are taught. `everything` are the windows of the run; those of `prepared` lack `left_out`."""

    job: JobRecord
    prepared: Path
    everything: Path
    part: str
    numbers: tuple[int, ...]
    how: Adaptation
    left_out: str | None = None


@dataclass(frozen=True, eq=False)
class Person:
    """A person's windows and what the model says of them, in order of recording and time."""

    name: str
    labels: np.ndarray
    recordings: np.ndarray
    starts: np.ndarray
    answers: Evidence


def ask(item: Item, _report: Callable[[Any], None]) -> list[dict[str, Any]]:
    """For each person and number of windows: scores before and after, with and without refusal."""
    from har.models.saved import load_model

    windows = window_files.load(item.everything)
    known = window_files.load(item.prepared)
    network = both([load_model(item.job.path / MODEL)])
    predictions = item.job.read().predictions
    golden = predictions.train_index[choose_golden(known.labels[predictions.train_index])]
    teacher = Teacher(
        known.activities, _answers(network, known, golden), item.how,
        known.n_samples / known.rate_hz,
    )  # fmt: skip
    asked = predictions.of(item.part)[0]
    people = np.unique(known.subjects[asked])
    theirs = np.flatnonzero(np.isin(windows.subjects, people))
    answers = _answers(network, windows, theirs)
    out = []
    for name in people:
        own = windows.subjects[theirs] == name
        mine = theirs[own]
        person = Person(
            str(name), windows.labels[mine], windows.recordings[mine], windows.starts[mine],
            answers[own],
        )  # fmt: skip
        for n in item.numbers:
            found = taught(person, windows, teacher, n, item.left_out)
            if found:
                out.append({"person": person.name, "n": n, "fold": item.job.fold, **found})
    return out


def _answers(network: Any, windows: Windows, index: np.ndarray) -> Evidence:
    found = network.predict(windows.gather(index), batch_size=512, verbose=0)
    return Evidence(**{name: np.asarray(values) for name, values in found.items()})


def taught(
    person: Person, windows: Windows, teacher: Teacher, n: int, left_out: str | None = None
) -> dict[str, Any] | None:
    """Scores of a person before and after n windows of each activity, or of the one left out.

    None if nothing of theirs is left to test on.
    """
    far = 2 * windows.n_raw  # a window, and a window's gap
    wanted = None if left_out is None else windows.activities.index(left_out)
    lessons, test, elsewhere = [], [], True
    for activity in np.unique(person.labels):
        mine = np.flatnonzero(person.labels == activity)
        names = person.recordings[mine]
        first = mine[names == names[0]]
        rest = mine[names != names[0]]
        picked = _apart(person.starts[first], windows.n_raw, n)
        if not len(rest):  # one recording of it: what comes later, with a gap
            rest = first[person.starts[first] >= person.starts[first[picked[-1]]] + far]
            elsewhere = False
        test.append(rest)
        if n and (wanted is None or activity == wanted):
            rows = first[picked]
            lessons.append(
                Lesson(
                    windows.activities[activity], str(names[0]),
                    (person.starts[rows] - person.starts[rows[0]]) / windows.rate_hz,
                    person.answers[rows],
                )
            )  # fmt: skip
    index = np.concatenate(test)
    if not len(index):
        return None
    activities = teacher.with_new(lessons)
    order = [activities.index(a) if a in activities else len(activities)
             for a in windows.activities]  # fmt: skip
    truth = np.array(order)[person.labels[index]]
    k = len(activities) + 1  # the last for what nobody taught
    before = after = _confusion(truth, person.answers.probabilities[index], k)
    refused = False
    if lessons:
        after = _confusion(truth, teacher.fit(lessons, activities)(person.answers[index]), k)
        checked = teacher.verify(lessons)
        refused = checked is not None and not checked.helps
    return {
        "windows": len(index),
        "other_recordings": elsewhere,
        "before": float(macro_f1(before)),
        "after": float(macro_f1(after)),
        "refused": refused,
        "confusion": {"before": before.tolist(), "after": after.tolist()},
    }


def _apart(starts: np.ndarray, length: int, n: int) -> np.ndarray:
    """The first n windows that do not overlap, at least one."""
    chosen = [0]
    for i, start in enumerate(starts):
        if len(chosen) >= max(n, 1):
            break
        if start >= starts[chosen[-1]] + length:
            chosen.append(i)
    return np.array(chosen)


def _confusion(truth: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    return np.bincount(truth * k + probabilities.argmax(1), minlength=k * k).reshape(k, k)
