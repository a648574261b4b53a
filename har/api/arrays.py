"""Plain arrays in the form in which everything else here takes windows."""

from __future__ import annotations

import numpy as np

from har.signal.windows import Windows


def as_windows(
    X: np.ndarray, classes: np.ndarray, *, labels: np.ndarray | None = None,
    people: np.ndarray | None = None, rate_hz: float = 50.0, placement: str = "",
) -> Windows:  # fmt: skip
    """Arrays in the form in which everything else here takes windows.

    Parameters
    ----------
    X : ndarray of float32, shape (n, T, 3)
    classes : ndarray, shape (k,)
    labels : ndarray of int, shape (n,), optional
        Indices into `classes`.
    people : ndarray of str, shape (n,), optional
    rate_hz : float
        By which classical models know what a frequency is.
    placement : str
    """
    n, length = X.shape[:2]
    starts = np.arange(n, dtype=np.int64) * length
    return Windows(
        samples=np.ascontiguousarray(X.reshape(-1, 3), np.float32),
        starts=starts,
        n_samples=length,
        taps=np.ones(1),
        labels=np.zeros(n, np.int64) if labels is None else labels.astype(np.int64),
        purity=np.ones(n, np.float32),
        subjects=np.full(n, "") if people is None else people,
        recordings=np.full(n, f"//{placement}"),
        spans=np.stack([starts, starts + length], axis=1),
        activities=tuple(map(str, classes.tolist())),
        rate_hz=rate_hz,
        rejected={},
    )
