"""One LSTM step from its gate equations, with and without peepholes, and a cell set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import agree, exact
from har.lectures.lstm_step import Array, latch, steps
from har.lectures.result import Lecture, Result, Setting

FEATURES, UNITS, STEPS = 30, 20, 10  # the lecture's x, h and t


def keras_layer(x: Array, weights: tuple[Array, ...], peephole: bool) -> tuple[Any, Any]:
    """Our weights in Keras' layer (or in the house's peephole cell): its states, its size."""
    import keras

    units = len(weights[1])
    if peephole:
        from har.models.peephole_cell import PeepholeLSTMCell

        kernel, recurrent, bias, peepholes = weights
        layer = keras.layers.RNN(PeepholeLSTMCell(units), return_sequences=True)
        weights = (kernel, recurrent, peepholes, bias)
    else:
        layer = keras.layers.LSTM(units, return_sequences=True)
    layer.build((None, *x.shape))
    layer.set_weights([w.astype("float32") for w in weights])
    return np.asarray(layer(x[None].astype("float32")))[0], layer.count_params()


def run(setting: Setting) -> Result:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, FEATURES))
    shapes = ((FEATURES, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,), (3, UNITS))
    weights = tuple(0.5 * rng.normal(size=s) for s in shapes)
    rows = []
    for name, used in (("LSTM", weights[:3]), ("peephole LSTM", weights)):
        by_hand = steps(x, *used)["h"]
        by_keras, size = keras_layer(x, used, peephole=len(used) == 4)
        rows.append(agree(f"h after one step, {name}", by_hand[0], by_keras[0], 1e-6))
        rows.append(agree(f"h over {STEPS} steps, {name}", by_hand, by_keras, 1e-6))
        formula = 4 * UNITS * (FEATURES + UNITS + 1) + (3 * UNITS if len(used) == 4 else 0)
        rows.append(exact(f"parameters, {name}, x=30, h=20", formula, size))
    rows.append(exact("the lecture's 4·h·(x+h+t), x=30, h=20, t=10", 4_800,
                      4 * UNITS * (FEATURES + UNITS + STEPS)))  # fmt: skip
    rows.append(exact("Keras' LSTM, 4·h·(x+h+1)", 4_080, keras_layer(x, weights[:3], False)[1]))
    signals, cell = latch()
    gates = steps(signals, *cell)
    rows.append(agree("h over 60 steps, cell set by hand",
                      gates["h"], keras_layer(signals, cell, False)[0], 1e-6))  # fmt: skip
    return Result(
        rows,
        [_draw(setting, signals, gates)],
        "An LSTM has four small dense layers of x and the previous h: three gates between 0 and "
        "1, and a candidate. The cell state becomes f·c + i·candidate. Each layer has h·(x+h) "
        "weights and h biases, hence 4·h·(x+h+1) = 4,080 parameters. The lecture's 4·h·(x+h+t) = "
        "4,800 has the number of steps t in place of the one bias, but all steps share the "
        "weights, so the count does not depend on t. Peepholes let the gates see the cell state, "
        "for 3·h more weights. In the figure, a cell with weights set by hand stores the signal's"
        " value at each write and drops it at each forget.",
    )


def _draw(setting: Setting, x: Array, gates: dict[str, Array]) -> str:
    figure, axes = drawing.new_figure(3, 1, size=(9, 6))
    rows = (
        ("what comes in", {"value": x[:, 0], "write": x[:, 1], "forget": x[:, 2]}),
        ("gates", {"input gate": gates["input"], "forget gate (1 keeps)": gates["forget"]}),
        ("cell", {"cell state c": gates["c"], "value": x[:, 0]}),
    )
    for ax, (title, lines) in zip(axes[:, 0], rows, strict=True):
        for (label, y), colour in zip(lines.items(), drawing.COLOURS, strict=False):
            faint = label == "value" and title == "cell"
            ax.plot(y, drawstyle="steps-mid", color=drawing.GREY if faint else colour,
                    alpha=0.4 if faint else 1, label=label)  # fmt: skip
        ax.set_ylabel(title)
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes[0, 0].set_title("An LSTM cell whose weights were set by hand", loc="left")
    axes[-1, 0].set_xlabel("step")
    return drawing.save(figure, setting.out, "lstm-by-hand.png")


LECTURE = Lecture(
    "lstm-by-hand",
    "An LSTM step by hand",
    "What the gates and the cell do, and how many parameters they have.",
    run,
)
