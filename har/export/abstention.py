"""When to say `unknown`: limits chosen on validation people, with what they cost.

The answer is `unknown` where the model is not sure, and where the window is unlike all that it was
trained on, of which the probability says nothing. The probabilities are calibrated (see
`har.training.fit.best_temperature`), but a sum of few people is not a promise: what the limits did
on validation people is written beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from har.runtime import smoothing
from har.runtime.chain import Abstention
from har.runtime.familiarity import Familiarity, Ruler
from har.signal.windows import Windows

KEPT = 0.95
"""Share of the right answers that stay answers."""


def runs(windows: Windows, index: np.ndarray) -> list[np.ndarray]:
    """Windows of one recording that follow one another at the hop, as positions in `index`.

    The hop is the smallest step from one window to the next.
    """
    order = np.lexsort((windows.spans[index, 0], windows.recordings[index]))
    start, recording = windows.spans[index[order], 0], windows.recordings[index[order]]
    step, same = np.diff(start), recording[1:] == recording[:-1]
    if not same.any():
        return [order[i : i + 1] for i in range(len(order))]
    breaks = np.flatnonzero(~same | (step != step[same].min())) + 1
    return np.split(order, breaks)


def choose(
    windows: Windows,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    n_windows: int,
    measured: Sequence[np.ndarray] = (),
    ruler: Ruler | None = None,
) -> Abstention | None:
    """Limits of the largest smoothed probability and, with a ruler, of the smoothed distance.

    Parameters
    ----------
    folds : sequence of (index, probabilities)
        Validation windows of each fold, and what that fold's model said of them.
    n_windows : int
        Of the smoothing.
    measured : sequence of ndarray, optional
        The same windows' distances from what that model was trained on, for each fold.
    ruler : Ruler, optional
        Of the model that ships; it comes with `measured`.

    Returns
    -------
    Abstention or None
        None without validation people or right answers.
    """
    sure, far, ok = [np.empty(0)], [np.empty(0)], [np.empty(0, bool)]
    for n, (index, probabilities) in enumerate(folds):
        distances = measured[n] if measured else np.zeros(len(index))
        for run in runs(windows, index) if len(index) else []:
            smoothed = smoothing.causal_mean(
                np.column_stack([probabilities[run], distances[run]]), n_windows
            )
            answers, confidence = smoothing.decide(smoothed[:, :-1], None)
            sure.append(confidence)
            far.append(smoothed[:, -1])
            ok.append(answers == windows.labels[index[run]])
    p, d, right = np.concatenate(sure), np.concatenate(far), np.concatenate(ok)
    if not right.any():
        return None
    threshold, limit = limits(p[right], d[right] if ruler else None)
    kept = (p >= threshold) & (d <= limit)
    wrong = f"{(~kept[~right]).mean():.0%} of the wrong ones" if (~right).any() else "no wrong ones"
    return Abstention(
        threshold=threshold,
        answer="unknown",
        distance=Familiarity.of(ruler, limit) if ruler else None,
        how=f"on {len(p)} windows of validation people (a person may count in several "
        f"folds), smoothed: {(~kept[right]).mean():.0%} of the right answers and {wrong} become "
        f"unknown; of what is answered {right[kept].mean():.0%} is right instead of "
        f"{right.mean():.0%}",
    )


def limits(sure: np.ndarray, far: np.ndarray | None) -> tuple[float, float]:
    """The least probability and the largest distance that leave `KEPT` of some windows answered.

    Parameters
    ----------
    sure, far : ndarray, shape (n,)
        Of windows whose answers are right; without distances only the probability limits.

    Returns
    -------
    threshold, limit : float
        Each is passed by the same share of the windows. Rounded so that no more become unknown:
        the file says what is compared with.
    """
    share, limit = 1 - KEPT, np.inf
    if far is not None:
        share = np.quantile(np.minimum(ranks(sure, sure), ranks(-far, -far)), share)
        limit = np.ceil(np.quantile(far, 1 - share) * 1000) / 1000
    return float(np.floor(np.quantile(sure, share) * 1000) / 1000), float(limit)


def ranks(of: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each score the share of others that is lower."""
    return np.searchsorted(np.sort(of), scores, side="left") / len(of)
