"""MiniRocket's kernels as layers, so that it ships: fixed convolutions, shares, and a ridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from har.models.ranges import CHANNELS, Whole
from har.models.spec import ModelSpec

DRAWN = 512
"""Windows from which the thresholds are drawn."""


def rocket(x: Any, *, shares: int = 24) -> Any:
    from har.models.kernels import Kernels

    return Kernels(shares, name="kernels")(x)


def solve(
    model: Any,
    inputs: Callable[[Any], np.ndarray],
    labels: np.ndarray,
    weights: np.ndarray,
    seed: int,
) -> None:
    """Fit thresholds and ridge; the ridge's decisions become the logits of the last layer.

    `inputs(rows)` gives training windows, raw m/s², float32, shape (m, n_raw, 3), for labels and
    weights of shape (n,).
    """
    import keras

    from har.models.ridge import RidgeClassifier

    layer = model.get_layer("kernels")
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(len(labels), min(DRAWN, len(labels)), replace=False))
    conditioned = keras.Model(model.input, layer.input)
    layer.adapt(conditioned.predict(inputs(drawn), verbose=0), seed)
    features = keras.Model(model.input, layer.output)
    ridge = RidgeClassifier().fit(
        lambda rows: np.asarray(features.predict_on_batch(inputs(rows))), labels, weights
    )
    last = model.get_layer("probabilities")
    kernel, bias = (np.zeros(w.shape, np.float32) for w in last.get_weights())
    bias -= 30.0  # of a class that nobody trained
    kernel[:, ridge.classes_] = ridge.sharpness_ * (ridge.coef_ / ridge.scale_).T
    bias[ridge.classes_] = ridge.sharpness_ * ridge.intercept_
    last.set_weights([kernel, bias])


def _weights(_steps: int, _channels: int, *, shares: int) -> tuple[int, int]:
    return 0, 84 * shares  # kernels and thresholds are drawn, not trained


SPEC = ModelSpec(
    name="rocket",
    summary="MiniRocket that can be exported; fitted in closed form. Try it beside cnn.",
    paper="Dempster, Schmidt and Webb 2021, doi:10.1145/3447548.3467231; ramps for counts",
    body=rocket,
    weights=_weights,
    module="har.models.rocket",
    layers="har.models.kernels",
    space={"channels": CHANNELS, "shares": Whole(8, 48, 4)},
    solve=solve,
)
