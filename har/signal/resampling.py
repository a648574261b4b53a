"""Any timestamps to a uniform rate, with finite support, so that a phone can do the same.

The scheme, which `model.json` names `cubic-sinc-1` and the phone page repeats in JavaScript:

1. the sampling period is the median distance of the first 64 samples: a live phone knows no more,
   and a recording must come out the same whether it is read whole or as it arrives;
2. samples closer than a quarter of that period to the one before are left out (they would
   blow up any interpolation), and a distance longer than `max_gap_s` cuts the recording: nothing
   is ever invented across it;
3. within a stretch, a cubic through the four samples around (Lagrange, on the true timestamps) is
   read at the times i / (k · rate) of a grid that starts at the recording's first sample;
4. k is the smallest whole number for which the source is at most a tenth faster than k · rate; if
   that is 2 or more, a windowed sinc takes the finer grid down by k, so that nothing aliases (what
   the tenth folds back lands where the sinc lets nothing through). The tenth keeps the steps of k
   away from the whole multiples of the rate, where sensors are: at 100.01 Hz as at 99.99 Hz, 50 Hz
   are reached by k = 2.

Uniform samples at the target rate pass unchanged.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from har.errors import WindowError
from har.recording import Chunk

SCHEME: Final = "cubic-sinc-1"
WARM_UP = 64
"""The first samples, whose median distance is the sampling period."""
TOO_CLOSE = 0.25
"""Of the sampling period: nearer samples are left out."""
FASTER = 1.1
"""A source up to this many times the grid's rate needs no finer grid."""
ZERO_CROSSINGS = 8
"""Of the sinc, on each side, in periods of the target rate."""
AT_A_TIME = 1 << 18  # samples: each takes a few hundred bytes while it is resampled


@dataclass(frozen=True)
class Stretch:
    """Uniform samples without a gap.

    `start` counts periods of the target rate since the recording's first sample.
    """

    start: int
    samples: np.ndarray

    @property
    def stop(self) -> int:
        return self.start + len(self.samples)


Piece = tuple[Stretch, bool]
"""The next uniform samples, and whether a gap follows: the next piece then begins a stretch."""


def resample(
    samples: np.ndarray,
    *,
    source_hz: float,
    target_hz: float,
    max_gap_s: float,
    time_s: np.ndarray | None = None,
) -> list[Stretch]:
    """Samples at a uniform rate, in stretches that no gap interrupts.

    Parameters
    ----------
    samples : ndarray, shape (n, 3)
    source_hz : float
        Nominal rate; used where there are no timestamps.
    max_gap_s : float
        Samples further apart than this are not joined.
    time_s : ndarray of float64, shape (n,), optional
        Strictly increasing, seconds since the first sample.

    Returns
    -------
    list of Stretch
        float32 samples. A stretch of fewer than four samples gives none.

    Raises
    ------
    WindowError
        If the gap limit is below the sampling period: every pair would be a gap.
    """
    return joined(in_pieces(samples, source_hz, target_hz, max_gap_s, time_s))


def in_pieces(
    samples: np.ndarray, source_hz: float, target_hz: float, max_gap_s: float,
    time_s: np.ndarray | None = None,
) -> Iterator[Piece]:  # fmt: skip
    """`resample` a little at a time: memory does not grow with the recording."""
    if time_s is None and math.isclose(source_hz, target_hz, rel_tol=1e-6):
        yield Stretch(0, np.asarray(samples, np.float32)), True
        return
    resampler = Resampler(target_hz=target_hz, max_gap_s=max_gap_s)
    for a in range(0, len(samples), AT_A_TIME):
        b = min(a + AT_A_TIME, len(samples))
        time = np.arange(a, b) / source_hz if time_s is None else time_s[a:b]
        yield from resampler.push(Chunk(time, samples[a:b]))
    yield from resampler.finish()


def joined(pieces: Iterable[Piece]) -> list[Stretch]:
    """Pieces that follow one another as stretches."""
    out: list[Stretch] = []
    parts: list[Stretch] = []
    for piece, ended in pieces:
        if len(piece.samples):
            parts.append(piece)
        if ended and parts:
            rows = [p.samples for p in parts]
            out.append(Stretch(parts[0].start, np.concatenate(rows) if rows[1:] else rows[0]))
            parts = []
    return out


def sampling_period(time_s: np.ndarray) -> float:
    """Seconds from sample to sample, by the first of them (all, if there are fewer)."""
    return float(np.median(np.diff(time_s[:WARM_UP])))


def decimation(source_hz: float, target_hz: float) -> int:
    """How many times finer than the target grid the interpolation grid is."""
    return max(1, math.ceil(source_hz / target_hz / FASTER - 1e-6))


def spaced(time_s: np.ndarray, least: float) -> np.ndarray:
    """Indices of the samples that are at least `least` after the kept one before."""
    if (np.diff(time_s) >= least).all():
        return np.arange(len(time_s))
    kept, last = [0], time_s[0]
    for i, t in enumerate(time_s[1:].tolist(), start=1):
        if t - last >= least:
            kept.append(i)
            last = t
    return np.array(kept)


