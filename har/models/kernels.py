"""The layer of `har.models.rocket`."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import keras
import numpy as np
from keras import ops

LENGTH = 9
PATTERNS = np.full((LENGTH, 84), -1.0, np.float32)
"""The 84 kernels: of nine weights three are 2 and the others −1. Inside a window a level weighs
nothing; where zeros stand beyond its ends it does, and so gravity is seen."""
for _column, _places in enumerate(combinations(range(LENGTH), 3)):
    PATTERNS[list(_places), _column] = 2.0
DILATIONS = (1, 2, 4, 8)
SOFTNESS = 0.1
"""Width of a ramp, in standard deviations of the convolution over the window that the thresholds
are of: sitting still moves a thousandth of what running does, and is to be told from standing."""
FINEST = 1e-4
"""Least width of a ramp, in units of the channels: of a window that does not move at all."""


@keras.saving.register_keras_serializable("har")
class Kernels(keras.layers.Layer):
    """For each kernel, dilation and threshold: the share of the window where the convolution is
    above the threshold.

    Input shape: (batch, T, channels). Output shape: (batch, 84 · shares).

    A sample near the threshold counts by a ramp: a rounding error must not turn into a step, since
    what ships is held to 1e-4.

    Parameters
    ----------
    shares : int
        Thresholds of a kernel, over all dilations.
    """

    def __init__(self, shares: int, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.shares = int(shares)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        steps, channels = input_shape[1:]
        assert steps is not None
        assert channels is not None
        # Of each dilation every other kernel takes zeros beyond the window, and of the next
        # dilation the others, as MiniRocket does.
        self.groups = [
            (d, padding, np.arange((i + j) % 2, 84, 2))
            for i, d in enumerate(d for d in DILATIONS if (LENGTH - 1) * d < steps)
            for j, padding in enumerate(("same", "valid"))
        ]
        n_dilations = len(self.groups) // 2
        self.kernels: list[Any] = []
        self.thresholds: list[Any] = []
        for g, (d, padding, of) in enumerate(self.groups):
            n = len(range(g // 2, self.shares, n_dilations))
            where = f"{d}_{padding}"
            self.kernels.append(self._fixed(f"kernels_{where}", LENGTH, channels, len(of)))
            self.thresholds.append(self._fixed(f"thresholds_{where}", len(of), n))

    def _fixed(self, name: str, *shape: int) -> Any:
        return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

    def adapt(self, x: np.ndarray, seed: int) -> None:
        """Draw channels and thresholds from training windows: float32, shape (n, T, channels).

        References
        ----------
        Dempster, Schmidt and Webb 2021, section 3.1.3: each kernel's thresholds are quantiles of
        its convolution with one window drawn at random. A kernel sums over channels drawn as in
        sktime's MiniRocketMultivariate: of few more often than of many.
        """
        rng = np.random.default_rng(seed)
        channels = x.shape[2]
        for g, (d, padding, of) in enumerate(self.groups):
            how_many = 2 ** rng.uniform(0, np.log2(min(channels, LENGTH) + 1), len(of))
            order = rng.permuted(np.tile(np.arange(channels), (len(of), 1)), axis=1)
            uses = np.zeros((channels, len(of)), np.float32)
            for k, n in enumerate(np.maximum(how_many.astype(int), 1)):
                uses[order[k, :n], k] = 1
            kernels = PATTERNS[:, None, of] * uses
            y = np.asarray(ops.conv(x, kernels, padding=padding, dilation_rate=d))
            drawn = rng.integers(len(x), size=len(of))
            of_drawn = y[drawn, :, np.arange(len(of))]  # (kernels, T')
            width = np.maximum(SOFTNESS * of_drawn.std(axis=1), FINEST)
            n = self.thresholds[g].shape[1]
            # A golden-ratio sequence fills (0, 1) evenly, however many are taken of it.
            levels = np.arange(1, len(of) * n + 1) * (np.sqrt(5) - 1) / 2 % 1
            cut = [
                np.quantile(values, at)
                for values, at in zip(of_drawn, levels.reshape(-1, n), strict=True)
            ]
            self.kernels[g].assign(kernels / width)
            self.thresholds[g].assign(np.array(cut) / width[:, None] - 0.5)

    def call(self, x: Any) -> Any:
        out = []
        for (d, padding, of), kernels, thresholds in zip(
            self.groups, self.kernels, self.thresholds, strict=True
        ):
            y = ops.conv(x, kernels, padding=padding, dilation_rate=d)
            above = ops.clip(ops.expand_dims(y, -1) - thresholds, 0.0, 1.0)
            share = ops.mean(above, axis=1)
            out.append(ops.reshape(share, (-1, len(of) * thresholds.shape[1])))
        return ops.concatenate(out, axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], 84 * self.shares)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shares": self.shares}
