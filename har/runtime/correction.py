"""A correction of a model's probabilities for one wearer, in closed form, from a few windows.

What the model gets wrong in the wearer's windows, one-hot labels less its probabilities, is fitted
as a linear function of the last layer's input: a ridge regression, so that no evidence means no
correction. The bundle's golden windows take part as windows whose answers are right as they are:
features have much in common, and what is learnt of one activity would otherwise leak into all
others. The fit is added to the log probabilities as one step of Newton's method on the multinomial
log loss, the curvature being at most a quarter.

The page in `har/phone/web` does the same sums (`js/correction.js`).

References
----------
The population's model as prior: Evgeniou and Pontil 2004, "Regularized multi-task learning",
doi:10.1145/1014052.1014067, section 2. Residuals as a step of Newton's method: Friedman, Hastie and
Tibshirani 2000, "Additive logistic regression", doi:10.1214/aos/1016218223, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from har.runtime.chain import Adaptation

ADAPTATION = Adaptation(
    strength=1.0,
    unheard=0.1,
    how="one strength for all bundles, chosen on validation people of MotionSense and watch by the "
    "log loss and macro-F1 of 1, 3 and 10 windows of each activity",
)

STEP = 4.0
"""One over the largest curvature of the log loss."""

LEAST = 1e-4
"""A probability below this counts as this: the model's surest errors must be correctable."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Windows and what the model says of them: features (n, d), probabilities (n, k)."""

    features: np.ndarray
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: np.ndarray) -> Evidence:
        return Evidence(self.features[rows], self.probabilities[rows])


@dataclass(frozen=True, eq=False)
class Correction:
    """What is added to the logarithms of the probabilities: features @ weights + offset.

    Parameters
    ----------
    weights : ndarray of float64, shape (d, m)
        For m activities: the model's k, then those that it never knew.
    offset : ndarray of float64, shape (m,)
    unheard : float
        What the probability of those begins at.
    """

    weights: np.ndarray
    offset: np.ndarray
    unheard: float

    def __call__(self, answers: Evidence) -> np.ndarray:
        """Corrected probabilities, float64, shape (n, m); rows sum to 1."""
        more = len(self.offset) - answers.probabilities.shape[1]
        known = np.maximum(answers.probabilities.astype(np.float64), LEAST)
        logits = np.log(np.pad(known, ((0, 0), (0, more)), constant_values=self.unheard))
        logits += answers.features.astype(np.float64) @ self.weights + self.offset
        p = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(p / p.sum(1, keepdims=True))


def fit(
    taught: Evidence,
    labels: np.ndarray,
    anchors: Evidence,
    *,
    n_activities: int,
    how: Adaptation = ADAPTATION,
) -> Correction:
    """The correction that windows of the wearer ask for.

    Parameters
    ----------
    taught : Evidence
        n windows of the wearer.
    labels : ndarray of int64, shape (n,)
        What was done in each, below `n_activities`; k and above are activities that the model never
        knew.
    anchors : Evidence
        The bundle's golden windows.
    n_activities : int
        The model's k and new ones.
    how : Adaptation
        Of the bundle's `model.json`.

    Examples
    --------
    >>> taught = Evidence(np.array([[1.0, 0.0]]), np.array([[0.3, 0.7]]))
    >>> anchors = Evidence(np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([[0.9, 0.1], [0.1, 0.9]]))
    >>> learnt = fit(taught, np.array([0]), anchors, n_activities=2)
    >>> learnt(taught).round(2).tolist()
    [[0.91, 0.09]]
    """
    centre = anchors.features.astype(np.float64).mean(0)
    x = np.concatenate([anchors.features, taught.features]) - centre
    scale = np.sqrt((x[: len(anchors)] ** 2).sum(1).mean())
    x /= scale
    wrong = np.zeros((len(x), n_activities))
    wrong[len(anchors) :] = np.eye(n_activities)[labels]
    wrong[len(anchors) :, : taught.probabilities.shape[1]] -= taught.probabilities
    kernel = x @ x.T + 1.0  # the offset is a feature that is always 1
    kernel[np.diag_indices_from(kernel)] += how.strength
    dual = np.linalg.solve(kernel, wrong) * STEP
    weights = x.T @ dual / scale
    return Correction(weights, dual.sum(0) - centre @ weights, how.unheard)
