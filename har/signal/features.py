"""Time and frequency features of windows, for classical models."""

from __future__ import annotations

import numpy as np
from scipy import stats

from har.signal.filters import filter_valid
from har.signal.windows import Windows

BANDS_HZ = (0.5, 1.5, 3.0, 5.0, 8.0, 15.0)
"""Edges of the bands whose share of the energy is a feature."""

_TIME = ("mean", "std", "min", "p25", "median", "p75", "max", "skew", "kurtosis", "crossings")
_FREQUENCY = ("peak_hz", "entropy", *(f"band_{hz:g}" for hz in (0.0, *BANDS_HZ)))


def names() -> list[str]:
    """Of the columns of `features`."""
    signals = ("x", "y", "z", "magnitude")
    columns = [f"{s}.{f}" for f in (*_TIME, *_FREQUENCY) for s in signals]
    return [*columns, "jerk.x", "jerk.y", "jerk.z", "corr.xy", "corr.xz", "corr.yz"]


def features(windows: Windows, index: np.ndarray, *, chunk: int = 2048) -> np.ndarray:
    """Features of windows after the pipeline's filter.

    Parameters
    ----------
    index : ndarray of int64, shape (n,)
    chunk : int
        Windows held in memory at a time.

    Returns
    -------
    ndarray of float32, shape (n, len(names()))

    References
    ----------
    The families of Anguita and others 2013 (UCI HAR, section 3) that need no other sensor.
    """
    parts = [
        of_arrays(
            filter_valid(windows.gather(index[at : at + chunk]), windows.taps), windows.rate_hz
        )
        for at in range(0, len(index), chunk)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(names())), np.float32)


def of_arrays(filtered: np.ndarray, rate_hz: float) -> np.ndarray:
    """Features of filtered windows, shape (n, T, 3), m/s²."""
    x = np.concatenate([filtered, np.linalg.norm(filtered, axis=2, keepdims=True)], axis=2)
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    std = centred.std(axis=1)
    safe = np.where(std < 1e-6, 1.0, std)
    quantiles = np.quantile(x, (0, 0.25, 0.5, 0.75, 1), axis=1)
    flat = std < 1e-6
    skew = np.where(flat, 0.0, (centred**3).mean(axis=1) / safe**3)
    kurtosis = np.where(flat, 0.0, (centred**4).mean(axis=1) / safe**4 - 3)
    crossings = (np.diff(np.signbit(centred), axis=1)).mean(axis=1)
    time = [mean, std, *quantiles, skew, kurtosis, crossings]

    taper = np.hanning(x.shape[1])[None, :, None]
    power = np.abs(np.fft.rfft(centred * taper, axis=1)) ** 2
    hz = np.fft.rfftfreq(x.shape[1], 1 / rate_hz)
    total = power.sum(axis=1)
    share = power / np.where(total < 1e-9, 1.0, total)[:, None]
    edges = np.searchsorted(hz, BANDS_HZ)
    bands = [share[:, a:b].sum(axis=1) for a, b in zip([0, *edges], [*edges, None], strict=True)]
    frequency = [hz[power.argmax(axis=1)], stats.entropy(share + 1e-12, axis=1), *bands]

    jerk = np.abs(np.diff(filtered, axis=1)).mean(axis=1) * rate_hz
    xyz = centred[:, :, :3]
    pairs = [(0, 1), (0, 2), (1, 2)]
    corr = np.stack(
        [(xyz[:, :, a] * xyz[:, :, b]).mean(axis=1) / (safe[:, a] * safe[:, b]) for a, b in pairs],
        axis=1,
    )
    return np.concatenate([*time, *frequency, jerk, corr], axis=1).astype(np.float32)
