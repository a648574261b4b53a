"""The order of rows in time: restarts, packets that came late, timestamps that repeat."""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass, field

import numpy as np

RESTART_S = 1.0
"""A step back of more than this begins another recording; a smaller one is rows out of order."""

INSTANT_S = 1e-6
"""Timestamps that are no further apart are the same."""

HOLE_PERIODS = 4.0
"""Steps of more than this many periods leave room for a packet that comes late."""


class Course:
    """Tells, as rows come, which of them begin another recording.

    A step back of more than `RESTART_S` does, unless the rows fit into a hole in what came before:
    they are a packet that came late. Rows that then run on into times already covered do, too.

    Parameters
    ----------
    period_s : float
        The usual distance of samples.
    """

    def __init__(self, period_s: float) -> None:
        self.hole_s = HOLE_PERIODS * period_s
        self.late: list[int] = []
        self._last_s: float | None = None
        self._seen = 0
        self._begin()

    def restarts(self, time_s: np.ndarray) -> list[int]:
        """Which of the next rows, in the order of the file, begin another recording.

        Parameters
        ----------
        time_s : ndarray of float64, shape (n,)
            Finite.
        """
        if not len(time_s):
            return []
        last = time_s[0] if self._last_s is None else self._last_s
        back = set(np.flatnonzero(np.diff(time_s, prepend=last) < -RESTART_S).tolist())
        found: list[int] = []
        for a, b in itertools.pairwise(sorted({0, *back, len(time_s)})):
            if a in back and not self._fits(float(time_s[a])):
                found.append(a)
                self._begin()
            found += [a + i for i in self._pass(time_s[a:b], self._seen + a)]
        self._last_s = float(time_s[-1])
        self._seen += len(time_s)
        return found

    def _begin(self) -> None:
        self._front_s: float | None = None
        self._holes: list[tuple[float, float]] = []
        self._inside: tuple[float, float] | None = None
        self._filled = (np.inf, -np.inf)  # of the hole that rows are in, from where to where

    def _fits(self, at_s: float) -> bool:
        """Whether a time is in a hole: the one that the rows after it fill."""
        self._leave()
        i = bisect.bisect_right(self._holes, (at_s, np.inf)) - 1
        fits = i >= 0 and self._holes[i][0] < at_s < self._holes[i][1]
        self._inside = self._holes.pop(i) if fits else None
        return fits

    def _leave(self) -> None:
        """Keep what is left of the hole that rows were in."""
        if self._inside is not None:
            (start, end), (low, high) = self._inside, self._filled
            for left in ((start, low), (high, end)):
                if left[1] - left[0] > self.hole_s:
                    bisect.insort(self._holes, left)
            self._inside, self._filled = None, (np.inf, -np.inf)

    def _pass(self, time_s: np.ndarray, first: int) -> list[int]:
        """Rows without a large step back; the first that runs on into what is covered, if any."""
        restart = []
        if self._inside is not None:
            beyond = np.flatnonzero(time_s >= self._inside[1])
            n = int(beyond[0]) if len(beyond) else len(time_s)
            self.late += range(first, first + n)
            if n:
                low, high = self._filled
                self._filled = min(low, time_s[:n].min()), max(high, time_s[:n].max())
            if n == len(time_s):
                return []
            self._leave()
            if self._front_s is not None and time_s[n] <= self._front_s:
                restart = [n]
                self._begin()
            time_s = time_s[n:]
        front = time_s[0] if self._front_s is None else self._front_s
        highest = np.maximum.accumulate(np.concatenate([[front], time_s]))
        for i in np.flatnonzero(np.diff(highest) > self.hole_s):
            self._holes.append((float(highest[i]), float(highest[i + 1])))
        self._front_s = float(highest[-1])
        return restart


def by_time(time_s: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The order of a recording's rows, without those that repeat an instant and its values.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
    samples : ndarray, shape (n, 3)

    Returns
    -------
    ndarray of int64
        Rows, not decreasing in time.
    """
    order = np.argsort(time_s, kind="stable")
    same = np.diff(time_s[order]) <= INSTANT_S
    if not same.any():
        return order
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    rows = np.column_stack([time_s[order[tied]], samples[order[tied]]])
    first = np.unique(rows, axis=0, return_index=True)[1]
    return np.delete(order, np.delete(tied, first))


def spread(
    time_s: np.ndarray, period_s: float, *, before: float = -np.inf, after: float = np.inf
) -> np.ndarray:
    """Readings that share a timestamp, evenly over the step to the next one.

    The step is that after the timestamp or that before it, whichever is shorter.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Not decreasing.
    period_s : float
        Their distance where there is no other timestamp.
    before, after : float
        The timestamps around these.

    Returns
    -------
    ndarray of float64, shape (n,)
        Strictly increasing.

    Examples
    --------
    >>> spread(np.array([0.0, 0.02, 0.02, 0.04]), 0.02)
    array([0.  , 0.02, 0.03, 0.04])
    """
    starts = np.flatnonzero(np.diff(time_s, prepend=-np.inf) > INSTANT_S)
    if len(starts) == len(time_s):
        return time_s
    counts = np.diff(np.append(starts, len(time_s)))
    steps = np.diff(np.concatenate([[before], time_s[starts], [after]]))
    step = np.minimum(steps[1:], steps[:-1])
    step = np.where(np.isfinite(step), step, period_s * counts)
    within = np.arange(len(time_s)) - np.repeat(starts, counts)
    return np.repeat(time_s[starts], counts) + within * np.repeat(step / counts, counts)


def period_s(time_s: np.ndarray) -> float:
    """The median distance of samples, forward or back; 0 if time stands still."""
    steps = np.abs(np.diff(time_s))
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 0.0


@dataclass
class Ordered:
    """Rows in the order of time.

    Parameters
    ----------
    pieces : list of (rows, time_s)
        Each a recording, strictly increasing in time from 0.
    begins : list of int
        Places, in the order of the file, at which a recording begins anew.
    late, repeated, shared : list of int
        Rows that came late; that were left out since they say the same again; that were moved since
        others have the same timestamp.
    """

    pieces: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)


def ordered(time_s: np.ndarray, samples: np.ndarray, rate_hz: float | None = None) -> Ordered:
    """Cut rows at restarts, sort them, leave out repetitions and spread what shares a timestamp.

    If time stands still and the rate is not known, there is nothing to spread over: what
    shares a timestamp counts as repeated.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Finite, in the order of the file.
    samples : ndarray, shape (n, 3)
    rate_hz : float, optional
        As published.
    """
    if not len(time_s):
        return Ordered()
    if (np.diff(time_s) > INSTANT_S).all():
        return Ordered([(np.arange(len(time_s)), time_s - time_s[0])])
    period = period_s(time_s) or (1 / rate_hz if rate_hz else 0.0)
    course = Course(period)
    out = Ordered(begins=course.restarts(time_s), late=course.late)
    for rows in np.split(np.arange(len(time_s)), out.begins):
        since_s = time_s[rows] - time_s[rows].min()
        order = by_time(since_s, samples[rows])
        if not period:
            order = order[:1]
        kept, stamps = rows[order], since_s[order]
        out.repeated += np.setdiff1d(rows, kept).tolist()
        out.shared += kept[1:][np.diff(stamps) <= INSTANT_S].tolist()
        out.pieces.append((kept, spread(stamps, period)))
    return out
