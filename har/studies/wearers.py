"""A fold model is taught a few windows of each person held out, and asked about the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from har.evaluation.metrics import macro_f1
from har.export import outputs
from har.export.writer import choose_golden
from har.runtime.chain import Adaptation
from har.runtime.correction import Evidence
from har.runtime.teaching import Lesson, Teacher
from har.signal import window_files
from har.signal.windows import Windows
from har.studies.unlabelled import WAYS
from har.training.job_files import MODEL, JobRecord

LABELS = "labels"


@dataclass(frozen=True, eq=False)
class Item:
    """A fold model, the part of its people who are asked, and how many windows of each activity
    are taught. `everything` are the windows of the run; those of `prepared` lack `left_out`.
    `unlabelled` asks for the ways that need no labels too."""

    job: JobRecord
    prepared: Path
    everything: Path
    part: str
    numbers: tuple[int, ...]
    hows: tuple[Adaptation, ...]
    left_out: str | None = None
    unlabelled: bool = False


@dataclass(frozen=True, eq=False)
class Person:
    """A person's windows, at `index` of all, and what the model says of them, in order of recording
    and time."""

    name: str
    index: np.ndarray
    labels: np.ndarray
    recordings: np.ndarray
    starts: np.ndarray
    answers: Evidence


def ask(item: Item, _report: Callable[[Any], None]) -> list[dict[str, Any]]:
    """Scores before and after, with and without refusal: by person, way, windows and strength.

    The way is "labels", or one of those that need none.
    """
    windows = window_files.load(item.everything)
    known = window_files.load(item.prepared)
    network = outputs.load([item.job.path / MODEL])
    predictions = item.job.read().predictions
    golden = predictions.train_index[choose_golden(known.labels[predictions.train_index])]
    anchors, length = _answers(network, known, golden), known.n_samples / known.rate_hz
    teachers = [Teacher(known.activities, anchors, how, length) for how in item.hows]
    asked = predictions.of(item.part)[0]
    people = np.unique(known.subjects[asked])
    theirs = np.flatnonzero(np.isin(windows.subjects, people))
    answers = _answers(network, windows, theirs)
    population = known.gather(predictions.train_index) if item.unlabelled else None
    out = []
    for name in people:
        own = windows.subjects[theirs] == name
        mine = theirs[own]
        person = Person(
            str(name), mine, windows.labels[mine], windows.recordings[mine], windows.starts[mine],
            answers[own],
        )  # fmt: skip
        found: list[tuple[str, int, float | None, dict[str, Any] | None]] = [
            (LABELS, n, teacher.how.strength, taught(person, windows, teacher, n, item.left_out))
            for teacher, n in itertools.product(teachers, item.numbers)
        ]
        if population is not None:
            fits = {way: partial(fit, network, population) for way, fit in WAYS.items()}
            found += [
                (way, 0, None, unlabelled(person, windows, fit, item.numbers))
                for way, fit in fits.items()
            ]
        out += [
            {"person": person.name, "fold": item.job.fold, "way": way, "n": n,
             "strength": strength, **scores}
            for way, n, strength, scores in found if scores
        ]  # fmt: skip
    return out


def _answers(network: Any, windows: Windows, index: np.ndarray) -> Evidence:
    return Evidence(**outputs.asked(network, windows.gather(index))._asdict())


@dataclass(frozen=True, eq=False)
class Split:
    """A person's windows of an activity: those of the first recording that are heard, n of them
    that do not overlap, and those to test on."""

    activity: int
    recording: str
    heard: np.ndarray
    picked: np.ndarray
    test: np.ndarray
    elsewhere: bool


def _split(person: Person, windows: Windows, n: int) -> Iterator[Split]:
    far = 2 * windows.n_raw  # a window, and a window's gap
    for activity in np.unique(person.labels):
        mine = np.flatnonzero(person.labels == activity)
        names = person.recordings[mine]
        first = mine[names == names[0]]
        rest = mine[names != names[0]]
        picked = first[_apart(person.starts[first], windows.n_raw, n)]
        elsewhere = bool(len(rest))
        if not elsewhere:  # one recording of it: what comes later, with a gap
            rest = first[person.starts[first] >= person.starts[picked[-1]] + far]
            first = first[person.starts[first] <= person.starts[picked[-1]]]
        yield Split(int(activity), str(names[0]), first, picked, rest, elsewhere)


def taught(
    person: Person, windows: Windows, teacher: Teacher, n: int, left_out: str | None = None
) -> dict[str, Any] | None:
    """Scores of a person before and after n windows of each activity, or of the one left out.

    None if nothing of theirs is left to test on.
    """
    splits = list(_split(person, windows, n))
    lessons = [
        Lesson(
            windows.activities[s.activity], s.recording,
            (person.starts[s.picked] - person.starts[s.picked[0]]) / windows.rate_hz,
            person.answers[s.picked],
        )
        for s in splits if n and left_out in (None, windows.activities[s.activity])
    ]  # fmt: skip
    activities = teacher.with_new(lessons)
    fitted = teacher.fit(lessons, activities) if lessons else None
    checked = teacher.verify(lessons) if lessons else None
    return _scores(
        person, windows, splits, activities,
        lambda test: fitted(person.answers[test]) if fitted else person.answers.probabilities[test],
        refused=checked is not None and not checked.helps,
    )  # fmt: skip


def unlabelled(
    person: Person, windows: Windows, fit: Callable[[np.ndarray], Any], numbers: Sequence[int]
) -> dict[str, Any] | None:
    """Scores of a person before and after a network was fitted to all that was heard of them.

    None where it cannot be fitted, or nothing is left to test on.
    """
    splits = list(_split(person, windows, max(numbers)))
    heard = np.concatenate([s.heard for s in splits])
    network = fit(windows.gather(person.index[heard]))
    return network and _scores(
        person, windows, splits, windows.activities,
        lambda test: _answers(network, windows, person.index[test]).probabilities,
    )  # fmt: skip


def _scores(
    person: Person,
    windows: Windows,
    splits: Sequence[Split],
    activities: tuple[str, ...],
    after: Callable[[np.ndarray], np.ndarray],
    *,
    refused: bool = False,
) -> dict[str, Any] | None:
    test = np.concatenate([s.test for s in splits])
    if not len(test):
        return None
    k = len(activities) + 1  # the last for what nobody taught
    order = [activities.index(a) if a in activities else k - 1 for a in windows.activities]
    truth = np.array(order)[person.labels[test]]
    confusion = {
        "before": _confusion(truth, person.answers.probabilities[test], k),
        "after": _confusion(truth, after(test), k),
    }
    return {
        "windows": len(test),
        "other_recordings": all(s.elsewhere for s in splits),
        "refused": refused,
        **{when: float(macro_f1(counts)) for when, counts in confusion.items()},
        "confusion": {when: counts.tolist() for when, counts in confusion.items()},
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
