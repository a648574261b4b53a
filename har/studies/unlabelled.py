"""What a wearer's recordings say without labels: two ways to fit a network to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np


def standardised(network: Any, population: np.ndarray, theirs: np.ndarray) -> Any:
    """A network that sees the wearer's axes with the mean and spread of the population's.

    Parameters
    ----------
    network : keras.Model
        Of {probabilities, features}.
    population, theirs : ndarray, shape (n, T, 3)
        Windows of training people, and of the wearer.
    """
    import keras

    mean, spread = theirs.mean((0, 1)), np.maximum(theirs.std((0, 1)), 1e-6)
    scale = population.std((0, 1)) / spread
    inputs = keras.Input(shape=network.input_shape[1:], dtype="float32")
    shifted = keras.layers.Rescaling(
        scale.tolist(), (population.mean((0, 1)) - mean * scale).tolist()
    )(inputs)
    return keras.Model(inputs, network(shifted))


def renormalised(network: Any, _population: np.ndarray, theirs: np.ndarray) -> Any:
    """A network whose batch normalisation has the wearer's statistics in place of the population's;
    None if it has no such layer.

    References
    ----------
    Li and others 2017, "Revisiting batch normalization for practical domain adaptation",
    arXiv:1603.04779, section 3.
    """
    import keras

    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    layers = list(copy._flatten_layers())
    normalising = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in normalising:
        layer.momentum = 0.0
    for layer in layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    copy(theirs, training=True)
    return copy if normalising else None


WAYS: Mapping[str, Callable[[Any, np.ndarray, np.ndarray], Any]] = MappingProxyType(
    {"axes standardised": standardised, "batch normalisation": renormalised}
)
