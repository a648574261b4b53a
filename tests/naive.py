"""Slow, obvious twins of what `har` does fast."""

from __future__ import annotations

from collections import Counter

import numpy as np

from har.signal import resampling


def convolve_valid(x: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Output j is the sum over i of taps[i] · x[j + n_taps − 1 − i]."""
    n = len(x) - len(taps) + 1
    out = np.zeros((n, x.shape[1]))
    for j in range(n):
        for i, tap in enumerate(taps):
            out[j] += tap * x[j + len(taps) - 1 - i]
    return out


def windows(labels, *, length, step, lead, within, min_purity, last=False):
    """(start, label, purity) of each kept window, one at a time."""
    n = len(labels)
    if within == "recording":
        starts = [s for s in range(lead, n, step) if s + length + lead <= n]
    else:
        starts = []
        i = 0
        while i < n:
            j = i
            while j < n and labels[j] == labels[i]:
                j += 1
            if labels[i] >= 0:
                s = i
                while s + length <= j:
                    if s >= lead and s + length + lead <= n:
                        starts.append(s)
                    s += step
            i = j
    kept = []
    for s in starts:
        counts = Counter(labels[s : s + length].tolist())
        others, unlabelled = counts.pop(-2, 0), counts.pop(-1, 0)
        label, most = max(counts.items(), key=lambda kv: (kv[1], -kv[0]), default=(None, 0))
        if last:
            label = int(labels[s + length - 1])
            if label < 0:
                continue
            most = counts[label]
        elif label is None or others > most or unlabelled > most:
            continue
        if most >= min_purity * length - 1e-9:
            kept.append((s, label, most / length))
    return kept


def lagrange(t: np.ndarray, x: np.ndarray, at: float) -> np.ndarray:
    """The cubic through the four samples around a time, by numpy's polynomial fit."""
    right = int(np.searchsorted(t, at, side="right"))
    i = min(max(right - 2, 0), len(t) - 4)
    nodes = t[i : i + 4] - at
    return np.array([np.polyfit(nodes, x[i : i + 4, c], 3)[-1] for c in range(x.shape[1])])


def resample(x, t, *, target_hz, max_gap_s):
    """A recording that is there as a whole: every stretch by itself, every fine sample filtered."""
    period = resampling.sampling_period(t)
    kept = resampling.spaced(t, resampling.TOO_CLOSE * period)
    t, x = t[kept], x[kept]
    k = resampling.decimation(1 / period, target_hz)
    cuts = np.flatnonzero(np.diff(t) > max_gap_s) + 1
    stretches = []
    for ts, xs in zip(np.split(t, cuts), np.split(x, cuts), strict=True):
        if len(ts) < 4:
            continue
        first = int(np.ceil(ts[0] * k * target_hz - 1e-6))
        last = int(np.floor(ts[-1] * k * target_hz + 1e-6))
        at = np.clip(np.arange(first, last + 1) / (k * target_hz), ts[0], ts[-1])
        fine = resampling.cubic(ts, xs, at).astype(np.float32)
        if k > 1:
            taps = resampling.decimation_taps(k)
            full = np.array([np.convolve(c, taps, mode="valid") for c in fine.T]).T
            full = full if len(fine) >= len(taps) else full[:0]
            centres = first + len(taps) // 2 + np.arange(len(full))
            fine, first = full[centres % k == 0], int(np.ceil(centres[0] / k)) if len(full) else 0
        if len(fine):
            stretches.append(resampling.Stretch(first, fine))
    return stretches
