"""From a row of probabilities per window to a steady answer: causal, with a delay that is stated.

A phone cannot look ahead, so neither does this: the answer after window i uses windows up to i.
The page in `har/phone/web` does the same sum.
"""

from __future__ import annotations

import numpy as np

from har.errors import PredictionError

UNKNOWN = -1
"""In place of an activity's index where the model does not know."""


def causal_mean(probabilities: np.ndarray, n_windows: int) -> np.ndarray:
    """Mean of each window's probabilities and those of the windows just before it.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, k)
        In order of time, of one unbroken stretch.
    n_windows : int
        How many are averaged; 1 changes nothing. The first rows average what there is.

    Returns
    -------
    ndarray of float64, shape (n, k)
    """
    if n_windows < 1:
        raise PredictionError(f"Smoothing takes at least one window, got {n_windows}.")
    p = np.asarray(probabilities, np.float64)
    if n_windows == 1 or not len(p):
        return p.copy()
    # Sums of few terms each: a running sum would drift over a day of windows.
    total = p.copy()
    for back in range(1, min(n_windows, len(p))):
        total[back:] += p[:-back]
    count = np.minimum(np.arange(1, len(p) + 1), n_windows)
    return total / count[:, None]


def delay_s(n_windows: int, hop_s: float) -> float:
    """How much later a change is seen than without smoothing.

    The mean over n windows follows a step half-way up after (n − 1) / 2 of them.
    """
    return (n_windows - 1) / 2 * hop_s


def decide(
    smoothed: np.ndarray,
    threshold: float | None,
    distances: np.ndarray | None = None,
    limit: float = np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """The answer of each row, and how sure it is.

    Parameters
    ----------
    smoothed : ndarray, shape (n, k)
    threshold : float, optional
        Of the largest probability; below it the answer is `UNKNOWN`.
    distances : ndarray, shape (n,), optional
        Smoothed, from what was trained on; above `limit` the answer is `UNKNOWN` too.
    limit : float

    Returns
    -------
    answers : ndarray of int64, shape (n,)
    confidence : ndarray of float64, shape (n,)
        The largest probability, also where the answer is `UNKNOWN`.
    """
    answers = smoothed.argmax(1).astype(np.int64)
    confidence = smoothed.max(1)
    if threshold is not None:
        answers[confidence < threshold] = UNKNOWN
    if distances is not None:
        answers[distances > limit] = UNKNOWN
    return answers, confidence
