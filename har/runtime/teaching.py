"""Labelled seconds of a wearer to a correction that is worth having."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from har.errors import AdapterError
from har.recording import ChunkedRecording
from har.runtime import correction
from har.runtime.adapter import Adapter, Verified
from har.runtime.bundle import Bundle
from har.runtime.chain import Adaptation
from har.runtime.correction import Correction, Evidence
from har.runtime.predict import ask

INSIDE = 0.8
"""Of a window that must lie in a labelled stretch, as in training."""

MOST = 200
"""Windows of an activity that are learnt from, spread over what was taught: a fit in a second."""

CONTRADICTED = 0.9
"""The mean probability of another activity at which a label is pointed out."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """A stretch of one activity: windows in order of time, each beginning at `start_s`; `unlike`
    says in what its recording differs from those of training."""

    activity: str
    recording: str
    start_s: np.ndarray
    answers: Evidence
    unlike: tuple[str, ...] = ()

    def __getitem__(self, rows: np.ndarray) -> Lesson:
        return replace(self, start_s=self.start_s[rows], answers=self.answers[rows])


@dataclass(frozen=True)
class Taught:
    """An adapter, and in sentences: labels that the model contradicts, and recordings that are
    unlike those of training."""

    adapter: Adapter
    contradictions: tuple[str, ...]
    unlike: tuple[str, ...]


def lessons_of(
    bundle: Bundle, recording: ChunkedRecording, activity: str | None = None
) -> list[Lesson]:
    """The labelled stretches of a recording, whose chunks are used up.

    Parameters
    ----------
    activity : str, optional
        What all of it is; otherwise its annotations say.

    Raises
    ------
    AdapterError
        If the bundle gives no features, or nothing is labelled.
    DataError
        If the recording cannot be predicted on.
    """
    about = bundle.manifest
    k = len(about.activities)
    if not about.features:
        raise AdapterError(
            f"{bundle.folder} was exported before files gave features. Run har export "
            f"{about.pipeline} again."
        )
    asked = ask(bundle, recording, bundle.model(), np.hstack)
    known = about.data.labels or {}
    said = [(a, b, known.get(label, label)) for a, b, label in recording.annotations]
    if activity is not None:
        said = [(-np.inf, np.inf, activity)]
    if not said:
        raise AdapterError(
            f"{recording.name}: nothing in it is labelled. Say what it is: ACTIVITY=FILE, such as "
            f"{about.activities[0]}={recording.name}."
        )
    like = about.likeness
    unlike = tuple(
        f"{recording.name} is unlike the training recordings: {u.message} {u.advice}"
        for u in (asked.portrait.compare(like) if like else ())
    )
    found = []
    for start, rows in asked.stretches:
        first = start + about.lead_in_samples / 2
        times = (first + about.window.hop_samples * np.arange(len(rows))) / about.rate_hz
        for begin, end, label in said:
            length = about.window.length_s
            inside = np.minimum(times + length, end) - np.maximum(times, begin)
            if (mine := inside >= INSIDE * length).any():
                answers = Evidence(rows[mine, k:], rows[mine, :k])
                found.append(Lesson(label, recording.name, times[mine], answers, unlike))
    return found


@dataclass(frozen=True, eq=False)
class Teacher:
    """What of a bundle it takes to learn from lessons.

    Parameters
    ----------
    activities : tuple of str
        The model's.
    anchors : Evidence
        Its golden windows.
    how : Adaptation
        Of its `model.json`.
    length_s : float
        Of a window.
    """

    activities: tuple[str, ...]
    anchors: Evidence
    how: Adaptation
    length_s: float

    def with_new(self, lessons: Sequence[Lesson]) -> tuple[str, ...]:
        """The model's activities, then those that only the lessons have."""
        new = dict.fromkeys(x.activity for x in lessons if x.activity not in self.activities)
        return (*self.activities, *new)

    def fit(self, lessons: Sequence[Lesson], activities: tuple[str, ...]) -> Correction:
        """The correction for so many activities."""
        each = [activities.index(x.activity) for x in lessons]
        taught = Evidence(
            np.concatenate([x.answers.features for x in lessons]),
            np.concatenate([x.answers.probabilities for x in lessons]),
        )
        return correction.fit(
            taught,
            np.repeat(each, [len(x.start_s) for x in lessons]),
            self.anchors,
            n_activities=len(activities),
            how=self.how,
        )

    def verify(self, lessons: Sequence[Lesson]) -> Verified | None:
        """Each block left out in turn, and what is within a window of it; None where an activity
        has a single block."""
        activities = self.with_new(lessons)
        blocks = list(itertools.chain.from_iterable(_blocks(lessons, self.length_s)))
        counts = Counter(block.activity for block in blocks)
        if len(counts) < len({x.activity for x in lessons}) or min(counts.values()) < 2:
            return None
        before: list[np.ndarray] = []
        after: list[np.ndarray] = []
        who: list[int] = []
        for block in blocks:
            others = [_apart(x, block, self.length_s) for x in lessons]
            fitted = self.fit([x for x in others if len(x.start_s)], activities)
            nothing = replace(
                fitted,
                weights=np.zeros_like(fitted.weights),
                offset=np.zeros_like(fitted.offset),
            )
            column = activities.index(block.activity)
            for losses, by in ((before, nothing), (after, fitted)):
                losses.append(-np.log(by(block.answers)[:, column]))
            who += [column] * len(block.start_s)
        weight = 1 / np.bincount(who)[who]  # activities count alike, however long each was taught
        mean = [float(np.average(np.concatenate(x), weights=weight)) for x in (before, after)]
        return Verified(
            blocks=len(blocks), windows=len(who), log_loss_before=mean[0], log_loss_after=mean[1]
        )


