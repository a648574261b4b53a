"""When to say `unknown`: a threshold chosen on validation people, with what it costs.

The probabilities are calibrated (see `har.training.fit.best_temperature`), but a sum of few people
is not a promise: what the threshold did on validation people is written beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from har.runtime import smoothing
from har.runtime.chain import Abstention
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
) -> Abstention | None:
    """The threshold for the largest smoothed probability.

    Parameters
    ----------
    folds : sequence of (index, probabilities)
        Validation windows of each fold, and what that fold's model said of them.
    n_windows : int
        Of the smoothing.

    Returns
    -------
    Abstention or None
        None without validation people or right answers.
    """
    confidence, right = [], []
    for index, probabilities in folds:
        for run in runs(windows, index) if len(index) else []:
            answers, sure = smoothing.decide(
                smoothing.causal_mean(probabilities[run], n_windows), None
            )
            confidence.append(sure)
            right.append(answers == windows.labels[index[run]])
    sure = np.concatenate(confidence) if confidence else np.empty(0)
    ok = np.concatenate(right) if right else np.empty(0, bool)
    if not ok.any():
        return None
    # Rounded down: the file says what is compared with.
    threshold = np.floor(np.quantile(sure[ok], 1 - KEPT) * 1000) / 1000
    kept = sure >= threshold
    wrong = f"{(~kept[~ok]).mean():.0%} of the wrong ones" if (~ok).any() else "no wrong ones"
    return Abstention(
        threshold=float(threshold),
        answer="unknown",
        how=f"on {len(sure)} windows of validation people (a person may count in several "
        f"folds), smoothed: {(~kept[ok]).mean():.0%} of the right answers and {wrong} become "
        f"unknown; of what is answered {ok[kept].mean():.0%} is right instead of {ok.mean():.0%}",
    )
