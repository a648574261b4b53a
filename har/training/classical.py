"""A classifier of scikit-learn trained on one split, in the form of a network's training."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from har.config import Training
from har.models.spec import ModelSpec
from har.signal.windows import Windows
from har.training.fit import Fitted, class_weights, found_temperature


def fit_classical(
    spec: ModelSpec,
    windows: Windows,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    params: dict[str, Any],
    training: Training,
    seed: int,
    temperature: float | None = None,
) -> Fitted:
    """Train a classical model; see `har.training.fit.fit`. It has no history, epochs or file."""
    from har.signal.features import features
    from har.signal.inputs import Conditioned

    resolved = spec.resolve(params)
    classifier = spec.body(**resolved)
    classifier.set_params(random_state=seed)
    k = len(windows.activities)

    def inputs(index: np.ndarray) -> Any:
        if spec.eats == "windows":
            return Conditioned(windows, index, resolved["channels"])
        return features(windows, index)

    def probabilities(index: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        out = np.zeros((len(index), k), np.float32)
        if len(index):
            sharp = classifier.predict_proba(inputs(index)) ** (1 / temperature)
            out[:, classifier.classes_] = sharp / sharp.sum(axis=1, keepdims=True)
        return out

    labels = windows.labels[train]
    weights = class_weights(labels, k, training.class_weights)[labels]
    classifier.fit(inputs(train), labels, sample_weight=weights)
    if temperature is None:
        temperature = found_temperature(probabilities, windows, validation, training)
    return Fitted(
        model=None,
        temperature=temperature,
        predict=functools.partial(probabilities, temperature=temperature),
        parameters=spec.n_parameters(windows.n_samples, k, params),
    )
