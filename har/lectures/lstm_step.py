"""An LSTM written out: its gate equations in NumPy, and a cell whose weights were set by hand."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def sigmoid(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def step(
    x: Array, h: Array, c: Array, kernel: Array, recurrent: Array, bias: Array,
    peephole: Array | None = None,
) -> dict[str, Array]:  # fmt: skip
    """One step of an LSTM.

    Parameters
    ----------
    x : ndarray, shape (n_features,)
    h, c : ndarray, shape (n_units,)
        Hidden state and cell state before the step.
    kernel, recurrent, bias : ndarray, shapes (n_features, 4 n), (n_units, 4 n), (4 n,)
        In Keras' order: input gate, forget gate, candidate, output gate.
    peephole : ndarray, shape (3, n_units), optional
        From the cell to the input, forget and output gate; none if left out.

    Returns
    -------
    dict of ndarray
        The gates by name, and `c` and `h` after the step.

    References
    ----------
    Hochreiter and Schmidhuber 1997; forget gate by Gers, Schmidhuber and Cummins 2000; peepholes
    by Gers, Schraudolph and Schmidhuber 2002.
    """
    p = np.zeros((3, len(h))) if peephole is None else peephole
    zi, zf, zc, zo = np.split(x @ kernel + h @ recurrent + bias, 4)
    i = sigmoid(zi + p[0] * c)
    f = sigmoid(zf + p[1] * c)
    candidate = np.tanh(zc)
    c = f * c + i * candidate
    o = sigmoid(zo + p[2] * c)
    return {"input": i, "forget": f, "candidate": candidate, "output": o, "c": c,
            "h": o * np.tanh(c)}  # fmt: skip


def steps(x: Array, *weights: Array) -> dict[str, Array]:
    """`step` along a sequence (n_steps, n_features), from zero: each value is (n_steps, n)."""
    now = {"h": np.zeros(len(weights[1])), "c": np.zeros(len(weights[1]))}
    seen = [now := step(x_t, now["h"], now["c"], *weights) for x_t in x]
    return {name: np.array([s[name] for s in seen]) for name in seen[0]}


def latch() -> tuple[Array, tuple[Array, ...]]:
    """A cell of one unit, set by hand: it stores a value when told to write, until told to forget.

    The features are value, write, forget. Large weights make the gates open or shut.
    """
    kernel = np.array([[0.0, 0, 1, 0], [20, -20, 0, 0], [0, -20, 0, 0]])
    bias = np.array([-10.0, 10, 0, 10])
    x = np.zeros((60, 3))
    x[:, 0] = 0.8 * np.sin(np.arange(60) / 4)  # goes on all the time, mostly unheard
    x[[6, 19], 1] = 1
    x[48, 2] = 1
    return x, (kernel, np.zeros((1, 4)), bias)
