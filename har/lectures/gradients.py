"""Gradients through time, measured and by closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

STEPS, FEATURES, UNITS = 100, 8, 32


def layer(name: str) -> Any:
    """A fresh layer as Keras makes it; "gates open": the bias of the gate that keeps is 3;
    "× 3": three times the recurrent weights.
    """
    import keras

    kind = getattr(keras.layers, name.split(",")[0].split(" ")[0])
    made = kind(UNITS)
    made.build((None, None, FEATURES))
    weights = made.get_weights()
    if name == "LSTM, gates open":
        weights[2][UNITS : 2 * UNITS] = 3  # the forget gate
    elif name == "GRU, gates open":
        weights[2][0, :UNITS] = 3  # the update gate, which in Keras keeps the old state
    elif name == "SimpleRNN × 3":
        weights[1] *= 3
    made.set_weights(weights)
    return made


def gradient_norms(made: Any, x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Norm of d(direction · last state)/d(x_t) for each step t, averaged over the batch.

    Parameters
    ----------
    x : ndarray of float32, shape (batch, n_steps, n_features)
    direction : ndarray of float32, shape (batch, n_units)

    Returns
    -------
    ndarray, shape (n_steps,)
    """
    import tensorflow as tf

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        last = tf.reduce_sum(made(inputs) * direction)
    return np.linalg.norm(tape.gradient(last, inputs).numpy(), axis=-1).mean(axis=0)


def closed_form(kernel: np.ndarray, recurrent: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The same for a linear RNN: d(h_T · v)/d(x_t) = U · V^(T-t) · v, in float64."""
    back, norms = direction.astype("float64").T, []
    for _ in range(STEPS):
        norms.append(np.linalg.norm(kernel.astype("float64") @ back, axis=0).mean())
        back = recurrent.astype("float64") @ back
    return np.array(norms[::-1])


def training(clip: float | None, n_steps: int) -> tuple[list[float], float]:
    """Loss by step, and the last weight, of one linear unit that is to halve a pulse in 100 steps.

    h_t = w · h_{t-1} from h_1 = 1 gives h_100 = w^99: w starts at 1.03 and should end at
    0.5^(1/99). Stops when the loss is no longer finite.
    """
    import keras
    import tensorflow as tf

    unit = keras.layers.SimpleRNN(1, activation="linear", use_bias=False, dtype="float32")
    unit.build((None, STEPS, 1))
    unit.set_weights([np.ones((1, 1)), np.full((1, 1), 1.03)])
    weight = unit.trainable_weights[1]
    optimizer = keras.optimizers.SGD(1e-4, global_clipnorm=clip)
    optimizer.build([weight])
    pulse = tf.constant(np.eye(1, STEPS, dtype="float32")[..., None])

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((unit(pulse) - 0.5) ** 2)
        optimizer.apply([tape.gradient(loss, weight)], [weight])
        return loss

    losses: list[float] = []
    while len(losses) < n_steps and np.isfinite(losses[-1:]).all():
        losses.append(float(step()))
    return losses, float(np.asarray(weight.value).item())
