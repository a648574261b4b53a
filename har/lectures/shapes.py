"""The shapes of sequence models: how many steps go in, how many come out."""

from __future__ import annotations

from typing import Any

from har.lectures import drawing
from har.lectures.comparing import exact
from har.lectures.result import Lecture, Result, Row, Setting

STEPS, FEATURES, UNITS, CLASSES = 5, 3, 4, 2

# name, an example, steps in, steps out, shape of the output
KINDS = (
    ("one to one", "an image to its class", 1, 1, (None, CLASSES)),
    ("one to many", "an image to a caption", 1, STEPS, (None, STEPS, CLASSES)),
    ("many to one", "a window of acceleration to an activity", STEPS, 1, (None, CLASSES)),
    ("many to many, in step", "sin to cos", STEPS, STEPS, (None, STEPS, CLASSES)),
    ("many to many, out of step", "a sentence to its translation", STEPS, 3, (None, 3, CLASSES)),
)


def build(name: str) -> Any:
    """The smallest Keras model of that kind.

    Parameters
    ----------
    name : str
        One of `KINDS`.

    Returns
    -------
    keras.Model
        Input (batch, 5, 3), or (batch, 3) where one step goes in.
    """
    import keras

    layers = keras.layers
    one_in = name.startswith("one")
    inputs = keras.Input((FEATURES,) if one_in else (STEPS, FEATURES), name="x")
    if name == "one to one":
        x = layers.Dense(UNITS, activation="relu", name="hidden")(inputs)
    elif name == "one to many":
        x = layers.RepeatVector(STEPS, name="repeat")(inputs)
        x = layers.LSTM(UNITS, return_sequences=True, name="lstm")(x)
    elif name == "many to one":
        x = layers.LSTM(UNITS, name="lstm")(inputs)
    elif name == "many to many, in step":
        x = layers.LSTM(UNITS, return_sequences=True, name="lstm")(inputs)
    else:
        x = layers.LSTM(UNITS, name="encoder")(inputs)
        x = layers.RepeatVector(3, name="repeat")(x)
        x = layers.LSTM(UNITS, return_sequences=True, name="decoder")(x)
    outputs = layers.Dense(CLASSES, activation="softmax", name="y")(x)
    return keras.Model(inputs, outputs)


def shape_lines(model: Any) -> list[str]:
    """A line for each layer: its name, its kind and the shape that it gives."""
    return [
        f"  {layer.name:<8} {type(layer).__name__:<13} {_shape(layer.output.shape)}"
        for layer in model.layers
    ]


def _shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("batch" if n is None else str(n) for n in shape) + ")"


def run(setting: Setting) -> Result:
    rows: list[Row] = []
    listing: list[str] = []
    for name, example, _, _, expected in KINDS:
        model = build(name)
        rows.append(exact(f"{name}: output", _shape(expected), _shape(model.output_shape)))
        listing += [f"{name} ({example})", *shape_lines(model), ""]
    return Result(
        rows,
        [_draw(setting)],
        "With return_sequences a recurrent layer returns its state at every step, otherwise only "
        "the last one; RepeatVector turns one vector into a sequence. In step, there is one "
        "output for each input; out of step, the whole input is read into one state before the "
        "first output. Activity recognition is many to one: a window of samples in, one activity "
        "out.",
        "\n".join(listing).rstrip(),
    )


def _draw(setting: Setting) -> str:
    figure, axes = drawing.new_figure(1, 5, size=(13, 3.6))
    arrow = {"arrowstyle": "->", "color": drawing.GREY, "shrinkA": 9, "shrinkB": 9}
    for ax, (name, example, n_in, n_out, _) in zip(axes[0], KINDS, strict=True):
        late = "out of step" in name
        n_states = n_in + n_out if late else max(n_in, n_out)
        first_out = n_in if late else n_states - n_out
        for t in range(n_states):
            if t < n_in:
                _dot(ax, (t, 0), drawing.BLUE)
                ax.annotate("", (t, 1), (t, 0), arrowprops=arrow)
            if t >= first_out:
                _dot(ax, (t, 2), drawing.RED)
                ax.annotate("", (t, 2), (t, 1), arrowprops=arrow)
            if t:
                ax.annotate("", (t, 1), (t - 1, 1), arrowprops=arrow)
            _dot(ax, (t, 1), drawing.GREEN)
        ax.set(xlim=(-0.8, max(n_states, 5) - 0.2), ylim=(-0.5, 2.5))
        ax.set_title(f"{name}\n", fontsize=10)
        ax.text(0.5, 1.0, example, transform=ax.transAxes, ha="center", fontsize=7.5)
        ax.axis("off")
    for y, label, colour in ((0, "in", drawing.BLUE), (1, "state", drawing.GREEN),
                             (2, "out", drawing.RED)):  # fmt: skip
        axes[0, 0].text(2.2, y, label, color=colour, va="center")
    return drawing.save(figure, setting.out, "shapes.png")


def _dot(ax: Any, at: tuple[int, int], colour: str) -> None:
    ax.plot(*at, "s", markersize=13, color=colour)


LECTURE = Lecture(
    "shapes",
    "One to one, one to many, many to one, many to many",
    "Which layers give which shapes, and which of them an activity classifier is.",
    run,
)
