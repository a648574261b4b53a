"""A correction of a model's probabilities for one wearer, in closed form, from a few windows.

What the model gets wrong, one-hot labels less its probabilities, is a linear function of the last
layer's input: ridge regression in the features, so that no evidence means no correction. The golden
windows of the bundle take part as windows whose answers are right as they are: without them, what
is learnt of one activity would leak into all others, since features have much in common.

The page in `har/phone/web` does the same sums (`js/correction.js`).

References
----------
Ridge regression with the population's model as prior: Evgeniou and Pontil 2004, "Regularized
multi-task learning", doi:10.1145/1014052.1014067, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRENGTH = 1.0
"""Of the prior: how many windows of an activity a correction's penalty is worth. Chosen once, on
validation people of MotionSense and watch (`har study personal --choose`)."""

ANCHOR = 1.0
"""What a golden window weighs, of an activity's taught windows together."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Windows with what the model says of them.

    Parameters
    ----------
    features : ndarray, shape (n, d)
    probabilities : ndarray, shape (n, k)
    """

    features: np.ndarray
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Correction:
    """What is added to the probabilities: features @ weights + offset.

    Parameters
    ----------
    weights : ndarray of float64, shape (d, m)
        m activities: the model's k, then those that it never knew.
    offset : ndarray of float64, shape (m,)
    """

    weights: np.ndarray
    offset: np.ndarray

    def __call__(self, answers: Evidence) -> np.ndarray:
        """Corrected probabilities, float64, shape (n, m); rows sum to 1."""
        p = widened(answers.probabilities, len(self.offset))
        p = np.maximum(p + answers.features.astype(np.float64) @ self.weights + self.offset, 0)
        return np.asarray(p / p.sum(1, keepdims=True))


def fit(
    taught: Evidence,
    labels: np.ndarray,
    anchors: Evidence,
    *,
    n_activities: int,
    strength: float = STRENGTH,
) -> Correction:
    """The correction that windows of the wearer ask for.

    Parameters
    ----------
    taught : Evidence
        Of the wearer, in n windows.
    labels : ndarray of int64, shape (n,)
        What the wearer did in each, below `n_activities`; k and above are new activities.
    anchors : Evidence
        The bundle's golden windows.
    n_activities : int
        The model's and new ones.
    strength : float
        The larger, the less is corrected.
    """
    both = np.concatenate([anchors.features, taught.features]).astype(np.float64)
    centre = anchors.features.astype(np.float64).mean(0)
    x = both - centre
    x /= np.sqrt((x[: len(anchors)] ** 2).sum(1).mean())
    wrong = np.zeros((len(both), n_activities))
    wrong[len(anchors) :] = np.eye(n_activities)[labels] - widened(
        taught.probabilities, n_activities
    )
    weight = np.full(len(both), ANCHOR / len(anchors))
    weight[len(anchors) :] = 1
    raise NotImplementedError


def widened(probabilities: np.ndarray, m: int) -> np.ndarray:
    """Probabilities (n, k) as (n, m) in float64: none for what the model does not know."""
    more = m - probabilities.shape[1]
    return np.pad(probabilities.astype(np.float64), ((0, 0), (0, more)))
