"""Channels that a model sees, computed from filtered acceleration: the plain-array twin of
`har.models.input_layers`.

| kind | channels |
| --- | --- |
| `raw` | x, y, z |
| `magnitude` | x, y, z, ‖a‖ |
| `split` | x, y, z less their mean over the window (body); that mean (gravity) |
| `split_magnitude` | the six of `split`, ‖body‖, ‖a‖ |
| `vertical` | gravity; body along gravity; length of body across it; ‖a‖ |

`vertical` takes the motion as it was whichever way the device lay: only gravity's own three
channels tell how that was (Mizell 2003, doi:10.1109/ISWC.2003.1241424).

Gravity as the mean over the window needs no more context than the window, so it can ship; the usual
0.3 Hz low-pass would need 7.5 s of lead-in.
"""

from __future__ import annotations

import numpy as np

from har.errors import ConfigError
from har.signal.filters import filter_valid
from har.signal.windows import Windows

N_CHANNELS = {"raw": 3, "magnitude": 4, "split": 6, "split_magnitude": 8, "vertical": 6}

FREE_FALL = 1e-3
"""Below this many m/s², gravity has no direction."""


def check_kind(kind: str) -> str:
    if kind not in N_CHANNELS:
        raise ConfigError(f"channels must be one of {', '.join(N_CHANNELS)}; got {kind!r}.")
    return kind


def channels(filtered: np.ndarray, kind: str) -> np.ndarray:
    """Channels of filtered windows.

    Parameters
    ----------
    filtered : ndarray, shape (n, T, 3)
        m/s².

    Returns
    -------
    ndarray, shape (n, T, N_CHANNELS[kind])
    """
    check_kind(kind)
    gravity = np.broadcast_to(filtered.mean(axis=1, keepdims=True), filtered.shape)
    body = filtered - gravity
    parts = [filtered] if kind in ("raw", "magnitude") else [body, gravity]
    if kind == "split_magnitude":
        parts.append(np.linalg.norm(body, axis=2, keepdims=True))
    if kind == "vertical":
        length = np.linalg.norm(gravity, axis=2, keepdims=True)
        up = gravity / np.maximum(length, FREE_FALL)
        along = (body * up).sum(axis=2, keepdims=True)
        parts = [gravity, along, np.linalg.norm(body - along * up, axis=2, keepdims=True)]
    if kind in ("magnitude", "split_magnitude", "vertical"):
        parts.append(np.linalg.norm(filtered, axis=2, keepdims=True))
    return np.concatenate(parts, axis=2)


def statistics(
    windows: Windows, index: np.ndarray, kind: str, *, chunk: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over some windows.

    Parameters
    ----------
    index : ndarray of int64
        The training windows.

    Returns
    -------
    mean, std : ndarray of float32, shape (N_CHANNELS[kind],)
        A channel that never moves gets a std of 1.
    """
    total = np.zeros(N_CHANNELS[check_kind(kind)])
    squares = np.zeros_like(total)
    n = 0
    # A first guess of the mean keeps the sum of squares from cancelling.
    guess = channels(filter_valid(windows.gather(index[:64]), windows.taps), kind).mean((0, 1))
    for at in range(0, len(index), chunk):
        x = channels(filter_valid(windows.gather(index[at : at + chunk]), windows.taps), kind)
        x = x - guess
        total += x.sum(axis=(0, 1))
        squares += (x * x).sum(axis=(0, 1))
        n += x.shape[0] * x.shape[1]
    mean = total / n
    std = np.sqrt(np.maximum(squares / n - mean**2, 0))
    std[std < 1e-6] = 1.0
    return (mean + guess).astype(np.float32), std.astype(np.float32)
