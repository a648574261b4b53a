"""Images read as sequences of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import above, near, not_yet_run
from har.lectures.digit_images import MNIST, mnist, pairs, small_digits
from har.lectures.networks import body
from har.lectures.result import Lecture, Result, Setting

MODELS = ("dense", "cnn", "simple_rnn", "lstm", "gru", "bilstm")


def build(name: str, shape: tuple[int, int], units: int, heads: int = 1) -> Any:
    """A classifier of images as (rows, columns) sequences, with one softmax for each digit."""
    import keras

    layers = keras.layers
    inputs = keras.Input(shape, name="rows")
    if name == "dense":
        x = layers.Dense(units, activation="relu", name="dense")(layers.Flatten()(inputs))
    elif name == "cnn":  # over the picture; the registry's looks along one axis only
        x = layers.Reshape((*shape, 1), name="picture")(inputs)
        for i in range(2):
            x = layers.Conv2D(32, 3, padding="same", activation="relu", name=f"conv_{i}")(x)
            x = layers.MaxPooling2D(name=f"pool_{i}")(x)
        x = layers.Flatten(name="flat")(x)
    else:
        x = body(name, inputs, units=units)
    outputs = [layers.Dense(10, activation="softmax", name=f"digit_{i}")(x) for i in range(heads)]
    model = keras.Model(inputs, outputs if heads > 1 else outputs[0], name=name)
    losses = ["sparse_categorical_crossentropy"] * heads
    model.compile("adam", losses if heads > 1 else losses[0],
                  metrics=[["accuracy"]] * heads if heads > 1 else ["accuracy"])  # fmt: skip
    return model


def run(setting: Setting) -> Result:
    import keras

    large = not setting.quick and (setting.root / MNIST).is_file()
    x, y, xt, yt = mnist(setting.root / MNIST) if large else small_digits()
    if setting.quick:
        x, y, xt, yt = x[:200], y[:200], xt[:100], yt[:100]
    units, epochs = (128, 5) if large else (64, 1 if setting.quick else 30)
    histories: dict[str, dict[str, list]] = {}
    rows, listing, first128 = [], [], 0.0
    for name in MODELS:
        setting.say(f"{name}: {epochs} epochs on {len(x):,} images of {x.shape[1]} × {x.shape[2]}")
        keras.utils.set_random_seed(0)
        model = build(name, x.shape[1:], units)
        histories[name] = model.fit(x, y, batch_size=64 if large else 32, epochs=epochs, verbose=0,
                                    validation_data=(xt, yt)).history  # fmt: skip
        listing.append(f"{name:<12} {model.count_params():>9,} parameters   test accuracy "
                       f"{histories[name]['val_accuracy'][-1]:.3f}")  # fmt: skip
        if name == "lstm":
            right = np.asarray(model(xt[:128])).argmax(axis=1) == yt[:128]
            first128 = float(right.mean())
    if not setting.quick:
        best = {name: h["val_accuracy"][-1] for name, h in histories.items()}
        what = "MNIST" if large else "scikit-learn's digits"
        floor = 0.96 if large else 0.93
        rows += [above(f"{n}, {what}: test accuracy", floor, best[n]) for n in MODELS]
    rows.append(
        near("LSTM(128) on MNIST, first 128 test images", 0.992, first128, 0.017) if large else
        not_yet_run("LSTM(128) on MNIST, 128 test images", "0.992", f"needs {MNIST.as_posix()}")
    )  # fmt: skip
    setting.say("two digits side by side, LSTM")
    keras.utils.set_random_seed(0)
    n = 300 if setting.quick else 20_000
    two, labels = pairs(x, y, n, seed=0)
    model = build("lstm", two.shape[1:], 128, heads=2)
    model.fit(two, [labels[:, 0], labels[:, 1]], epochs=1 if setting.quick else 6, verbose=0)
    shown, truth = pairs(xt, yt, 1000, seed=1)
    guess = np.stack([np.asarray(p).argmax(axis=1) for p in model(shown)], axis=1)
    both = float((guess == truth).all(axis=1).mean())
    listing.append(
        f"{'two digits':<12} {model.count_params():>9,} parameters   both right    {both:.3f}"
    )
    if not setting.quick:
        rows.append(above("two digits side by side, LSTM: both right", 0.85, both))
    return Result(
        rows,
        [drawing.curves(setting.out, "digits.png", "Digits read row by row", histories),
         _draw(setting, shown, guess, truth)],
        "An image can be read like a sentence, a row at a time: the steps of a recurrent layer "
        "need not be moments in time. Over eight rows there is little to forget, and a plain RNN "
        "is as good as one with gates; a convolution, which is made for images, is hard to beat. "
        "With so few test images a difference of 0.02 means nothing. Two digits side by side are "
        "one wider sequence with two softmax outputs on the same last state. Pairs are made of "
        "training images in training, and of test images in the test."
        + ("" if large else f" For MNIST, put Keras' mnist.npz at {MNIST.as_posix()}."),
        "\n".join(listing),
    )  # fmt: skip


def _draw(setting: Setting, shown: np.ndarray, guess: np.ndarray, truth: np.ndarray) -> str:
    figure, axes = drawing.new_figure(3, 6, size=(9, 3.6))
    for i, ax in enumerate(axes.flat):
        ax.imshow(shown[i], cmap="gray_r")
        right = (guess[i] == truth[i]).all()
        ax.set_title(f"{guess[i][0]} {guess[i][1]}", color="black" if right else drawing.RED)
        ax.axis("off")
    figure.suptitle("Two digits at once (red: wrong)")
    return drawing.save(figure, setting.out, "digits-pairs.png")


LECTURE = Lecture(
    "digits",
    "Digits, row by row",
    "An image is a sequence too: the same layers, and what each architecture is good at.",
    run,
)
