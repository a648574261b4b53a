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

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import signal

from har.errors import WindowError

SCHEME: Final = "cubic-sinc-1"
WARM_UP = 64
"""The first samples, whose median distance is the sampling period."""
TOO_CLOSE = 0.25
"""Of the sampling period: nearer samples are left out."""
FASTER = 1.1
"""A source up to this many times the grid's rate needs no finer grid."""
ZERO_CROSSINGS = 8
"""Of the sinc, on each side, in periods of the target rate."""


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
    samples : ndarray, shape (n, channels)
    source_hz : float
        Nominal rate; used where there are no timestamps.
    target_hz : float
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
    if time_s is None:
        if math.isclose(source_hz, target_hz, rel_tol=1e-6):
            return [Stretch(0, np.asarray(samples, np.float32))]
        time_s = np.arange(len(samples)) / source_hz
    if len(time_s) < 4:
        return []
    period = sampling_period(time_s)
    if max_gap_s <= 1.5 * period:
        raise WindowError(
            f"signal.max_gap_s is {max_gap_s:g} s, but samples are {period:.3g} s apart; set it to "
            f"at least {2 * period:.2g}."
        )
    kept = spaced(time_s, TOO_CLOSE * period)
    time_s, samples = time_s[kept], np.asarray(samples)[kept]
    k = decimation(1 / period, target_hz)
    cuts = np.flatnonzero(np.diff(time_s) > max_gap_s) + 1
    stretches = []
    for t, x in zip(np.split(time_s, cuts), np.split(samples, cuts), strict=True):
        if len(t) < 4:
            continue
        stretch = _uniform(t, x, k * target_hz)
        if k > 1:
            stretch = _take_down(stretch, k)
        if len(stretch.samples):
            stretches.append(stretch)
    return stretches


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
    return signal.firwin(2 * ZERO_CROSSINGS * k + 1, 0.8 / k, window="hamming")


def _uniform(time_s: np.ndarray, samples: np.ndarray, rate_hz: float) -> Stretch:
    # A sample that stands on the grid but for rounding is on the grid.
    first = math.ceil(time_s[0] * rate_hz - 1e-6)
    last = math.floor(time_s[-1] * rate_hz + 1e-6)
    at = np.clip(np.arange(first, last + 1) / rate_hz, time_s[0], time_s[-1])
    return Stretch(first, cubic(time_s, samples, at).astype(np.float32))


def _take_down(fine: Stretch, k: int) -> Stretch:
    """Low-pass and keep the samples that stand on the coarse grid and have all their context."""
    taps = decimation_taps(k)
    half = len(taps) // 2
    first = -(-(fine.start + half) // k)
    last = (fine.stop - 1 - half) // k
    if last < first:
        return Stretch(first, np.empty((0, fine.samples.shape[1]), np.float32))
    offset = first * k - half - fine.start
    block = fine.samples[offset : last * k + half + 1 - fine.start]
    # upfirdn computes only the samples that are kept.
    out = signal.upfirdn(taps, block.astype(np.float64), up=1, down=k, axis=0)
    skip = 2 * half // k
    return Stretch(first, out[skip : skip + last - first + 1].astype(np.float32))
