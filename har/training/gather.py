"""A layer from window starts to windows, for training only: it is not part of what is saved."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

HELD_BYTES = 256 << 20
"""Samples up to here are held in memory, where gathering costs nothing; more stay in their file."""


class Gather(keras.layers.Layer):
    """Raw windows from their first rows.

    Many samples stay in the file that they are mapped from, and each batch reads its windows: the
    same values.

    Input shape: (batch,) int32. Output shape: (batch, n_raw, channels).
    """

    def __init__(self, samples: np.ndarray, n_raw: int, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.n_raw, self.channels = n_raw, samples.shape[1]
        self.in_file = samples if samples.nbytes > HELD_BYTES else None
        if self.in_file is None:
            # A weight: JAX would compile a constant of many megabytes into the step.
            self.samples = self.add_weight(
                shape=samples.shape,
                initializer=lambda _shape, dtype: ops.convert_to_tensor(samples, dtype),
                trainable=False,
                name="samples",
            )

    def call(self, starts: Any) -> Any:
        if self.in_file is not None:
            return self._read(starts)
        rows = ops.expand_dims(starts, 1) + ops.arange(self.n_raw, dtype="int32")
        return ops.take(self.samples, rows, axis=0)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.n_raw, self.channels)

    def _read(self, starts: Any) -> Any:
        """The same by a call out of the graph."""

        def rows(first: Any) -> np.ndarray:
            assert self.in_file is not None
            return np.asarray(self.in_file[np.asarray(first)[:, None] + np.arange(self.n_raw)])

        if keras.backend.backend() == "jax":
            import jax

            if isinstance(starts, keras.KerasTensor):
                return keras.KerasTensor((*starts.shape, self.n_raw, self.channels))
            shape = (*starts.shape, self.n_raw, self.channels)
            return jax.pure_callback(rows, jax.ShapeDtypeStruct(shape, np.float32), starts)
        import tensorflow as tf

        found = tf.numpy_function(rows, [starts], tf.float32, stateful=False)
        return tf.ensure_shape(found, (*starts.shape, self.n_raw, self.channels))
