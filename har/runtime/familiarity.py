"""How far a window is from everything that a model was trained on, in the model's own features.

The probabilities say which of its activities a window is most like, not whether it is like any. The
distance is Mahalanobis', from some of the inputs of the last layer to the nearest mean of an
activity; `har.export.acquaintance` fits it. The page in `har/phone/web` does the same sums
(`js/familiarity.js`).

References
----------
Lee and others 2018, "A simple unified framework for detecting out-of-distribution samples and
adversarial attacks", arXiv:1807.03888, section 2.1: class means and one covariance for all.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from har.contract import Part


@dataclass(frozen=True, eq=False)
class Ruler:
    """Measures windows by their features.

    Parameters
    ----------
    features : ndarray of int64, shape (q,)
        Which of a window's features are used.
    means : ndarray of float64, shape (m, q)
        Of what is known.
    whitening : ndarray of float64, shape (q, q)
        A lower triangle L: the inverse of the covariance is q L Lᵀ.

    Examples
    --------
    >>> ruler = Ruler(np.array([1]), np.array([[0.0], [10.0]]), np.array([[0.5]]))
    >>> ruler(np.array([[99.0, 1.0], [99.0, 8.0]])).tolist()
    [0.5, 1.0]
    """

    features: np.ndarray
    means: np.ndarray
    whitening: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Distances of n windows to the nearest mean: (n, d) to float64 (n,), about 1 for windows
        like those of training."""
        x = features[:, self.features].astype(np.float64) @ self.whitening
        found = np.full(len(x), np.inf)
        for mean in self.means @ self.whitening:
            np.minimum(found, ((x - mean) ** 2).sum(1), out=found)
        return np.sqrt(found)

    def knowing(self, more: np.ndarray) -> Ruler:
        """A ruler that knows other means beside its own, shape (m, q)."""
        return replace(self, means=np.concatenate([self.means, more]))


NOTHING = Ruler(np.empty(0, np.int64), np.empty((1, 0)), np.empty((0, 0)))
"""Of a model whose training is not known: no window is far from it."""


class Familiarity(Part):
    """The distance from all that was trained on, beyond which the answer is `unknown`:
    har/runtime/familiarity.py says how it is measured."""

    features: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1, description="indices of the q features of the file that are used"
    )
    means: str = Field(
        description="mean of these features for each activity; base64 of little-endian float32, "
        "activities by q"
    )
    whitening: str = Field(
        description="the q by q lower triangular matrix that multiplies the difference from a "
        "mean from the right; base64 of little-endian float32, row by row, without "
        "the zeros"
    )
    limit: Annotated[float, Field(gt=0)] = Field(
        description="if the distance to the nearest mean, averaged over windows as probabilities "
        "are, is above this, the answer is `unknown`"
    )

    @classmethod
    def of(cls, ruler: Ruler, limit: float) -> Self:
        """What is written of a ruler."""
        return cls(
            features=tuple(ruler.features.tolist()),
            means=packed(ruler.means),
            whitening=packed(ruler.whitening[np.tril_indices(len(ruler.features))]),
            limit=limit,
        )

    @property
    def n_bytes(self) -> int:
        """That it takes in `model.json`, nearly."""
        return len(self.means) + len(self.whitening)

    def ruler(self) -> Ruler:
        """The ruler that was written.

        Raises
        ------
        ValueError
            If the numbers are not what the schema says.
        """
        q = len(self.features)
        flat = unpacked(self.whitening, "whitening")
        if len(flat) != q * (q + 1) // 2:
            raise ValueError(
                f"whitening should have {q * (q + 1) // 2} numbers for {q} features, got "
                f"{len(flat)}"
            )
        whitening = np.zeros((q, q))
        whitening[np.tril_indices(q)] = flat
        means = unpacked(self.means, "means")
        if len(means) % q:
            raise ValueError(f"means should have {q} numbers for each activity, got {len(means)}")
        return Ruler(np.array(self.features), means.reshape(-1, q), whitening)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        self.ruler()
        return self


def packed(numbers: np.ndarray) -> str:
    """Numbers as base64 of little-endian float32."""
    return base64.b64encode(np.asarray(numbers).astype("<f4").tobytes()).decode()


def unpacked(text: str, what: str) -> np.ndarray:
    """The numbers in `packed` text, float64.

    Raises
    ------
    ValueError
        If it is not base64 of finite float32 numbers, at least one; `what` is named.
    """
    try:
        flat = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (ValueError, binascii.Error) as e:
        raise ValueError(f"{what} should be base64 of float32: {e}") from None
    if not len(flat) or not np.isfinite(flat).all():
        raise ValueError(f"{what} should be finite numbers, got {len(flat)}")
    return flat.astype(np.float64)
