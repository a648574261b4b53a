"""The next letter of the alphabet: the same letters as features or as steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import exact, near
from har.lectures.result import Lecture, Result, Row, Setting

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# name, letters in a sample, (steps, features), parameters, accuracy on the slide
FRAMINGS = (
    ("1 feature × 1 step", 1, (1, 1), 5_210, 0.88),
    ("3 features × 1 step", 3, (1, 3), 5_466, 0.83),
    ("1 feature × 3 steps", 3, (3, 1), 5_210, 1.00),
)


def samples(n_letters: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Runs of letters as numbers in [0, 1), and the letter after each.

    Parameters
    ----------
    shape : tuple of int
        Steps and features; their product is `n_letters`.

    Returns
    -------
    x : ndarray of float32, shape (26 - n_letters, steps, features)
    y : ndarray of int64, shape (26 - n_letters,)
    """
    starts = np.arange(len(LETTERS) - n_letters)
    x = starts[:, None] + np.arange(n_letters)
    return (x / len(LETTERS)).reshape(-1, *shape).astype("float32"), starts + n_letters


def build(shape: tuple[int, int], n_samples: int) -> Any:
    """LSTM(32) and a softmax over the letters."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.LSTM(32, name="lstm"),
            keras.layers.Dense(len(LETTERS), activation="softmax", name="letters"),
        ]
    )
    # Batches of one are nearly all overhead: one call does all those of an epoch.
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=n_samples,
    )
    return model


def run(setting: Setting) -> Result:
    import keras

    epochs = 3 if setting.quick else 500
    rows: list[Row] = []
    histories, reached = {}, {}
    for name, n_letters, shape, parameters, accuracy in FRAMINGS:
        setting.say(f"{name}: {epochs} epochs, batch 1")
        x, y = samples(n_letters, shape)
        keras.utils.set_random_seed(7)
        model = build(shape, len(x))
        histories[name] = model.fit(x, y, batch_size=1, epochs=epochs, verbose=0).history
        predicted = np.asarray(model(x)).argmax(axis=1)
        reached[name] = float((predicted == y).mean())
        rows.append(exact(f"parameters, {name}", parameters, model.count_params()))
        if not setting.quick:
            rows.append(near(f"accuracy, {name}", accuracy, reached[name], 0.1))
    if not setting.quick:
        best = max(reached, key=lambda n: reached[n])
        rows.append(exact("best framing", FRAMINGS[2][0], best))
    return Result(
        rows,
        [_draw(setting, histories)],
        "Three letters as three features of one step are only a longer input: nothing tells the "
        "network that they follow each other, and it learns little more than from one letter. "
        "With the same three letters as three steps, its state can keep track of the order, with "
        "fewer weights. As in the lecture, accuracy is measured on the training letters: it shows"
        " what the network can represent, not how it generalises. It varies by a few letters with"
        " the seed.",
    )


def _draw(setting: Setting, histories: dict[str, dict[str, list[float]]]) -> str:
    figure, axes = drawing.new_figure(1, 2, size=(10, 4))
    loss, accuracy = ({n: h[what] for n, h in histories.items()} for what in ("loss", "accuracy"))
    drawing.lines(axes[0, 0], loss, title="Loss", xlabel="epoch", ylabel="cross-entropy")
    drawing.lines(axes[0, 1], accuracy, title="Accuracy", xlabel="epoch", ylabel="letters right",
                  ylim=(0, 1.03))  # fmt: skip
    axes[0, 0].legend(frameon=False)
    return drawing.save(figure, setting.out, "alphabet.png")


LECTURE = Lecture(
    "alphabet",
    "The next letter, framed three ways",
    "The difference between features and time steps, with the same data and the same layer.",
    run,
)
