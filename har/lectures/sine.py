"""cos from sin, step by step, with a state that is carried from batch to batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import above, below
from har.lectures.result import Lecture, Result, Setting

STEPS, SEQUENCES, UNITS = 20, 50, 32
TRAINING_STEPS = 200


def batch(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """50 stretches of 20 points; stretch i of batch n + 1 goes on where that of batch n ended.

    Returns
    -------
    t, sin, cos : ndarray, shapes (50, 20), (50, 20, 1), (50, 20, 1)
        t in radians.
    """
    start = number * STEPS
    t = np.arange(start, start + STEPS * SEQUENCES).reshape(SEQUENCES, STEPS) / (10 * np.pi)
    return t, np.sin(t)[..., None].astype("float32"), np.cos(t)[..., None].astype("float32")


def build(kind: str) -> Any:
    """`lstm`, which carries its state, or `dense`, which sees one point at a time."""
    import keras

    layers = keras.layers
    if kind == "lstm":
        hidden = layers.LSTM(UNITS, return_sequences=True, stateful=True, name="lstm")
    else:
        # Three weights a unit in all: about as many as the LSTM's 4·h·(h + 2).
        hidden = layers.Dense(4 * (UNITS + 2) * UNITS // 3, activation="tanh", name="dense")
    model = keras.Sequential(
        [keras.Input((STEPS, 1), batch_size=SEQUENCES), hidden, layers.Dense(1, name="cos")]
    )
    # A rate that falls lets the last steps settle; a constant 0.01 ends ten times further off.
    rate = keras.optimizers.schedules.CosineDecay(0.01, TRAINING_STEPS, alpha=0.05)
    model.compile(keras.optimizers.Adam(rate), "mse")
    return model


def run(setting: Setting) -> Result:
    import keras

    n = 10 if setting.quick else TRAINING_STEPS
    errors: dict[str, list[float]] = {}
    overlays: dict[str, np.ndarray] = {}
    for kind in ("lstm", "dense"):
        setting.say(f"{kind}: {n} training steps")
        keras.utils.set_random_seed(0)
        model = build(kind)
        # The loss that comes back is that before the step: each batch is scored, then learnt.
        errors[kind] = []
        for i in range(n):
            model.reset_metrics()  # otherwise Keras answers with the mean since the start
            _, x, y = batch(i)
            errors[kind].append(float(model.train_on_batch(x, y)) ** 0.5)
        overlays[kind] = np.asarray(model(batch(n)[1]))
    final = {kind: float(np.mean(e[-10:])) for kind, e in errors.items()}
    rows = [] if setting.quick else [
        below("RMSE of cos, LSTM, steps 191 to 200", 0.05, final["lstm"], "near-perfect overlay"),
        above("RMSE of cos, dense net, the same steps", 0.5, final["dense"],
              "0.71 is that of always saying 0"),
        above("error of the first step over that of the last, LSTM", 10,
              errors["lstm"][0] / errors["lstm"][-1], "falling"),
    ]  # fmt: skip
    return Result(
        rows,
        [_draw(setting, errors, overlays, n)],
        "Each value of sin belongs to two values of cos, one where sin rises and one where it "
        "falls. The LSTM knows the earlier points and therefore which of the two it is; since its"
        " state is carried from batch to batch, it knows this even at the first point of a batch."
        " A dense network with as many weights sees one point and can only answer with the mean "
        "of the two, which is 0.",
    )


def _draw(setting: Setting, errors: dict, overlays: dict, n: int) -> str:
    figure, axes = drawing.new_figure(1, 2, size=(10, 4))
    drawing.lines(axes[0, 0], errors, log=True, title="Error of each batch before it is learnt",
                  xlabel="training step", ylabel="RMSE")  # fmt: skip
    axes[0, 0].legend(frameon=False)
    t, x, y = (part[:10].ravel() for part in batch(n))  # ten stretches that join: a period
    ax = axes[0, 1]
    ax.plot(t, y, color="black", linewidth=5, alpha=0.25, label="cos")
    ax.plot(t, x, color=drawing.GREY, linestyle=":", label="sin (input)")
    ax.plot(t, overlays["lstm"][:10].ravel(), color=drawing.BLUE, label="lstm")
    ax.plot(t, overlays["dense"][:10].ravel(), color=drawing.RED, label="dense")
    ax.set(title=f"The next batch after {n} steps", xlabel="t / rad", ylim=(-1.2, 1.2))
    ax.legend(frameon=False, loc="lower right", fontsize=8)
    return drawing.save(figure, setting.out, "sine.png")


LECTURE = Lecture(
    "sine",
    "cos from sin, with a carried state",
    "What a state is for: the right answer depends on earlier inputs, even across batches.",
    run,
)