def cubic(time_s: np.ndarray, samples: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """The cubic through the four samples around each time (Lagrange's form).

    Parameters
    ----------
    time_s : ndarray, shape (n,), strictly increasing, n ≥ 4
    samples : ndarray, shape (n, channels)
    at_s : ndarray, shape (m,)
        Within the first and last time. Before the second sample and after the last but one, the
        four at that end are used.

    Returns
    -------
    ndarray of float64, shape (m, channels)
    """
    i = np.clip(np.searchsorted(time_s, at_s, side="right") - 2, 0, len(time_s) - 4)
    nodes = time_s[i[:, None] + np.arange(4)]
    away = at_s[:, None] - nodes
    out = np.zeros((len(at_s), samples.shape[1]))
    for a in range(4):
        weight = np.ones(len(at_s))
        for b in range(4):
            if a != b:
                weight *= away[:, b] / (nodes[:, a] - nodes[:, b])
        out += weight[:, None] * samples[i + a]
    return out


def decimation_taps(k: int) -> np.ndarray:
    """Low-pass before keeping each k-th sample: half amplitude at 0.4 of the target rate."""
    from scipy import signal  # takes seconds to import, and `har serve` only describes a bundle

    return signal.firwin(2 * ZERO_CROSSINGS * k + 1, 0.8 / k, window="hamming")


class Resampler:
    """`resample` of samples as they come: memory does not grow with the recording.

    Nothing comes before the first samples are there that tell the sampling period.

    Parameters
    ----------
    target_hz, max_gap_s : float
        As in `resample`.
    """

    def __init__(self, *, target_hz: float, max_gap_s: float) -> None:
        self.target_hz = target_hz
        self.max_gap_s = max_gap_s
        self._period: float | None = None
        self._time = np.empty(0)
        self._samples = np.empty((0, 3), np.float32)
        self._next: int | None = None  # the first grid point not given yet; None: a stretch begins
        self._thinner: _TakeDown | None = None

    def push(self, chunk: Chunk) -> Iterator[Piece]:
        """More samples; the uniform ones that they complete.

        Raises
        ------
        WindowError
            If the gap limit is below the sampling period.
        """
        self._time = np.concatenate([self._time, chunk.time_s])
        self._samples = np.concatenate([self._samples, chunk.samples])
        if self._period is not None or len(self._time) >= WARM_UP:
            yield from self._take()

    def finish(self) -> Iterator[Piece]:
        """What is left when no more samples come."""
        if self._period is None and len(self._time) >= 4:
            yield from self._take()
        if self._period is not None:
            yield self._piece(self._time, self._samples, last=True), True

    def _take(self) -> Iterator[Piece]:
        if self._period is None:
            self._period = self._learnt_period()
            self._k = decimation(1 / self._period, self.target_hz)
        kept = spaced(self._time, TOO_CLOSE * self._period)
        time, samples = self._time[kept], self._samples[kept]
        cuts = np.flatnonzero(np.diff(time) > self.max_gap_s) + 1
        bounds = [0, *cuts.tolist()]
        for a, b in itertools.pairwise(bounds):
            yield self._piece(time[a:b], samples[a:b], last=True), True
            self._next = None
        time, samples = time[bounds[-1] :], samples[bounds[-1] :]
        yield self._piece(time, samples, last=False), False
        # The next grid point lies after the last sample but one; its cubic needs one more before.
        keep = 4 if self._next is not None else len(time)
        self._time, self._samples = time[-keep:].copy(), samples[-keep:].copy()

    def _learnt_period(self) -> float:
        period = sampling_period(self._time)
        if self.max_gap_s <= 1.5 * period:
            raise WindowError(
                f"Samples are {period:.3g} s apart, but signal.max_gap_s is {self.max_gap_s:g} s: "
                "the recording is too slow for it. Give one with a higher rate, or train with at "
                f"least {2 * period:.2g} s."
            )
        return period

    def _piece(self, time: np.ndarray, samples: np.ndarray, *, last: bool) -> Stretch:
        """The grid points of the open stretch that can be given now, in order."""
        if len(time) < 4:
            return Stretch(0, np.empty((0, 3), np.float32))
        rate = self._k * self.target_hz
        # A sample that stands on the grid but for rounding is on the grid.
        if self._next is None:
            self._next = math.ceil(time[0] * rate - 1e-6)
            self._thinner = _TakeDown(self._k, self._next) if self._k > 1 else None
        first = self._next
        if last:
            stop = math.floor(time[-1] * rate + 1e-6) + 1
        else:  # before the last sample but one, all four around are known
            stop = math.ceil(time[-2] * rate - 1e-6)
        self._next = max(first, stop)
        # time[0] clips only a stretch's first point: later ones lie after time[1].
        at = np.clip(np.arange(first, stop) / rate, time[0], time[-1])
        fine = cubic(time, samples, at).astype(np.float32)
        return self._thinner.push(fine) if self._thinner else Stretch(first, fine)


class _TakeDown:
    """Low-pass, and the samples on the coarse grid that have all their context."""

    def __init__(self, k: int, start: int) -> None:
        self._k = k
        self._taps = decimation_taps(k)
        self._half = len(self._taps) // 2
        self._next = -(-(start + self._half) // k)  # the next coarse sample
        self._fine = np.empty((0, 3), np.float32)
        self._start = start  # of self._fine

    def push(self, fine: np.ndarray) -> Stretch:
        from scipy import signal

        self._fine = np.concatenate([self._fine, fine])
        k, half, first = self._k, self._half, self._next
        last = (self._start + len(self._fine) - 1 - half) // k
        if last < first:
            return Stretch(first, np.empty((0, 3), np.float32))
        block = self._fine[first * k - half - self._start : last * k + half + 1 - self._start]
        # upfirdn computes only the samples that are kept.
        out = signal.upfirdn(self._taps, block.astype(np.float64), up=1, down=k, axis=0)
        skip = 2 * half // k
        result = out[skip : skip + last - first + 1].astype(np.float32)
        self._next = last + 1
        drop = self._next * k - half - self._start
        self._fine, self._start = self._fine[drop:].copy(), self._start + drop
        return Stretch(first, result)
