"""The standardisation that a saved model carries, against one recomputed from raw samples.

Neither Keras nor the training code is asked: the weights are read from the file, and the statistics
are sums over windows, made once and added up for any set of windows.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from har.errors import LeakageError
from har.signal.conditioning import channels
from har.signal.windows import Windows

LAYER = "standardize"


@dataclass(frozen=True)
class Scaler:
    """mean, std : float64, shape (n_channels,). kind : of `har.signal.conditioning.channels`."""

    kind: str
    mean: np.ndarray
    std: np.ndarray


@dataclass(frozen=True)
class Moments:
    """Sums over the samples of each window of what a standardisation is given.

    total, squares : float64, shape (n_windows, n_channels), of the values less `centre`, shape
    (n_channels,), so that the sum of squares does not cancel. n_samples : samples per window.
    """

    total: np.ndarray
    squares: np.ndarray
    centre: np.ndarray
    n_samples: int

    def of(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation over all samples of some windows."""
        n = max(len(index) * self.n_samples, 1)
        mean = self.total[index].sum(axis=0) / n
        std = np.sqrt(np.maximum(self.squares[index].sum(axis=0) / n - mean**2, 0))
        return mean + self.centre, std


def saved_scaler(path: Path) -> Scaler | None:
    """The standardisation in a saved Keras model (a zip of `config.json` and `model.weights.h5`).

    None if the model has no layer `LAYER`.

    Raises
    ------
    LeakageError
        If the model has such a layer, but not two arrays of weights for it.
    """
    import h5py

    with zipfile.ZipFile(path) as z:
        layers = json.loads(z.read("config.json"))["config"].get("layers", [])
        configs = {entry["config"].get("name"): entry["config"] for entry in layers}
        if LAYER not in configs:
            return None
        with h5py.File(io.BytesIO(z.read("model.weights.h5")), "r") as h5:
            groups: list[str] = []
            h5.visit(groups.append)
            values = [
                np.asarray(v, dtype=np.float64).ravel()
                for name in groups
                if name.split("/")[-1] == LAYER
                for _, v in sorted(h5[name]["vars"].items())
            ]
    if len(values) != 2:
        raise LeakageError(
            f"{path}: expected the mean and the std of one layer {LAYER!r}, found {len(values)} "
            "arrays. Without them nobody can say on whom the standardisation was fitted."
        )
    return Scaler(configs.get("channels", {}).get("kind", "raw"), values[0], values[1])


def moments(windows: Windows, kind: str = "raw", *, chunk: int = 2048) -> Moments:
    """Sums per window of the filtered signal's channels, `chunk` windows at a time."""
    from scipy.signal import oaconvolve

    kernel = np.asarray(windows.taps, dtype=np.float64).reshape(1, -1, 1)
    total, squares = [], []
    centre: np.ndarray | None = None
    for begin in range(0, len(windows.starts), chunk):
        index = np.arange(begin, min(begin + chunk, len(windows.starts)))
        x = np.asarray(windows.gather(index), dtype=np.float64)
        if kernel.size > 1:
            x = oaconvolve(x, kernel, mode="valid", axes=1)
        x = channels(x, kind)
        if centre is None:
            centre = x.mean(axis=(0, 1))
        x = x - centre
        total.append(x.sum(axis=1))
        squares.append((x * x).sum(axis=1))
    assert centre is not None, "there are windows, or nothing would have been trained"
    return Moments(np.concatenate(total), np.concatenate(squares), centre, windows.n_samples)


def difference(scaler: Scaler, known: Moments, train: np.ndarray) -> float:
    """Largest difference between a saved scaler and that of the training windows, in m/s².

    Over means and standard deviations; `known` is of the scaler's kind of channels. A channel that
    never moves counts as having a standard deviation of 1, as in the model.
    """
    mean, std = known.of(train)
    std = np.where(std < 1e-6, 1.0, std)
    if mean.shape != scaler.mean.shape:
        return float("inf")
    return float(max(np.abs(mean - scaler.mean).max(), np.abs(std - scaler.std).max()))
