"""Recordings as chunks, cut of what is in memory or read as they are needed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from har.ingest.clean import DROPOUT, NO_TIME, NOT_FINITE, REPEATED, TOO_LARGE, converted, too_large
from har.ingest.examine.values import dropped_out
from har.ingest.order import Course, by_time, spread
from har.ingest.raw import Raw, finite_rows
from har.recording import Chunk, ChunkedRecording, Recording

CHUNK_ROWS = 1 << 15
"""Rows at a time: they and what is computed from them stay in the processor's cache."""

HOLD_S = 10.0
"""Rows of a file that is read in parts wait this long for others that belong before them."""

LATE = "out of order by more than 10 s"


def of_recording(
    recording: Recording, name: str = "", gravity: str | None = None
) -> ChunkedRecording:
    """The chunks of a recording in memory (or memory-mapped)."""

    def chunks() -> Iterator[Chunk]:
        for a in range(0, recording.n_samples, CHUNK_ROWS):
            b = min(a + CHUNK_ROWS, recording.n_samples)
            if recording.time_s is None:
                time = np.arange(a, b) / recording.rate_hz
            else:
                time = np.asarray(recording.time_s[a:b]) - recording.time_s[0]
            yield Chunk(time, np.asarray(recording.acceleration[a:b]))

    def seconds(i: int) -> float:
        if recording.time_s is None or i >= recording.n_samples:
            return recording.length_s if i >= recording.n_samples else i / recording.rate_hz
        return float(recording.time_s[i] - recording.time_s[0])

    notes = [(seconds(n.start), seconds(n.end), n.label) for n in recording.annotations]
    return ChunkedRecording(name or recording.id, chunks(), notes, gravity=gravity)


def of_parts(parts: Iterable[Raw], like: Raw) -> Iterator[ChunkedRecording]:
    """The recordings of a file that is read some rows at a time.

    They are those that `clean` makes of the whole file, with two exceptions. What holds for all
    rows is what `like` says. And a row that belongs before others that were given already, since
    what came before it in the file is more than `HOLD_S` later, is rejected instead of sorted in.

    Parameters
    ----------
    parts : iterable of Raw
        The rows, in the order of the file, with `time_s` from one origin.
    like : Raw
        The first rows, examined: unit, convention, gravity and rate are known.

    Yields
    ------
    ChunkedRecording
        Each must be used up before the next is asked for.
    """
    labels: list[str] = []
    by_recording = itertools.groupby(_usable(parts, like, labels), key=lambda rows: rows.number)
    for number, rows in by_recording:
        name = like.source if number == 0 else f"{like.source}#{number + 1}"
        source = ChunkedRecording(name, iter(()), gravity=like.gravity)
        ordering = _Ordering(source, labels, 1 / (like.rate_hz or 1))
        source.chunks = ordering.chunks(rows)
        yield source
        ordering.over = True


@dataclass
class _Rows:
    """Some rows of one recording.

    `label` is the place of a row's interval in a list of all labelled intervals; −1 is none.
    """

    number: int
    time_s: np.ndarray
    samples: np.ndarray
    label: np.ndarray
    rejected: Counter[str] = field(default_factory=Counter)

    def __getitem__(self, which: slice | np.ndarray) -> _Rows:
        return _Rows(self.number, self.time_s[which], self.samples[which], self.label[which])

    def __add__(self, other: _Rows) -> _Rows:
        return _Rows(
            self.number,
            np.concatenate([self.time_s, other.time_s]),
            np.concatenate([self.samples, other.samples]),
            np.concatenate([self.label, other.label]),
        )


