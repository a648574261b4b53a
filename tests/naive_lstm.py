"""An LSTM one window, one step and one unit at a time, in float64, from its gate equations."""

import math

import numpy as np


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def run(x, kernel, recurrent, bias, peephole=None):
    """(batch, T, channels) to hidden states (batch, T, units); gates in the order i, f, c, o."""
    n = recurrent.shape[0]
    p = np.zeros((3, n)) if peephole is None else peephole.astype(float)
    out = np.zeros((*x.shape[:2], n))
    for b, window in enumerate(x.astype(float)):
        h, c = [0.0] * n, [0.0] * n
        for t, row in enumerate(window):
            new_h, new_c = [0.0] * n, [0.0] * n
            for u in range(n):
                zi, zf, zc, zo = (
                    sum(v * float(kernel[k, g * n + u]) for k, v in enumerate(row))
                    + sum(v * float(recurrent[k, g * n + u]) for k, v in enumerate(h))
                    + float(bias[g * n + u])
                    for g in range(4)
                )
                i, f = sigmoid(zi + p[0, u] * c[u]), sigmoid(zf + p[1, u] * c[u])
                new_c[u] = f * c[u] + i * math.tanh(zc)
                new_h[u] = sigmoid(zo + p[2, u] * new_c[u]) * math.tanh(new_c[u])
            h, c = new_h, new_c
            out[b, t] = h
    return out
