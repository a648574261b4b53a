"""What training recordings are like, and what they would be like with a defect planted.

For each defect a linear discriminant (Fisher's, with Ledoit and Wolf's shrinkage) between
recordings as they are and the same with the defect. Its threshold is one that recordings of people
whom it was not fitted on pass; a defect that it does not find in them is not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import numpy as np

from har.runtime.likeness import AXES, Defect, Discriminant, Likeness, Portrait, lags
from har.signal.disturb import flipped, off_rate
from har.signal.windows import Windows

FOLDS = 5
FOUND = {"half_rate": 0.5}
CONSISTENT = 0.9
"""A defect that is found less often in people not fitted on is left out. How a sensor is worn must
be consistent: where it is not, a sensor turned another way is nothing unusual."""

PASSED = 0.985
"""Share of their recordings as they are that pass each check."""

MOVES_S = 15
MARGIN = 0.15
"""Of the level, to both sides."""

Plant = Callable[[Windows, np.ndarray], np.ndarray]


def exchanged(a: int, b: int) -> Plant:
    order = [0, 1, 2]
    order[a], order[b] = b, a
    return lambda windows, index: windows.gather(index)[..., order]


PLANTS: dict[Defect, Plant] = {
    "sign": lambda windows, index: flipped(windows.gather(index), "xyz"),
    "exchange_xy": exchanged(0, 1),
    "exchange_yz": exchanged(1, 2),
    "exchange_xz": exchanged(0, 2),
    "half_rate": lambda windows, index: off_rate(windows, index, -0.5),
}
assert set(PLANTS) == set(get_args(Defect))


def likeness(windows: Windows, index: np.ndarray, hop: int) -> Likeness | None:
    """What the recordings of some windows are like.

    Parameters
    ----------
    index : ndarray of int64
        Windows of training people.
    hop : int
        From one window to the next, in samples.

    Returns
    -------
    Likeness or None
        None with fewer than two people: nobody would be left to choose a threshold by.
    """
    by_recording = groups(windows, index)
    people = np.array([windows.subjects[i[0]] for i in by_recording])
    if len(set(people.tolist())) < 2:
        return None
    lag = lags(windows.rate_hz, windows.n_raw)
    at_least = int(np.ceil(MOVES_S * windows.rate_hz / hop))
    plain = [portrait(windows.gather(i), lag) for i in by_recording]
    levels = np.array([p.level / p.n_windows for p in plain])
    defects: dict[Defect, Discriminant] = {}
    not_told: dict[Defect, str] = {}
    moving = [i for i, p in enumerate(plain) if p.n_moving >= at_least]
    for name, plant in PLANTS.items():
        if len(set(people[moving].tolist())) < 2 * FOLDS:
            not_told[name] = f"fewer than {2 * FOLDS} people move for {MOVES_S} s"
            continue
        planted = [portrait(plant(windows, by_recording[i]), lag) for i in moving]
        both = [(i, p) for i, p in zip(moving, planted, strict=True) if p.n_moving]
        found = discriminant(
            np.stack([plain[i].features() for i, _ in both]),
            np.stack([p.features() for _, p in both]),
            people[[i for i, _ in both]],
        )
        if found.found < FOUND.get(name, CONSISTENT):
            not_told[name] = f"found in {found.found:.0%} of training recordings with it"
        else:
            defects[name] = found
    return Likeness(
        level=(round(levels.min() * (1 - MARGIN), 3), round(levels.max() * (1 + MARGIN), 3)),
        gravity=_shares([p.gravity for p in plain]),
        worn=_shares([p.worn for p in plain]),
        at_least=at_least,
        lags=lag,
        defects=defects,
        not_told=not_told,
    )


def _shares(counts: list[np.ndarray]) -> dict[str, float]:
    total = np.sum(counts, axis=0)
    shares = total / max(total.sum(), 1)
    return {a: round(float(share), 4) for a, share in zip(AXES, shares, strict=True)}


def groups(windows: Windows, index: np.ndarray) -> list[np.ndarray]:
    """The indices of each recording's windows."""
    order = index[np.argsort(windows.recordings[index], kind="stable")]
    names = windows.recordings[order]
    return np.split(order, np.flatnonzero(names[1:] != names[:-1]) + 1)


def portrait(x: np.ndarray, lag: tuple[int, ...]) -> Portrait:
    """The portrait of a recording's windows."""
    out = Portrait(lag)
    out.push(x)
    return out


def discriminant(plain: np.ndarray, planted: np.ndarray, people: np.ndarray) -> Discriminant:
    """Between recordings as they are and the same with a defect.

    Parameters
    ----------
    plain, planted : ndarray of float64, shape (n, n_features)
    people : ndarray of str, shape (n,)
    """
    from sklearn.model_selection import GroupKFold

    held, held_planted = np.empty(len(plain)), np.empty(len(plain))
    for train, test in GroupKFold(FOLDS).split(plain, groups=people):
        weights, bias = _fit(plain[train], planted[train])
        held[test], held_planted[test] = (
            plain[test] @ weights + bias,
            planted[test] @ weights + bias,
        )
    threshold = max(0.0, float(np.quantile(held, PASSED)))
    weights, bias = _fit(plain, planted)
    return Discriminant(
        weights=tuple(float(f"{w:.6g}") for w in weights),
        bias=float(f"{bias - threshold:.6g}"),
        found=float((held_planted > threshold).mean()),
        false_alarms=float((held > threshold).mean()),
    )


def _fit(plain: np.ndarray, planted: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias on features as they are."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x = np.concatenate([plain, planted])
    mean, sd = x.mean(0), x.std(0) + 1e-9
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    lda.fit((x - mean) / sd, np.repeat([0, 1], [len(plain), len(planted)]))
    weights = lda.coef_[0] / sd
    return weights, float(lda.intercept_[0] - mean @ weights)


def counts(
    windows: Windows, like: Likeness, recordings: Mapping[str, np.ndarray]
) -> dict[str, list[tuple[str, bool]]]:
    """For each defect and `none`: recordings, and whether they are found unlike training."""
    plants: dict[str, Plant] = {
        "none": lambda w, i: w.gather(i),
        "g": lambda w, i: w.gather(i) / np.float32(9.80665),
        "no_gravity": lambda w, i: w.gather(i) - w.gather(i).mean(1, keepdims=True),
        **{str(name): plant for name, plant in PLANTS.items()},
    }
    return {
        name: [
            (r, bool(portrait(plant(windows, i), like.lags).compare(like)))
            for r, i in recordings.items()
        ]
        for name, plant in plants.items()
    }
