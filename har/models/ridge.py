"""A ridge classifier on more features than fit in memory: they are made a batch at a time.

Exact, in memory that has a bound: with p features and n windows it holds a matrix of n × n where
n ≤ p, and of p × p where n > p. scikit-learn's `RidgeClassifierCV`, which holds all features
several times over in float64, is the twin in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

ALPHAS = tuple(np.logspace(-3, 3, 10).tolist())
"""The penalties that MiniRocket's authors and the libraries try."""

BATCH = 512

Features = Callable[[slice], np.ndarray]


class RidgeClassifier:
    """One-against-rest ridge regression of ±1, its penalty chosen by leave-one-out error.

    Attributes, once fitted: `classes_`, `alpha_`, `coef_ (k, p)`, `intercept_ (k,)` on features
    divided by `scale_ (p,)`; `left_out_ (n, k)`, what each training window's decisions are without
    that window, from which `sharpness_` turns decisions into probabilities.

    References
    ----------
    Rifkin and Lippert 2007, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025: leave one
    out in closed form. Features are divided by their standard deviation and the intercept is free,
    as in the pipelines of sktime and aeon.
    """

    def __init__(self, alphas: tuple[float, ...] = ALPHAS) -> None:
        self.alphas = alphas

    def fit(
        self, features: Features, labels: np.ndarray, weights: np.ndarray | None = None
    ) -> RidgeClassifier:
        """Fit to labels and weights (n,), and to `features(slice)`: those rows, float32 (m, p).

        It asks for each row three times at most.
        """
        n = len(labels)
        self.classes_ = np.unique(labels)
        w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
        y = np.where(labels[:, None] == self.classes_, 1.0, -1.0)
        y_mean = np.average(y, axis=0, weights=w)
        root = np.sqrt(w)[:, None]
        solve = _dual if n <= features(slice(0, 1)).shape[1] else _primal
        found = solve(features, w, (y - y_mean) * root, self.alphas)
        # s: the direction of the intercept, which no penalty touches
        s = w / w.sum()
        best = np.inf
        for i, alpha in enumerate(self.alphas):
            residual, slack = found.left_out(i)
            error = residual / np.maximum(slack - s, 1e-12)[:, None]
            if (score := float((error**2).mean())) < best:
                best, self.alpha_, least, chosen = score, alpha, error, i
        self.scale_ = found.scale
        self.coef_ = found.coef(chosen).T
        self.intercept_ = y_mean - self.coef_ @ (found.mean / found.scale)
        self.left_out_ = y - np.where(root > 0, least / np.where(root > 0, root, 1.0), 0.0)
        at = np.searchsorted(self.classes_, labels)
        self.sharpness_ = sharpness(self.left_out_, at, w)
        return self

    def decide(self, x: np.ndarray) -> np.ndarray:
        """Decisions about features (m, p): float64, shape (m, k), the largest wins."""
        return np.asarray(x / self.scale_ @ self.coef_.T + self.intercept_)

    def probabilities(self, decisions: np.ndarray) -> np.ndarray:
        """The softmax of decisions times `sharpness_`, shape (m, k)."""
        from scipy.special import softmax

        return np.asarray(softmax(self.sharpness_ * decisions, axis=1))


