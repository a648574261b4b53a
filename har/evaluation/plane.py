"""Windows in a plane, by the first two principal components of what a model makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

MOST = 1500
"""More windows than this make a page heavy and a map a blot: so many are drawn at random."""


def some(n: int) -> np.ndarray:
    """Which of n windows are drawn, in order."""
    if n <= MOST:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, MOST, replace=False))


def components(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Each row's first two principal components, from 0 to 100, and their share of the variance.

    Parameters
    ----------
    values : ndarray, shape (n, d)

    Returns
    -------
    places : ndarray of float32, shape (n, 2)
    explained : float
    """
    from sklearn.decomposition import PCA

    if min(values.shape) < 2 or not np.ptp(values, axis=0).any():
        return np.zeros((len(values), 2), np.float32), 0.0
    pca = PCA(2, random_state=0)
    places = pca.fit_transform(values.astype(np.float64))
    low, high = places.min(axis=0), places.max(axis=0)
    places = 100 * (places - low) / np.maximum(high - low, 1e-9)
    return places.astype(np.float32), float(pca.explained_variance_ratio_.sum())


@dataclass(frozen=True, eq=False)
class Plane:
    """Windows of one fold's held-out people by their features, which are the last layer's input.

    Different folds' networks have different features, so one map cannot hold them all.

    index : int64, shape (n,): windows. probabilities : shape (n, k). places : shape (n, 2), see
    `components`. explained : their share of the variance. of : how many windows the people have.
    """

    index: np.ndarray
    probabilities: np.ndarray
    places: np.ndarray
    explained: float
    of: int

    def write(self, file: Path) -> None:
        """As a `.npz` file."""
        np.savez(file, **vars(self))

    @classmethod
    def read(cls, file: Path) -> Plane:
        """What `write` wrote."""
        with np.load(file) as stored:
            arrays = dict(stored)
        explained, of = float(arrays.pop("explained")), int(arrays.pop("of"))
        return cls(**arrays, explained=explained, of=of)
