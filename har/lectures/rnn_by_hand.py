"""A recurrent layer that can be computed on paper, and by Keras with the same weights."""

from __future__ import annotations

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import exact
from har.lectures.result import Lecture, Result, Setting

# Three steps of six features, as on the slide.
X = np.array([[0, 1, 0, 1, 0, 1], [0, 2, 1, 3, 0, 0], [1, 1, 2, 1, 0, 0]])
# One row for each of three hidden units: six weights for x_t, then three for h_{t-1}.
WEIGHT = np.array(
    [[1, 1, 0, 1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1, 1], [2, 1, 1, 1, 2, 3, 2, 0, 0]]
)
EXPECTED = np.array([[3, 1, 5], [8, 9, 12], [11, 29, 22]])
# One slide prints the first concatenated vector with its sixth and seventh place swapped.
MISPRINT = np.array([0, 1, 0, 1, 0, 0, 1, 0, 0])


def relu_rnn(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """h_t = relu(W · concat(x_t, h_{t-1})), from h_0 = 0.

    Parameters
    ----------
    x : ndarray, shape (n_steps, n_features)
    weight : ndarray, shape (n_units, n_features + n_units)

    Returns
    -------
    ndarray, shape (n_steps, n_units)
    """
    h = np.zeros(len(weight), weight.dtype)
    states = []
    for x_t in x:
        h = np.maximum(weight @ np.concatenate([x_t, h]), 0)
        states.append(h)
    return np.array(states)


def relu_rnn_split(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray) -> np.ndarray:
    """The same as `relu_rnn` with W cut in two: h_t = relu(x_t · U + h_{t-1} · V).

    Parameters
    ----------
    x : ndarray, shape (n_steps, n_features)
    kernel : ndarray, shape (n_features, n_units)
    recurrent : ndarray, shape (n_units, n_units)
    """
    h = np.zeros(recurrent.shape[0], recurrent.dtype)
    states = []
    for x_t in x:
        h = np.maximum(x_t @ kernel + h @ recurrent, 0)
        states.append(h)
    return np.array(states)


def keras_rnn(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray) -> tuple[np.ndarray, int]:
    """The states that Keras' SimpleRNN gives with these weights, and its parameter count."""
    import keras

    layer = keras.layers.SimpleRNN(
        len(recurrent), activation="relu", use_bias=False, return_sequences=True, name="rnn"
    )
    model = keras.Sequential([keras.Input(x.shape), layer])
    layer.set_weights([kernel, recurrent])
    return np.asarray(model(x[None].astype("float32")))[0], model.count_params()


def dense_parameters(n_steps: int) -> int:
    """Of a dense layer with as many units that sees all the steps at once."""
    import keras

    inputs = keras.Input((n_steps, X.shape[1]))
    flat = keras.layers.Flatten(name="flat")(inputs)
    outputs = keras.layers.Dense(len(WEIGHT), use_bias=False, name="dense")(flat)
    return keras.Model(inputs, outputs).count_params()


def run(setting: Setting) -> Result:
    kernel, recurrent = WEIGHT[:, : X.shape[1]].T, WEIGHT[:, X.shape[1] :].T
    by_hand = relu_rnn(X, WEIGHT)
    by_keras, parameters = keras_rnn(X, kernel, recurrent)
    rows = [exact(f"h{t + 1}, by hand", EXPECTED[t], by_hand[t]) for t in range(3)]
    rows += [exact(f"h{t + 1}, Keras' SimpleRNN", EXPECTED[t], by_keras[t]) for t in range(3)]
    split = relu_rnn_split(X, kernel, recurrent)
    rows += [
        exact("h3, weights split into input and recurrent", EXPECTED[2], split[2]),
        exact("h1 from the misprinted vector", (3, 1, 4), np.maximum(WEIGHT @ MISPRINT, 0)),
        exact("parameters, RNN over 3 steps", 27, parameters),
        exact("parameters, dense layer over 3 steps", 54, dense_parameters(3)),
        exact("parameters, RNN over 1,000 steps", 27, keras_rnn(np.resize(X, (1000, 6)) * 0,
                                                               kernel, recurrent)[1]),
        exact("parameters, dense layer over 1,000 steps", 18_000, dense_parameters(1000)),
    ]  # fmt: skip
    return Result(
        rows,
        [_draw(setting, by_hand)],
        "An RNN applies one weight matrix to concat(x_t, h_{t-1}) at every step, so its size does"
        " not depend on the length of the sequence; a dense layer over all steps grows with it. "
        "Splitting the matrix into a part for x and a part for h, as Keras stores it, gives the "
        "same result. One slide prints the first concatenated vector as (0,1,0,1,0,0,1,0,0), "
        "which would give h1 = (3,1,4). The correct vector is (0,1,0,1,0,1,0,0,0), and h1 = "
        "(3,1,5).",
    )


def _draw(setting: Setting, states: np.ndarray) -> str:
    figure, axes = drawing.new_figure(size=(9, 3.4))
    ax = axes[0, 0]
    ax.set(xlim=(-0.75, 6.75), ylim=(-0.5, 2.6))
    ax.axis("off")
    box = {"boxstyle": "round,pad=0.45", "linewidth": 1.2}
    arrow = {"arrowstyle": "->", "color": drawing.GREY, "shrinkA": 22, "shrinkB": 22}
    before = (-0.4, 1.0)
    ax.text(*before, "h0\n(0, 0, 0)", ha="center", va="center",
            bbox={**box, "facecolor": "white", "edgecolor": drawing.GREY})  # fmt: skip
    for t, (x_t, h_t) in enumerate(zip(X, states, strict=True)):
        at = (1.6 + 2.2 * t, 1.0)
        ax.annotate(
            "", at, before, arrowprops={**arrow, "shrinkA": 32 if t == 0 else 48, "shrinkB": 48}
        )
        ax.annotate("", at, (at[0], 0.0), arrowprops=arrow)
        ax.annotate("", (at[0], 2.2), at, arrowprops=arrow)
        ax.text(*at, "relu(W · [x, h])", ha="center", va="center",
                bbox={**box, "facecolor": "#e8f1f8", "edgecolor": drawing.BLUE})  # fmt: skip
        ax.text(at[0], -0.1, f"x{t + 1} = ({', '.join(map(str, x_t))})", ha="center", va="center")
        ax.text(at[0], 2.3, f"h{t + 1} = ({', '.join(map(str, h_t))})", ha="center", va="center",
                fontweight="bold", color=drawing.BLUE)  # fmt: skip
        before = at
    ax.set_title("One weight matrix W (3 × 9), used three times", loc="left")
    return drawing.save(figure, setting.out, "rnn-by-hand.png")


LECTURE = Lecture(
    "rnn-by-hand",
    "A recurrent layer by hand",
    "What one step of a recurrent layer computes, and why its parameters do not grow with time.",
    run,
)