def _usable(parts: Iterable[Raw], like: Raw, labels: list[str]) -> Iterator[_Rows]:
    """Finite rows in the order of the file, converted; a restart begins the next recording."""
    number, goes_on, course = 0, "", Course(1 / (like.rate_hz or 1))
    for raw in parts:
        time_s = np.empty(0) if raw.time_s is None else raw.time_s  # no times where no rows are
        label = np.full(len(raw.acceleration), -1)
        for text, start, end in raw.notes:
            if start or text != goes_on:
                labels.append(text)
            label[start:end] = len(labels) - 1
        if len(label):
            goes_on = labels[-1] if label[-1] >= 0 else ""
        finite, timed = finite_rows(raw.acceleration), np.isfinite(time_s)
        dropped = dropped_out(raw.acceleration, like.gravity)
        good = finite & timed & ~dropped
        rejected = Counter(raw.rejected)
        large = too_large(raw.acceleration, finite).sum()
        rejected += Counter(
            {
                NOT_FINITE: (~finite).sum() - large,
                TOO_LARGE: large,
                DROPOUT: dropped.sum(),
                NO_TIME: (finite & ~timed & ~dropped).sum(),
            }
        )
        acceleration = converted(raw.acceleration[good], like)
        rows = _Rows(number, time_s[good], acceleration, label[good])
        for a, b in itertools.pairwise([0, *course.restarts(rows.time_s), len(rows.time_s)]):
            rows.number = number
            one = rows[a:b]
            one.rejected, rejected = rejected, Counter()
            yield one
            number += 1
        number -= 1


class _Ordering:
    """Puts a recording's rows in order, and says on the way what becomes of them.

    Parameters
    ----------
    source : ChunkedRecording
        Is told of annotations and rejected rows.
    labels : list of str
        Of the intervals that rows belong to; it grows.
    period_s : float
        The distance of samples, about.
    """

    def __init__(self, source: ChunkedRecording, labels: list[str], period_s: float) -> None:
        self.source, self.labels, self.period_s = source, labels, period_s
        self.over = False
        self._stamp_s = self._last_s = -np.inf
        self._interval, self._since_s = -1, 0.0
        self._running_s, self._n_steps = 0.0, 0

    def chunks(self, parts: Iterable[_Rows]) -> Iterator[Chunk]:
        """The recording; its last 10 s are given when no more rows come."""
        held = _Rows(0, np.empty(0), np.empty((0, 3), np.float32), np.empty(0, np.int64))
        origin = None
        for rows in itertools.chain(parts, [None]):
            if self.over:
                raise RuntimeError(f"{self.source.name}: the next recording was asked for first.")
            if rows is not None:
                self._reject(rows.rejected)
                held += rows
            if not len(held.time_s):
                continue
            stamps = held.time_s - (held.time_s.min() if origin is None else origin)
            order = by_time(stamps, held.samples)
            self._reject({REPEATED: len(stamps) - len(order)})
            held, stamps = held[order], stamps[order]
            late = int(np.searchsorted(stamps, self._stamp_s, side="right"))
            self._reject({LATE: late})
            ready, after = len(order), np.inf
            if rows is not None:
                ready = int(np.searchsorted(stamps, stamps[-1] - HOLD_S))
                # Over what step the last of these are spread, what comes next may still decide.
                ready = max(late, int(np.searchsorted(stamps, stamps[max(ready - 1, 0)])))
                after = stamps[ready]
            times = stamps[late:ready]
            if len(times):
                origin = held.time_s[0] if origin is None else origin
                self._stamp_s, before = times[-1], self._stamp_s
                times = spread(times, self.period_s, before=before, after=after)
            for a in range(0, len(times), CHUNK_ROWS):
                part = slice(a, a + CHUNK_ROWS)
                self._note(times[part], held.label[late:ready][part])
                yield Chunk(times[part], held.samples[late:ready][part])
            held = held[ready:]
        # As `Recording.length_s` has it: the last sample lasts a period.
        period_s = self._running_s / self._n_steps if self._n_steps else self.period_s
        self._annotate(np.array([self._last_s + period_s]), np.array([-1]))

    def _reject(self, counts: Mapping[str, int]) -> None:
        for reason, n in counts.items():
            if n:
                self.source.rejected[reason] = self.source.rejected.get(reason, 0) + int(n)

    def _note(self, time_s: np.ndarray, label: np.ndarray) -> None:
        steps = np.diff(time_s, prepend=self._last_s)
        running = steps[steps <= 4 * self.period_s]
        self._running_s += float(running.sum())
        self._n_steps += len(running)
        self._last_s = float(time_s[-1])
        self._annotate(time_s, label)

    def _annotate(self, time_s: np.ndarray, label: np.ndarray) -> None:
        """An interval ends with the first sample that is not of it."""
        for at in (0, *(np.flatnonzero(np.diff(label)) + 1)):
            if label[at] == self._interval:
                continue
            if self._interval >= 0:
                note = (self._since_s, float(time_s[at]), self.labels[self._interval])
                self.source.annotations.append(note)
            self._interval, self._since_s = int(label[at]), float(time_s[at])
