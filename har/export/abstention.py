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

UNSURE = 0.1
"""Of those that do not, about this share is refused for its probability, the rest for its distance.
Chosen on validation people of four sets (reports/unknown.md)."""


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


def limits(sure: np.ndarray, far: np.ndarray | None, unsure: float = UNSURE) -> tuple[float, float]:
    """The least probability and the largest distance that leave `KEPT` of some windows answered.

    Parameters
    ----------
    sure, far : ndarray, shape (n,)
        Of windows whose answers are right; without distances only the probability limits.
    unsure : float
        In place of `UNSURE`, from 0 (the distance alone) to 1 (the probability alone).

    Returns
    -------
    threshold, limit : float
        Rounded so that no more become unknown: the file says what is compared with.
    """
    if far is None:
        far, unsure = np.zeros(len(sure)), 1.0
    least = np.quantile(rarity(sure, far, sure, far, unsure), 1 - KEPT)
    threshold = np.quantile(sure, least * unsure) if unsure else 0.0
    limit = np.quantile(far, 1 - least * (1 - unsure)) if unsure < 1 else np.inf
    return float(np.floor(threshold * 1000) / 1000), float(np.ceil(limit * 1000) / 1000)


def rarity(
    sure: np.ndarray,
    far: np.ndarray,
    its_sure: np.ndarray,
    its_far: np.ndarray,
    unsure: float = UNSURE,
) -> np.ndarray:
    """How rare windows are among known ones, by their probability or by their distance, whichever
    is the rarer: the smaller, the rarer. The two are weighted by `unsure`, as in `limits`."""
    by_both = ((sure, its_sure, unsure), (-far, -its_far, 1 - unsure))
    return np.min([_below(of, its) / weight for of, its, weight in by_both if weight], axis=0)


def _below(of: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each score the share of others that is lower."""
    return np.searchsorted(np.sort(of), scores, side="left") / len(of)
