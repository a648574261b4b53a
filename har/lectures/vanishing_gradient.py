"""How much of the gradient reaches the first of 100 steps, and what clipping does when it grows."""

from __future__ import annotations

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import above, agree, below, near
from har.lectures.gradients import (
    FEATURES,
    STEPS,
    UNITS,
    closed_form,
    gradient_norms,
    layer,
    training,
)
from har.lectures.result import Lecture, Result, Setting

BATCH = 32
LINES = ("SimpleRNN", "LSTM", "GRU", "LSTM, gates open", "GRU, gates open", "SimpleRNN × 3")


def run(setting: Setting) -> Result:
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
    v = rng.normal(size=(BATCH, UNITS)).astype("float32")
    norms = {}
    for name in LINES:
        setting.say(f"{name}: the gradient over {STEPS} steps")
        norms[name] = gradient_norms(layer(name), x, v)
    kept = {name: float(n[0] / n[-1]) for name, n in norms.items()}
    linear = keras.layers.SimpleRNN(UNITS, activation="linear", use_bias=False)
    obtained = gradient_norms(linear, x, v)
    kernel, recurrent = linear.get_weights()
    exact = closed_form(kernel, recurrent, v)
    setting.say("training one unit, with the gradient clipped and not")
    runs = {clip: training(clip, 600) for clip in (None, 1.0)}
    what = "first step over last"
    rows = [
        agree("linear RNN: the gradient and its closed form, ratio", obtained / exact,
              np.ones(STEPS), 1e-4),
        below(f"SimpleRNN, {what}", 1e-9, kept["SimpleRNN"], "vanishes"),
        above("LSTM over SimpleRNN at the first step", 1e3,
              float(norms["LSTM"][0] / norms["SimpleRNN"][0])),
        above(f"LSTM, gates open, {what}", 0.1, kept["LSTM, gates open"], "arrives"),
        above(f"GRU, gates open, {what}", 1e-3, kept["GRU, gates open"], "mostly arrives"),
        above(f"SimpleRNN × 3, {what}", 1e6, kept["SimpleRNN × 3"], "explodes"),
        above("one unit × 100 steps, not clipped: largest loss", 1e6,
              float(np.nan_to_num(runs[None][0], nan=np.inf, posinf=np.inf).max()), "explodes"),
        near("the same, clipped at 1: w after 600 steps, 0.5^(1/99)", round(0.5 ** (1 / 99), 4),
             runs[1.0][1], 0.0005),
    ]  # fmt: skip
    return Result(
        rows,
        [_draw(setting, norms, runs)],
        "In a SimpleRNN the gradient is multiplied by the same matrix at every step: after 100 "
        "steps it has almost vanished, or is far too large. An LSTM adds to its cell state, and "
        "its forget gate decides how much is kept: with Keras's initial weights it loses less "
        "than the SimpleRNN, and with its gates open the gradient reaches the first step. Gates "
        "alone are not enough: an untrained GRU, whose gate keeps one half, loses the gradient "
        f"faster than the SimpleRNN ({kept['GRU']:.0e} of it is left); it has to learn to keep "
        "it. On the right, one unit learns to halve a pulse in 100 steps, starting from a w that "
        "is slightly too large. The first gradient is 65,000: without clipping, a single step "
        "changes w so much that the numbers overflow. Clipping limits the length of a step, keeps "
        "its direction, and w converges.",
    )


def _draw(setting: Setting, norms: dict[str, np.ndarray], runs: dict) -> str:
    figure, axes = drawing.new_figure(1, 2, size=(11, 4.2))
    ax = axes[0, 0]
    drawing.lines(ax, norms, log=True, title="Gradient of the last state, by step",
                  xlabel="step of the input", ylabel="norm", ylim=(1e-22, 1e14))  # fmt: skip
    ax.legend(frameon=False, fontsize=8)
    ax = axes[0, 1]
    for (clip, (losses, _)), colour in zip(runs.items(), (drawing.RED, drawing.BLUE), strict=True):
        label = "clipped at 1" if clip else "not clipped (overflows)"
        shown = np.minimum(np.nan_to_num(losses, nan=np.inf), 1e30)
        ax.semilogy(shown, color=colour, label=label, marker=None if clip else "o")
    ax.set(title="One unit that is to halve a pulse", xlabel="training step", ylabel="loss")
    ax.legend(frameon=False)
    return drawing.save(figure, setting.out, "vanishing-gradient.png")


LECTURE = Lecture(
    "vanishing-gradient",
    "Vanishing and exploding gradients",
    "Why a plain RNN forgets early inputs, what gates change, and what clipping is for.",
    run,
)
