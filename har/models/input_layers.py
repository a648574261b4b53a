"""Signal conditioning as layers: what is between the sensor and the network ships in the graph.

Each has a plain-array twin in `har.signal`, to which tests hold it.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from har.signal.conditioning import FREE_FALL, N_CHANNELS, check_kind


@keras.saving.register_keras_serializable("har")
class FIR(keras.layers.Layer):
    """A linear-phase FIR filter on each axis: a `valid` depthwise convolution with fixed taps.

    Input shape: (batch, T + n_taps − 1, channels). Output shape: (batch, T, channels).
    """

    def __init__(self, taps: Any, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.taps = [float(t) for t in taps]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # Keras correlates; symmetric taps are the same either way round, others would not be.
        kernel = np.array(self.taps[::-1], np.float32)[:, None, None]
        self.kernel = np.tile(kernel, (1, input_shape[-1] or 1, 1))

    def call(self, x: Any) -> Any:
        return ops.depthwise_conv(x, ops.convert_to_tensor(self.kernel), padding="valid")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        assert shape[1] is not None
        return (shape[0], shape[1] - len(self.taps) + 1, shape[2])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "taps": self.taps}


@keras.saving.register_keras_serializable("har")
class Channels(keras.layers.Layer):
    """Acceleration to the channels of `har.signal.conditioning`.

    Input shape: (batch, T, 3). Output shape: (batch, T, N_CHANNELS[kind]).
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = check_kind(kind)

    def call(self, x: Any) -> Any:
        mean = ops.mean(x, axis=1, keepdims=True)
        body, gravity = x - mean, ops.zeros_like(x) + mean
        parts = [x] if self.kind in ("raw", "magnitude") else [body, gravity]
        if self.kind == "split_magnitude":
            parts.append(_norm(body))
        if self.kind == "vertical":
            up = mean / ops.maximum(_norm(mean), FREE_FALL)
            along = ops.sum(body * up, axis=-1, keepdims=True)
            parts = [gravity, along, _norm(body - along * up)]
        if self.kind in ("magnitude", "split_magnitude", "vertical"):
            parts.append(_norm(x))
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:2], N_CHANNELS[self.kind])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}


def _norm(x: Any) -> Any:
    # The gradient of a square root at 0 is infinite; a body at rest is 0.
    return ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True) + 1e-12)


@keras.saving.register_keras_serializable("har")
class Standardize(keras.layers.Layer):
    """(x − mean) / std per channel, from the training windows; weights `mean` and `std`.

    Keras' own `Normalization` stores a variance and is adapted on arrays held whole in memory.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", name="mean", trainable=False)
        self.std = self.add_weight(shape=shape, initializer="ones", name="std", trainable=False)

    def call(self, x: Any) -> Any:
        return (x - self.mean) / self.std


@keras.saving.register_keras_serializable("har")
class Frames(keras.layers.Layer):
    """Neighbouring samples side by side as one step: fewer, wider steps for a recurrent net.

    Input shape: (batch, T, channels). Output shape: (batch, T // size, size · channels). The oldest
    T mod size samples are left out.

    References
    ----------
    Sak, Senior, Rao and Beaufays, "Fast and accurate recurrent neural network acoustic models for
    speech recognition", Interspeech 2015, section 3.2 (frame stacking). Here frames do not overlap.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = int(size)

    def call(self, x: Any) -> Any:
        n = x.shape[1] // self.size
        x = x[:, x.shape[1] - n * self.size :, :]
        return ops.reshape(x, (-1, n, self.size * x.shape[2]))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        assert shape[1] is not None
        assert shape[2] is not None
        return (shape[0], shape[1] // self.size, shape[2] * self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
