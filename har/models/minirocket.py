"""MiniRocket: thousands of fixed convolutions, the share of each that is positive, and a ridge."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.models.ranges import CHANNELS
from har.models.ridge import RidgeClassifier
from har.models.spec import ModelSpec

FIT_WINDOWS = 8192
"""Windows from which the biases are drawn: each of some thousand takes one at random, so that more
would change nothing but the memory."""

KERNELS = 84
"""Kernels come by 84: the patterns of length 9 with three large weights."""


class MiniRocket:
    """sktime's transform, held to batches, and a ridge on it.

    Takes `har.signal.inputs.Conditioned` (or an array of shape (n, T, channels)); otherwise as a
    classifier of scikit-learn.
    """

    def __init__(self, kernels: int) -> None:
        self.kernels = kernels
        self.random_state = 0

    def set_params(self, *, random_state: int) -> MiniRocket:
        self.random_state = random_state
        return self

    def fit(
        self, inputs: Any, labels: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> MiniRocket:
        from sktime.transformations.rocket import MiniRocketMultivariate

        draw = np.arange(len(inputs))
        if len(draw) > FIT_WINDOWS:
            rng = np.random.default_rng(self.random_state)
            draw = np.sort(rng.choice(draw, FIT_WINDOWS, replace=False))
        # One thread: jobs are fanned out over processes.
        self._transform = MiniRocketMultivariate(
            num_kernels=self.kernels, random_state=self.random_state, n_jobs=1
        ).fit(_as_library(inputs[draw]))
        self._ridge = RidgeClassifier().fit(
            lambda rows: self.transform(inputs[rows]), labels, sample_weight
        )
        self.classes_ = self._ridge.classes_
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Windows (m, T, channels) to features: float32, shape (m, kernels)."""
        return np.ascontiguousarray(
            self._transform.transform(_as_library(x)).to_numpy(), dtype=np.float32
        )

    def decide(self, inputs: Any, batch: int = 512) -> np.ndarray:
        """Decisions of the ridge: float64, shape (n, classes)."""
        starts = range(0, len(inputs), batch)
        batches = (self.transform(inputs[a : a + batch]) for a in starts)
        return np.concatenate([self._ridge.decide(x) for x in batches])

    def predict_proba(self, inputs: Any, batch: int = 512) -> np.ndarray:
        return self._ridge.probabilities(self.decide(inputs, batch))


def _as_library(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 1))


def minirocket(*, channels: str = "split_magnitude", kernels: int = 9996) -> MiniRocket:
    del channels  # what it is given, not what it is
    return MiniRocket(kernels)


def _weights(_steps: int, _channels: int, *, kernels: int) -> tuple[int, int]:
    return 0, max(kernels // KERNELS, 1) * KERNELS


SPEC = ModelSpec(
    name="minirocket",
    summary="MiniRocket as published, with ridge regression; not exportable. Extra: rocket.",
    paper="Dempster, Schmidt and Webb 2021, doi:10.1145/3447548.3467231; ridge by leave one out",
    body=minirocket,
    weights=_weights,
    module="har.models.minirocket",
    space={"channels": CHANNELS},
    classical=True,
    eats="windows",
    extra="rocket",
    packages=("sktime", "numba"),
)
