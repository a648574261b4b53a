"""How far a window is from the training windows of the activity that the model calls it.

The model's probabilities say which of its activities a window is most like, not whether it is like
any. The distance is Mahalanobis', to the mean of the activity that is answered, in the features of
the network's last layer or in those of the window itself.

References
----------
Lee and others 2018, "A simple unified framework for detecting out-of-distribution samples",
arXiv:1807.03888: class means and one covariance for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def describe(windows: np.ndarray, lags: tuple[int, ...]) -> np.ndarray:
    """Each window in numbers: posture, strength, shape and speed of its motion.

    Parameters
    ----------
    windows : ndarray, shape (n, n_samples, 3)
        m/s².
    lags : tuple of int
        Samples, as of `har.runtime.likeness.lags`.

    Returns
    -------
    ndarray of float64, shape (n, 14 + 4 * n_lags)
        Mean of each axis; log standard deviations; correlations xy, xz, yz; skewness of each axis;
        log standard deviation and skewness of |a|; for each lag, the log structure function of |a|
        and of x, y, z. Bounded where nothing moves, by noise of 0.01 m/s².
    """
    x = np.asarray(windows, np.float64)
    mean, norm = x.mean(1), np.sqrt((x**2).sum(2))
    c, z = x - mean[:, None], norm - norm.mean(1, keepdims=True)
    sd = np.sqrt((c**2).mean(1) + 1e-4)
    var = (z**2).mean(1)[:, None] + 1e-4
    a, b = [0, 0, 1], [1, 2, 2]
    together = (c[..., a] * c[..., b]).mean(1) / (sd[:, a] * sd[:, b])
    parts = [mean, np.log(sd), together, (c**3).mean(1) / sd**3]
    parts += [np.log(var) / 2, (z**3).mean(1)[:, None] / var**1.5]
    for k in lags:
        parts.append(np.log(((z[:, k:] - z[:, :-k]) ** 2).mean(1)[:, None] / var + 1e-2))
        parts.append(np.log(((c[:, k:] - c[:, :-k]) ** 2).mean(1) / sd**2 + 1e-2))
    return np.concatenate(parts, axis=1)


@dataclass(frozen=True, eq=False)
class Clouds:
    """Where the windows of each activity are: means (k, d), and what makes distances whole (d, d).

    `whitening` is a lower triangle L with precision = L Lᵀ.
    """

    means: np.ndarray
    whitening: np.ndarray

    def distance(self, features: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """From each row of features (n, d) to the mean of its answer, an activity's index (n,)."""
        off = (features - self.means[answers]) @ self.whitening
        return np.sqrt((off**2).sum(1))


def tail(known: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of known windows with a score at least as high, between 1 / (n + 1) and 1.

    Examples
    --------
    >>> tail(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.5, 9.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    above = len(known) - np.searchsorted(np.sort(known), scores, side="left")
    return (above + 1) / (len(known) + 1)
