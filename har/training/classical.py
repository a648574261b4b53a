"""A classifier of scikit-learn trained on one split, in the form of a network's training."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from har.config import Training
from har.models.spec import ModelSpec
from har.signal.windows import Windows
from har.training.fit import Fitted, class_weights, found_temperature


@dataclass(frozen=True, eq=False)
class Classical:
    """A fitted classifier of scikit-learn, on windows.

    Parameters
    ----------
    classifier : ClassifierMixin
        Its classes are indices of activities, not all of which it need have seen.
    channels : str or None
        Of conditioned windows; None: it eats `har.signal.features`.
    temperature : float
        By which probabilities are calibrated.
    """

    classifier: Any
    channels: str | None
    temperature: float = 1.0

    def inputs(self, windows: Windows, index: np.ndarray) -> Any:
        from har.signal.features import features
        from har.signal.inputs import Conditioned

        if self.channels is None:
            return features(windows, index)
        return Conditioned(windows, index, self.channels)

    def __call__(self, windows: Windows, index: np.ndarray) -> np.ndarray:
        """Probabilities of windows by index: float32, shape (n, k)."""
        out = np.zeros((len(index), len(windows.activities)), np.float32)
        if len(index):
            found = self.classifier.predict_proba(self.inputs(windows, index))
            sharp = found ** (1 / self.temperature)
            out[:, self.classifier.classes_] = sharp / sharp.sum(axis=1, keepdims=True)
        return out


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
    resolved = spec.resolve(params)
    classifier = spec.body(**resolved)
    classifier.set_params(random_state=seed)
    k = len(windows.activities)
    made = Classical(classifier, resolved["channels"] if spec.eats == "windows" else None)
    labels = windows.labels[train]
    weights = class_weights(labels, k, training.class_weights)[labels]
    classifier.fit(made.inputs(windows, train), labels, sample_weight=weights)
    if temperature is None:
        predict = functools.partial(made, windows)
        temperature = found_temperature(predict, windows, validation, training)
    made = replace(made, temperature=temperature)
    return Fitted(
        model=None,
        classical=made,
        temperature=temperature,
        predict=functools.partial(made, windows),
        parameters=spec.n_parameters(windows.n_samples, k, params),
    )
