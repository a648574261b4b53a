"""Images of digits: scikit-learn's, MNIST where its file is, and pairs of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from har.errors import DataError

MNIST = Path("data") / "raw" / "mnist" / "mnist.npz"
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # x, y to learn; x, y to test


def small_digits() -> Data:
    """scikit-learn's 1,797 digits of 8 × 8, a fifth of each class to test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x = (x / 16).reshape(-1, 8, 8).astype("float32")
    a, b, ya, yb = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    return a, ya.astype("int64"), b, yb.astype("int64")


def mnist(path: Path) -> Data:
    """MNIST as Keras publishes it: x_train, y_train, x_test, y_test in one .npz, no pickle."""
    try:
        with np.load(path, allow_pickle=False) as f:
            arrays = [f[k] for k in ("x_train", "y_train", "x_test", "y_test")]
    except (KeyError, ValueError, OSError) as e:
        raise DataError(
            f"{path} is not Keras' mnist.npz ({e}). It holds x_train, y_train, x_test and y_test; "
            "keras.datasets.mnist.load_data() fetches it. Without it "
            "scikit-learn's digits are used."
        ) from e
    x, y, xt, yt = arrays
    x, xt = ((a / 255).astype("float32") for a in (x, xt))
    return x, y.astype("int64"), xt, yt.astype("int64")


def pairs(x: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n images of two digits side by side, and both labels: (n, rows, 2 · columns), (n, 2)."""
    pick = np.random.default_rng(seed).integers(len(x), size=(n, 2))
    return np.concatenate([x[pick[:, 0]], x[pick[:, 1]]], axis=2), y[pick]
