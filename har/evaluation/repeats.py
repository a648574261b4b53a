"""Signal that occurs more than once: equal samples by their hash, near copies by their peaks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from har.ingest import fingerprints
from har.signal.windows import Windows


@dataclass(frozen=True)
class Content:
    """Hashes of stretches of raw signal, one window long.

    windows : uint64, shape (n_windows,), of each window; 0 where the signal does not vary.
    runs : uint64, shape (n_runs,), of stretches that begin where the signal itself says, and
    rows : int64, shape (n_runs,), where in the stored samples they begin. A copy of a recording
    that begins a little earlier or later has the same runs, though no equal window.
    """

    windows: np.ndarray
    runs: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    length: int

    def seen_by(self, index: np.ndarray) -> np.ndarray:
        """Hashes of all stretches inside the windows of one part."""
        n = int(max(self.starts.max(initial=0), self.rows.max(initial=0))) + self.length + 1
        edges = np.zeros(n + 1, dtype=np.int64)
        np.add.at(edges, self.starts[index], 1)
        np.add.at(edges, self.starts[index] + self.length, -1)
        outside = np.concatenate([[0], np.cumsum(np.cumsum(edges[:-1]) == 0)])
        inside = outside[self.rows + self.length] == outside[self.rows]
        return np.unique(np.concatenate([self.windows[index], self.runs[inside]]))


def content(samples: np.ndarray, starts: np.ndarray, length: int) -> Content:
    """Hash windows and stretches of raw signal by what is in them.

    Parameters
    ----------
    samples : ndarray of float32, shape (N, 3)
    starts : ndarray of int64, shape (n_windows,)
    length : int
        Of a window, lead-in included, in samples.
    """
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    change = np.zeros(len(samples) + 1, dtype=np.int64)
    if len(samples) > 1:
        change[2:] = np.cumsum((samples[1:] != samples[:-1]).any(axis=1))

    def hashed(rows: np.ndarray) -> np.ndarray:
        out = np.zeros(len(rows), dtype=np.uint64)
        for i, row in enumerate(rows.tolist()):
            # a sensor that is stuck looks alike on everybody: that is no sign of a copy
            if change[row + length] - change[row + 1] > 0:
                digest = hashlib.blake2b(samples[row : row + length].data, digest_size=8).digest()
                out[i] = int.from_bytes(digest, "little") | 1
        return out

    rows = _anchors(samples)
    rows = rows[rows + length <= len(samples)]
    return Content(hashed(starts), hashed(rows), rows, np.asarray(starts), length)


def _anchors(samples: np.ndarray) -> np.ndarray:
    """About one row in 32, chosen by the values around it alone."""
    if len(samples) < 4:
        return np.zeros(0, dtype=np.int64)
    bits = samples.view(np.uint32).astype(np.uint64)
    mixed = bits @ np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
    mixed ^= mixed >> np.uint64(29)
    gram = mixed[:-3] * np.uint64(3) + mixed[1:-2] * np.uint64(5) + mixed[2:-1] * np.uint64(7)
    gram = (gram + mixed[3:]) * np.uint64(0xBF58476D1CE4E5B9)
    return np.flatnonzero((gram >> np.uint64(59)) == 0)


def duplicate_windows(seen: Sequence[np.ndarray]) -> int:
    """Window-long stretches of signal that occur in more than one part, each as `seen_by` it."""
    shared = (np.intersect1d(a, b, assume_unique=True) for a, b in combinations(seen, 2))
    return sum(int((both != 0).sum()) for both in shared)


def near_copies(windows: Windows) -> dict[tuple[str, str], int]:
    """Recordings that hold the same movement, and how many peaks of it are alike.

    Trimmed, rounded or resampled copies share no sample (see `har.ingest.fingerprints`).
    """
    names, which = np.unique(windows.recordings, return_inverse=True)
    first, last = np.full(len(names), len(windows.samples)), np.zeros(len(names), np.int64)
    np.minimum.at(first, which, windows.starts)
    np.maximum.at(last, which, windows.starts + windows.n_raw)
    rows = map(slice, first.tolist(), last.tolist())
    rate_hz = windows.rate_hz
    found = fingerprints.copies([fingerprints.prints(windows.samples[r], rate_hz) for r in rows])
    return {(str(names[i]), str(names[j])): n for (i, j), n in found.items()}


def apart(pair: tuple[str, str], seen: Sequence[set[str]]) -> bool:
    """Whether two recordings are in different parts."""
    a, b = pair
    return any((a in x and b in y) or (a in y and b in x) for x, y in combinations(seen, 2))
