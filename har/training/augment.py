"""Augmentation of training windows, inside the training graph and never in what ships.

References
----------
Um and others 2017, "Data augmentation of wearable sensor data for Parkinson's disease monitoring
using convolutional neural networks", doi:10.1145/3136755.3136817 (rotation, scaling, jitter,
time-warping). Here a rotation turns all three axes together by a bounded angle about a random axis:
the device sits a little differently. `turn` is for devices that may go into a pocket any of four
ways, `mirror` for bodies: what a left pocket feels is what a right one feels, seen in a mirror.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Augmentation(keras.layers.Layer):
    """Random changes of raw windows, m/s², when training; the identity otherwise.

    Parameters
    ----------
    rotate_deg : float
        Standard deviation of the angle about a random axis.
    scale : float
        Standard deviation of the factor on the whole window, about 1: sensors differ.
    vigour : float
        Standard deviation of the logarithm of a factor on the motion alone, what is left when the
        window's mean is taken away: people step harder or softer, gravity stays as it is.
    jitter : float
        Standard deviation of white noise, m/s².
    warp : float
        Greatest relative change of speed; the middle of the window stays where it is, and samples
        are read between neighbours linearly.
    turn : float
        Probability of a half turn about one of the device's axes, each as likely: the phone lies
        with its screen the other way, its top the other way, or both.
    mirror : float
        Probability that x changes its sign: the left side of the body for the right one, where x
        points sideways, as on an upright phone.
    seed : int
    """

    def __init__(
        self,
        *,
        rotate_deg: float = 0.0,
        scale: float = 0.0,
        vigour: float = 0.0,
        jitter: float = 0.0,
        warp: float = 0.0,
        turn: float = 0.0,
        mirror: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=False, **kwargs)
        self.rotate_deg, self.scale, self.jitter, self.warp = rotate_deg, scale, jitter, warp
        self.turn, self.mirror, self.vigour = turn, mirror, vigour
        self.random = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        n = ops.shape(x)[0]
        if self.warp:
            x = self._warped(x)
        if self.vigour:
            factor = ops.exp(keras.random.normal((n, 1, 1), 0.0, self.vigour, seed=self.random))
            gravity = ops.mean(x, axis=1, keepdims=True)
            x = gravity + factor * (x - gravity)
        if self.turn:
            x = x * self._half_turns(n)
        if self.mirror:
            left = keras.random.uniform((n, 1, 1), seed=self.random) < self.mirror
            x = x * ops.where(left, ops.array([[[-1.0, 1.0, 1.0]]]), ops.ones((1, 1, 3)))
        if self.rotate_deg:
            x = ops.matmul(x, self._rotations(n))
        if self.scale:
            x = x * keras.random.normal((n, 1, 1), 1.0, self.scale, seed=self.random)
        if self.jitter:
            x = x + keras.random.normal(ops.shape(x), 0.0, self.jitter, seed=self.random)
        return x

    def _half_turns(self, n: Any) -> Any:
        """Signs of the axes (n, 1, 3): one axis stays, or all do."""
        stays = keras.random.randint((n, 1), 0, 3, seed=self.random)
        signs = ops.where(ops.equal(stays, ops.arange(3)), 1.0, -1.0)
        turned = keras.random.uniform((n, 1), seed=self.random) < self.turn
        return ops.expand_dims(ops.where(turned, signs, ops.ones_like(signs)), 1)

    def _rotations(self, n: Any) -> Any:
        """Rotation matrices (n, 3, 3), by Rodrigues' formula."""
        axis = keras.random.normal((n, 3), seed=self.random)
        axis = axis / (ops.norm(axis, axis=1, keepdims=True) + 1e-6)
        angle = keras.random.normal((n, 1, 1), 0.0, self.rotate_deg, seed=self.random)
        angle = angle * (3.141592653589793 / 180)
        x, y, z = axis[:, 0], axis[:, 1], axis[:, 2]
        zero = ops.zeros_like(x)
        cross = ops.reshape(ops.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1), (-1, 3, 3))
        return ops.eye(3) + ops.sin(angle) * cross + (1 - ops.cos(angle)) * (cross @ cross)

    def _warped(self, x: Any) -> Any:
        n, steps = ops.shape(x)[0], x.shape[1]
        speed = 1 + keras.random.uniform((n, 1), -self.warp, self.warp, seed=self.random)
        middle = (steps - 1) / 2
        at = middle + (ops.arange(steps, dtype="float32") - middle) * speed
        # A faster window runs out of samples at both ends: mirror them.
        last = float(steps - 1)
        at = last - ops.abs(last - ops.abs(at))
        low = ops.clip(ops.floor(at), 0, last - 1)
        share = ops.expand_dims(at - low, -1)
        low = ops.cast(low, "int32")
        a = ops.take_along_axis(x, ops.expand_dims(low, -1), axis=1)
        b = ops.take_along_axis(x, ops.expand_dims(low + 1, -1), axis=1)
        return a + share * (b - a)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape
