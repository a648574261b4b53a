"""A layer from window starts to windows, for training only: it is not part of what is saved."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


class Gather(keras.layers.Layer):
    """Raw windows from their first rows.

    Input shape: (batch,) int32. Output shape: (batch, n_raw, channels).
    """

    def __init__(self, samples: np.ndarray, n_raw: int, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        # A weight: JAX would compile a constant of many megabytes into the step.
        self.samples = self.add_weight(
            shape=samples.shape,
            initializer=lambda _shape, dtype: ops.convert_to_tensor(samples, dtype),
            trainable=False,
            name="samples",
        )
        self.n_raw = n_raw

    def call(self, starts: Any) -> Any:
        rows = ops.expand_dims(starts, 1) + ops.arange(self.n_raw, dtype="int32")
        return ops.take(self.samples, rows, axis=0)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.n_raw, self.samples.shape[1])
