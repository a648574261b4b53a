"""Prediction sets that hold the true activity for a stated share of windows of a new person.

Split conformal prediction, by person: the score of a window is one less the smoothed probability of
its true activity; the threshold is the quantile of the mean over people of each person's
distribution of scores, so that somebody with many windows counts no more than anybody else.

References
----------
Dunn, Wasserman and Ramdas, Distribution-free prediction sets for two-layer hierarchical models,
JASA 2023, doi:10.1080/01621459.2022.2060112, section 3.1 (pooling CDFs). What it holds for a new
person is measured here by leaving each person out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from har.export.abstention import runs
from har.runtime import smoothing
from har.runtime.chain import PredictionSets, SetLevel
from har.signal.windows import Windows
from har.training.job_files import Predictions

LEVELS = (0.8, 0.9, 0.95, 0.99)
COVERED = 0.8
"""How many people's own coverage is at least this is counted."""


def choose(
    windows: Windows, folds: Sequence[Predictions], *, n_windows: int
) -> PredictionSets | None:
    """Thresholds from validation people, measured on test people.

    Parameters
    ----------
    folds : sequence of Predictions
    n_windows : int
        Of the smoothing.

    Returns
    -------
    PredictionSets or None
        None without validation people. A level of more than n / (n + 1) needs more than n people
        and is left out.
    """
    known, people = _scores(windows, [f.of("validation") for f in folds], n_windows)
    asked, tested = _scores(windows, [f.of("test") for f in folds], n_windows)
    who = sorted(set(people.tolist()))
    n = len(who)
    if not n:
        return None
    true = known[np.arange(len(known)), 0]
    levels = {}
    for level in LEVELS:
        if level > n / (n + 1):
            continue
        held = []
        for person in sorted(set(tested.tolist())):
            others = people != person
            if not others.any():
                continue
            threshold = quantile(true[others], people[others], level)
            mine = asked[tested == person]
            inside = mine <= threshold
            held.append((float(inside[:, 0].mean()), inside.sum(1).mean(), len(mine)))
        coverage, size, weight = np.array(held).T if held else np.ones((3, 1))
        # Rounded up: the file says what is compared with.
        threshold = np.ceil(quantile(true, people, level) * 1e4) / 1e4
        levels[f"{level:g}"] = SetLevel(
            threshold=float(min(threshold, 1.0)),
            coverage=round(float(np.average(coverage, weights=weight)), 4),
            people_covered=round(float((coverage >= COVERED).mean()), 4),
            mean_size=round(float(np.average(size, weights=weight)), 3),
        )
    return PredictionSets(n_people=n, levels=levels)


def quantile(scores: np.ndarray, people: np.ndarray, level: float) -> float:
    """The smallest score that so large a share of an average person's scores does not exceed.

    Examples
    --------
    >>> quantile(np.array([0.1, 0.2, 0.9]), np.array(["a", "a", "b"]), 0.5)
    0.2
    """
    _, which, count = np.unique(people, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    share = np.cumsum(1 / (len(count) * count[which[order]]))
    at = int(np.searchsorted(share, level - 1e-9))
    return float(scores[order][min(at, len(scores) - 1)])


def _scores(
    windows: Windows, parts: Sequence[tuple[np.ndarray, np.ndarray]], n_windows: int
) -> tuple[np.ndarray, np.ndarray]:
    """One less the smoothed probabilities, that of the true activity first; whose windows."""
    out, people = [np.empty((0, len(windows.activities)))], [np.empty(0, windows.subjects.dtype)]
    for index, probabilities in parts:
        for run in runs(windows, index) if len(index) else []:
            score = 1 - smoothing.causal_mean(probabilities[run], n_windows)
            rows, labels = np.arange(len(run)), windows.labels[index[run]]
            first = score[rows, labels].copy()
            score[rows, labels] = score[:, 0]
            score[:, 0] = first
            out.append(score)
            people.append(windows.subjects[index[run]])
    return np.concatenate(out), np.concatenate(people)