def sharpness(decisions: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The factor, 0.5 to 50, whose softmax has the least log loss. A ridge's decisions are near
    ±1: their plain softmax would be sure of nothing."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(labels))

    def log_loss(log_factor: float) -> float:
        p = log_softmax(np.exp(log_factor) * decisions, axis=1)[rows, labels]
        return -float(np.average(p, weights=weights))

    found = minimize_scalar(log_loss, bounds=(np.log(0.5), np.log(50)), method="bounded")
    return float(np.exp(found.x))


@dataclass(frozen=True, eq=False)
class _Solutions:
    """Of each penalty, by its place: `left_out` gives residuals (n, k) and one less the leverages
    (n,), `coef` the coefficients (p, k). `mean` and `scale`, shape (p,), are the features'."""

    mean: np.ndarray
    scale: np.ndarray
    left_out: Callable[[int], tuple[np.ndarray, np.ndarray]]
    coef: Callable[[int], np.ndarray]


def _slices(n: int) -> Iterator[slice]:
    return (slice(a, min(a + BATCH, n)) for a in range(0, n, BATCH))


def _dual(
    features: Features, w: np.ndarray, target: np.ndarray, alphas: tuple[float, ...]
) -> _Solutions:
    """No more windows than features: the features are kept, and the kernel is n × n."""
    x = np.concatenate([features(rows) for rows in _slices(len(w))])
    mean = np.average(x, axis=0, weights=w)
    scale = _no_zeros(x.std(axis=0, dtype=np.float64))
    x -= mean.astype(x.dtype)
    x *= (np.sqrt(w)[:, None]).astype(x.dtype)
    x /= scale.astype(x.dtype)
    kernel = np.zeros((len(w), len(w)))
    for columns in _slices(x.shape[1]):
        part = x[:, columns].astype(np.float64)
        kernel += part @ part.T
    values, vectors = _eigen(kernel)
    rotated = vectors.T @ target
    squared = vectors**2

    def dual(alpha: float) -> np.ndarray:
        return np.asarray(vectors @ (rotated / (values + alpha)[:, None]))

    def left_out(i: int) -> tuple[np.ndarray, np.ndarray]:
        return alphas[i] * dual(alphas[i]), squared @ (alphas[i] / (values + alphas[i]))

    def coef(i: int) -> np.ndarray:
        of = dual(alphas[i])
        return np.concatenate([x[:, c].T.astype(np.float64) @ of for c in _slices(x.shape[1])])

    return _Solutions(mean, scale, left_out, coef)


def _primal(
    features: Features, w: np.ndarray, target: np.ndarray, alphas: tuple[float, ...]
) -> _Solutions:
    """More windows than features: sums over batches, p × p."""
    n = len(w)
    p = features(slice(0, 1)).shape[1]
    gram = np.zeros((p, p))
    total, squares, weighted = np.zeros(p), np.zeros(p), np.zeros(p)
    cross = np.zeros((p, target.shape[1]))
    root = np.sqrt(w)[:, None]
    for rows in _slices(n):
        x = features(rows).astype(np.float64)
        total += x.sum(axis=0)
        squares += (x * x).sum(axis=0)
        x *= root[rows]
        weighted += (x * root[rows]).sum(axis=0)
        gram += x.T @ x
        cross += x.T @ target[rows]
    scale = _no_zeros(np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0)))
    mean = weighted / w.sum()
    gram -= w.sum() * np.outer(mean, mean)
    cross -= np.outer(mean, (root * target).sum(axis=0))
    gram /= scale
    gram /= scale[:, None]
    cross /= scale[:, None]
    values, vectors = _eigen(gram)
    rotated = vectors.T @ cross
    fitted = np.zeros((len(alphas), *target.shape))
    leverage = np.zeros((len(alphas), n))
    for rows in _slices(n):
        x = (features(rows) - mean) * root[rows] / scale
        z = x @ vectors
        squared = z * z
        for i, alpha in enumerate(alphas):
            fitted[i, rows] = z @ (rotated / (values + alpha)[:, None])
            leverage[i, rows] = squared @ (1 / (values + alpha))
    return _Solutions(
        mean,
        scale,
        left_out=lambda i: (target - fitted[i], 1 - leverage[i]),
        coef=lambda i: np.asarray(vectors @ (rotated / (values + alphas[i])[:, None])),
    )


def _no_zeros(std: np.ndarray) -> np.ndarray:
    """Standard deviations to divide by: 1 for a feature that never changes."""
    return np.where(std < 1e-9, 1.0, std)


def _eigen(symmetric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.linalg import eigh

    values, vectors = eigh(symmetric, overwrite_a=True, check_finite=False)
    return np.maximum(values, 0), vectors
