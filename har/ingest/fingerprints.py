"""Fingerprints of movement: one recording under two names, trimmed, rounded or resampled.

Wherever the smoothed length of the acceleration has a peak, the smoothed axes around it are rounded
coarsely and hashed. Two recordings are copies if several peaks have the same hash at the same
distance in time. The cost is linear in the samples and n log n in the peaks.

What it finds was measured on MotionSense, UCI HAPT and the phones of WISDM 2019 (622 recordings, 24
h) with copies of all. Of recordings that move (eight peaks or more) it finds 96 to 100 % where half
was cut off, values were rounded to 0.5 m/s² or less, or the rate became 100, 31 or 20 Hz through an
anti-aliasing filter; of those brought to 20 Hz without such a filter 20 % (MotionSense), 86 %
(WISDM) and all (HAPT); scaled by 3 %, 82 to 99 %. No two of the 86 550 pairs of different
recordings were taken for copies, nor with gravity filtered out. Copies that it cannot find: of
recordings that hardly move (95 of MotionSense: sitting and standing), turned, or scaled by more.
Equal samples have equal hashes whatever they are.

Nor does it find copies of what repeats strictly, as on a shaker: a peak that comes again in its own
recording tells nothing. Of 60 recordings of 5 min at one step a second, made up, of whose middle
half values were rounded to 0.1 m/s², it finds none where all steps are alike; 7 and 36 where their
lengths vary by 2 % and noise is 0 and 0.1 m/s²; 49 where they vary by 5 % without noise; all
where noise is 0.4 m/s² (`pytest tests/ingest/test_corpus.py -k rhythm`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SMOOTH_S = 0.06
"""Standard deviation of the Gaussian that makes recordings of different rates alike."""

AROUND_S = (-0.6, -0.3, 0.0, 0.3, 0.6)
BASE_S, PROMINENCE, STEP = 0.5, 0.5, 1.0
"""A peak stands out from its surroundings by this many m/s²; axes are rounded to so many."""

ALIKE, SHARE = 4, 0.02
"""Peaks of two copies that have one hash and distance: at least so many, and this share."""

TOGETHER_S = 0.2
"""Distances that differ by less are the same."""

COMMON = 8
"""Recordings with a hash that more have than these are not compared by it."""


class Prints(NamedTuple):
    """The peaks of one recording: uint64 hashes and times in seconds, shape (n,) each."""

    hashes: np.ndarray
    time_s: np.ndarray


def prints(samples: np.ndarray, rate_hz: float) -> Prints:
    """The fingerprints of a recording.

    Parameters
    ----------
    samples : ndarray, shape (n, 3)
        In m/s², uniform in time.
    rate_hz : float
    """
    from scipy.ndimage import gaussian_filter1d

    reach = round((max(AROUND_S) + 0.1) * rate_hz)
    if len(samples) <= 2 * reach + 2:
        return Prints(np.empty(0, np.uint64), np.empty(0))
    smooth = gaussian_filter1d(np.asarray(samples, np.float64), SMOOTH_S * rate_hz, axis=0)
    length = np.linalg.norm(smooth, axis=1)
    above = length - gaussian_filter1d(length, BASE_S * rate_hz)
    before, here, after = length[:-2], length[1:-1], length[2:]
    peaks = np.flatnonzero((here > before) & (here >= after) & (above[1:-1] > PROMINENCE)) + 1
    peaks = peaks[(peaks > reach) & (peaks < len(samples) - reach)]
    a, b, c = (length[peaks + i] for i in (-1, 0, 1))
    at = peaks + 0.5 * (a - c) / (a - 2 * b + c)  # the top of a parabola
    rows = np.arange(len(samples))
    hashes = np.zeros(len(peaks), np.uint64)
    for offset_s in AROUND_S:
        for axis in smooth.T:
            value = np.floor(np.interp(at + offset_s * rate_hz, rows, axis) / STEP)
            hashes = (hashes ^ value.astype(np.int64).view(np.uint64)) * np.uint64(
                0x9E3779B97F4A7C15
            )
            hashes ^= hashes >> np.uint64(29)
    return Prints(hashes, at / rate_hz)


def copies(of: Sequence[Prints]) -> dict[tuple[int, int], int]:
    """Pairs of recordings (places in `of`) with the same movement, and their peaks alike."""
    if not of:
        return {}
    sizes = np.array([len(p.hashes) for p in of])
    owner = np.repeat(np.arange(len(of)), sizes)
    hashes, time_s = (np.concatenate(parts) for parts in zip(*of, strict=True))
    order = np.lexsort((owner, hashes))
    hashes, time_s, owner = hashes[order], time_s[order], owner[order]
    again = (hashes[1:] == hashes[:-1]) & (owner[1:] == owner[:-1])
    once = np.ones(len(hashes), bool)  # what comes again in a recording is its rhythm
    once[1:] &= ~again
    once[:-1] &= ~again
    hashes, time_s, owner = hashes[once], time_s[once], owner[once]
    first, second, apart_s = [], [], []
    for k in range(1, COMMON):
        same = np.flatnonzero((hashes[k:] == hashes[:-k]) & (owner[k:] != owner[:-k]))
        first.append(owner[same])
        second.append(owner[same + k])
        apart_s.append(time_s[same + k] - time_s[same])
    pair = np.stack([np.concatenate(first), np.concatenate(second)], axis=1)
    _, which, count = np.unique(pair, axis=0, return_inverse=True, return_counts=True)
    in_all = count[which.ravel()]  # at any distance: of a rhythm, most are at others
    found: dict[tuple[int, int], int] = {}
    for shift in (0.0, 0.5):  # so that no bin's edge parts what is together
        place = np.floor(np.concatenate(apart_s) / TOGETHER_S + shift)
        keys, at, alike = np.unique(
            np.column_stack([pair, place]), axis=0, return_index=True, return_counts=True
        )
        keys = keys[:, :2].astype(np.int64)
        enough = alike >= np.maximum(ALIKE, SHARE * sizes[keys].min(axis=1))
        enough &= alike > in_all[at] / 2
        for (i, j), n in zip(keys[enough].tolist(), alike[enough].tolist(), strict=True):
            found[i, j] = max(n, found.get((i, j), 0))
    return found
