"""A made recording of somebody who sits and walks, the phone worn in any way."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation


def worn(acts: str, sat: np.ndarray, *, seed: int, rate_hz: float = 60.0) -> tuple[Any, Any]:
    """A body upright along x by a phone that sits on it as `sat` says.

    `acts` is what happens, five seconds each: s for sitting, w for walking, g for a gap of a
    second and then walking.
    """
    rng = np.random.default_rng(seed)
    n = round(5 * rate_hz)
    step = (1 + 0.2 * rng.uniform(-1, 1, n * len(acts))) / rate_hz
    for i, what in enumerate(acts):
        step[i * n] += what == "g"
    time = np.cumsum(step) - step[0]
    walks = np.repeat([what != "s" for what in acts], n)
    body = np.tile([9.81, 0, 0], (len(time), 1)) + rng.normal(0, 0.05, (len(time), 3))
    body[~walks] = body[~walks] @ Rotation.from_euler("y", 20, degrees=True).as_matrix().T
    strides = [(3, 1.9), (1, 0.95), (1.5, 1.9)]
    for axis, (strength, hz) in enumerate(strides):
        body[walks, axis] += strength * np.sin(2 * np.pi * hz * time[walks] + axis)
    return time, (body @ sat.T).astype(np.float32)