def learn(bundle: Bundle, lessons: Sequence[Lesson]) -> Taught:
    """The correction that lessons ask for, if it helps on lessons that it has not seen.

    Raises
    ------
    AdapterError
        If too little was taught, or the correction is no better on what it was not fitted on.
    """
    about = bundle.manifest
    taught = Counter[str]()
    for lesson in lessons:
        taught[lesson.activity] += len(lesson.start_s)
    if len(taught) < 2:
        raise AdapterError(
            f"A correction needs two activities or more, each of {about.window.length_s:.3g} s or "
            f"longer; got {', '.join(taught) or 'none'}."
        )
    assert about.adaptation is not None  # lessons have features
    golden = bundle.golden()
    anchors = Evidence(golden["features"], golden["probabilities"])
    teacher = Teacher(about.activities, anchors, about.adaptation, about.window.length_s)
    lessons = _thinned(lessons)
    verified, contradictions = teacher.verify(lessons), _contradictions(about.activities, lessons)
    if verified and not verified.helps:
        raise AdapterError(
            f"Nothing is written: on labelled stretches that were left out in turn, the correction "
            f"has a log loss of {verified.log_loss_after:.3f}, the model alone "
            f"{verified.log_loss_before:.3f}. Check the labels, or teach more seconds of each "
            "activity." + "".join(f"\n{line}" for line in contradictions)
        )
    activities = teacher.with_new(lessons)
    fitted = teacher.fit(lessons, activities)
    near = about.familiarity
    known = _means(lessons, list(taught), near.ruler().features) if near else None
    adapter = Adapter.of(bundle, fitted, activities, dict(taught), verified, known)
    unlike = dict.fromkeys(line for lesson in lessons for line in lesson.unlike)
    return Taught(adapter, tuple(contradictions), tuple(unlike))


def _means(lessons: Sequence[Lesson], activities: Sequence[str], used: np.ndarray) -> np.ndarray:
    """Of each activity, the mean of some features over what was taught: (m, q)."""
    return np.stack(
        [
            np.concatenate([x.answers.features for x in lessons if x.activity == name])[
                :, used
            ].mean(0)
            for name in activities
        ]
    )


def _blocks(lessons: Sequence[Lesson], length: float) -> Iterable[list[Lesson]]:
    """Lessons, or where an activity has a single one, its two halves with a window's gap."""
    for activity in dict.fromkeys(x.activity for x in lessons):
        mine = [x for x in lessons if x.activity == activity]
        if len(mine) == 1:
            (one,) = mine
            middle = (one.start_s[0] + one.start_s[-1]) / 2
            halves = one.start_s <= middle - length, one.start_s >= middle + length
            mine = [one[rows] for rows in halves if rows.any()]
        yield mine


def _apart(lesson: Lesson, block: Lesson, length: float) -> Lesson:
    """What of a lesson begins two windows or more from all of a block: a window's gap."""
    if lesson.recording != block.recording:
        return lesson
    early = lesson.start_s <= block.start_s[0] - 2 * length
    return lesson[early | (lesson.start_s >= block.start_s[-1] + 2 * length)]


def _thinned(lessons: Sequence[Lesson]) -> list[Lesson]:
    out = []
    for lesson in lessons:
        n = sum(len(x.start_s) for x in lessons if x.activity == lesson.activity)
        out.append(lesson[np.arange(0, len(lesson.start_s), -(-n // MOST))])
    return out


def _contradictions(names: tuple[str, ...], lessons: Sequence[Lesson]) -> list[str]:
    """Where the model is sure of something else: a slip of the label, or its error for this
    wearer."""
    found = []
    for lesson in lessons:
        mean = lesson.answers.probabilities.mean(0)
        best = int(mean.argmax())
        other = lesson.activity in names and names[best] != lesson.activity
        if other and mean[best] >= CONTRADICTED:
            found.append(
                f"{lesson.recording} is labelled {lesson.activity}, but the model is "
                f"{mean[best]:.0%} sure of {names[best]} in {len(lesson.start_s)} windows from "
                f"{lesson.start_s[0]:.1f} s on. Is the label right?"
            )
    return found
