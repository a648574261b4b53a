"""What a sensor that is worn, calibrated or clocked differently would have measured.

Each takes raw windows, m/s², shape (n, n_raw, 3), and gives as many. Strength 0 (or factor 1)
gives them back bit by bit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from har.signal.resampling import cubic
from har.signal.windows import Windows

AXES = "xyz"


def rotated(x: np.ndarray, axis: int, degrees: float) -> np.ndarray:
    """Turned about an axis of the sensor, right-handed.

    Parameters
    ----------
    x : ndarray, shape (n, n_raw, 3)
    axis : int
        0, 1 or 2.
    """
    if degrees == 0:
        return x
    a, b = (axis + 1) % 3, (axis + 2) % 3
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    out = x.astype(np.float64)
    out[..., a] = c * x[..., a] - s * x[..., b]
    out[..., b] = s * x[..., a] + c * x[..., b]
    return out.astype(x.dtype)


def scaled(x: np.ndarray, factor: float) -> np.ndarray:
    """A sensor whose gain is off."""
    return x if factor == 1 else (x * factor).astype(x.dtype)


def jittered(x: np.ndarray, sd: float, seed: int = 0) -> np.ndarray:
    """White noise on every axis, of a standard deviation in m/s²."""
    if sd == 0:
        return x
    noise = np.random.default_rng(seed).normal(0, sd, x.shape)
    return (x + noise).astype(x.dtype)


def flipped(x: np.ndarray, axes: str) -> np.ndarray:
    """Some axes with their sign turned over; all three are the other platform's convention."""
    return x * np.array([-1 if a in axes else 1 for a in AXES], x.dtype)


def without_gravity(x: np.ndarray) -> np.ndarray:
    """Less the mean over the window, as a sensor that reports linear acceleration would."""
    return (x - x.mean(axis=1, keepdims=True, dtype=np.float64)).astype(x.dtype)


def off_rate(windows: Windows, index: np.ndarray, relative: float) -> np.ndarray:
    """Windows of a sensor that ticks faster than it says, by a share; slower, if negative.

    Around the middle of the same moments. A slower sensor's window lasts longer: near the end of
    a recording it is moved inwards, and in a recording that is too short the last sample is held.

    Parameters
    ----------
    index : ndarray of int64, shape (n,)
    relative : float
        0.05: says 50 Hz and ticks at 52.5.

    Returns
    -------
    ndarray of float32, shape (n, n_raw, 3)
        Cubic interpolation between the recording's own samples.
    """
    if relative == 0:
        return windows.gather(index)
    n = windows.n_raw
    step = 1 / (1 + relative)
    offsets = (np.arange(n) - (n - 1) / 2) * step
    low, high = _stretches(windows)
    out = np.empty((len(index), n, windows.samples.shape[1]), np.float32)
    for row, i in enumerate(index.tolist()):
        at = windows.starts[i] + (n - 1) / 2 + offsets
        first, last = low[i], high[i] - 1
        at = at + max(0.0, first - at[0]) - max(0.0, at[-1] - last)
        at = np.clip(at, first, last)
        a, b = max(first, int(at[0]) - 2), min(last, int(at[-1]) + 3)  # what a cubic needs
        here = np.asarray(windows.samples[a : b + 1], np.float64)
        out[row] = cubic(np.arange(len(here), dtype=np.float64), here, at - a)
    return out


def _stretches(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last row (exclusive) that some window of the same stretch uses.

    Windows of one recording whose place in the samples and on its timeline differ by the same
    number have no gap between them.
    """
    gone = windows.starts - windows.spans[:, 0]
    table = pd.DataFrame({"of": windows.recordings, "gone": gone, "start": windows.starts})
    starts = table.groupby(["of", "gone"])["start"]
    return (
        starts.transform("min").to_numpy(),
        starts.transform("max").to_numpy() + windows.n_raw,
    )
