"""The two kinds of attention of TinyHAR. What they add begins at nothing: a learnt factor is 0."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


class _Added(keras.layers.Layer):
    """x + γ · what it found, γ learnt from 0."""

    def build(self, shape: Any) -> None:
        del shape
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")


@keras.saving.register_keras_serializable("har")
class AxisAttention(_Added):
    """At each time, each axis sees the others. Input and output shape: (batch, T, axes, n)."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        super().build(shape)
        self.query, self.key, self.value = (
            layers.Dense(shape[-1] or 1, use_bias=False, name=name)
            for name in ("query", "key", "value")
        )
        for dense in (self.query, self.key, self.value):
            dense.build(shape)

    def call(self, x: Any) -> Any:
        scores = ops.matmul(self.query(x), ops.swapaxes(self.key(x), -1, -2))
        return x + self.gamma * ops.matmul(ops.softmax(scores, axis=-1), self.value(x))


@keras.saving.register_keras_serializable("har")
class StateAttention(_Added):
    """The last state and a weighted sum of all. Input shape: (batch, T, n). Output: (batch, n)."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        super().build(shape)
        self.hidden = layers.Dense(shape[-1] or 1, activation="tanh", name="hidden")
        self.score = layers.Dense(1, use_bias=False, name="score")
        self.hidden.build(shape)
        self.score.build(shape)

    def call(self, x: Any) -> Any:
        weights = ops.softmax(self.score(self.hidden(x)), axis=1)
        return x[:, -1, :] + self.gamma * ops.sum(weights * x, axis=1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], shape[2])
