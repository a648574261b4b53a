"""Is a film review in favour? Words as vectors, and a net that reads them one after another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from har.lectures import drawing, generated_texts
from har.lectures.comparing import above, exact, not_yet_run
from har.lectures.networks import body
from har.lectures.result import Lecture, Result, Row, Setting
from har.lectures.review_texts import (
    FOLDER,
    NPZ,
    NPZ_SHA256,
    Reviews,
    from_npz,
    from_texts,
    load,
    missing,
)
from har.lectures.word_numbers import WORDS

MODELS = ("simple_rnn", "four simple_rnn", "lstm", "cnn")
LENGTH, BATCH, EPOCHS = 500, 128, 10
# Of the embedding and the recurrent part. That four plain layers and one LSTM have as many is
# chance: 4 · 32 · (32 + 32 + 1) is either of them.
PARAMETERS = {"simple_rnn": 322_080, "four simple_rnn": 328_320, "lstm": 328_320}


def build(name: str, length: int) -> Any:
    """Embedding(10000, 32), a body of the registry with 32 units, and one sigmoid."""
    import keras

    layers = keras.layers
    inputs = keras.Input((length,), dtype="int32", name="words")
    x = layers.Embedding(WORDS, 32, name="embedding")(inputs)
    if name == "four simple_rnn":
        for i in range(3):
            x = layers.SimpleRNN(32, return_sequences=True, name=f"rnn_{i}")(x)
        x = body("simple_rnn", x, units=32)
    elif name == "cnn":
        x = body("cnn", x, filters=32, blocks=2)
    else:
        x = body(name, x, units=32)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="in_favour")(x))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def train(name: str, data: Reviews, epochs: int, batch: int) -> dict[str, list[float]]:
    """Curves of training and of a fifth of the training reviews, kept apart; and `test`."""
    import keras

    keras.utils.set_random_seed(0)
    model = build(name, data.x.shape[1])
    history: dict[str, list[float]] = model.fit(
        data.x, data.y, batch_size=batch, epochs=epochs, validation_split=0.2, verbose=0
    ).history
    history["test"] = [model.evaluate(data.x_test, data.y_test, batch_size=256, verbose=0)[1]]
    return history


def fetched(setting: Setting) -> Reviews | None:
    """From the workspace, else from Keras' site where the network allows, else None."""
    if setting.quick:
        return None
    if found := load(setting.root, LENGTH):
        return found
    setting.say("no IMDb in the workspace: asking Keras' site for it")
    import pooch

    try:
        path = pooch.retrieve(
            f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{NPZ}",
            known_hash=NPZ_SHA256,
            fname=NPZ,
            path=setting.root / FOLDER,
            downloader=pooch.HTTPDownloader(timeout=10),
        )
    except (OSError, ValueError) as e:  # no network, or another file
        setting.say(f"{missing()} ({e})")
        return None
    return from_npz(Path(path), LENGTH)


def run(setting: Setting) -> Result:
    rows: list[Row] = []
    for name, expected in PARAMETERS.items():
        model = build(name, LENGTH)
        size = model.count_params() - model.layers[-1].count_params()
        rows.append(exact(f"parameters of embedding and recurrent part, {name}", expected, size))
    data = fetched(setting)
    real = data is not None
    if data is None:
        n, n_words = (200, 20) if setting.quick else (4000, 60)
        texts = generated_texts.reviews(n, n // 4, n_words, seed=0)
        data = replace(from_texts(texts, n_words + 11), name="generated reviews")
    epochs = 1 if setting.quick else EPOCHS
    histories = {}
    for name in MODELS:
        setting.say(f"{name}: {epochs} epochs on {len(data.x):,} of {data.name}")
        histories[name] = train(name, data, epochs, BATCH if real else 32)
    test = {name: h["test"][0] for name, h in histories.items()}
    if real:
        rows.append(above("IMDb, LSTM: test accuracy", test["simple_rnn"], test["lstm"],
                          "SimpleRNN"))  # fmt: skip
    else:
        rows += [
            not_yet_run("IMDb, SimpleRNN and four of them: test accuracy", "—", "needs IMDb"),
            not_yet_run("IMDb, LSTM: test accuracy", "above SimpleRNN", "needs IMDb"),
        ]
        if not setting.quick:
            rows.append(above("generated reviews, LSTM: test accuracy", test["simple_rnn"],
                              test["lstm"], "SimpleRNN"))  # fmt: skip
    listing = "\n".join(f"{name:<16} test accuracy {a:.3f}" for name, a in test.items())
    return Result(
        rows,
        [drawing.curves(setting.out, "reviews.png", f"Opinions in {data.name}", histories)],
        "An embedding maps each word to 32 numbers that are learnt like any weight; it has nearly "
        "all of the parameters. Opinions are spread over a long text: at its end a plain RNN has "
        "forgotten the early ones, and stacking four of them does not help; an LSTM can add them "
        "up; a convolution finds pairs such as \"not good\" wherever they are. "
        + ("" if real else "Curves and accuracies here are of generated reviews (five opinions "
           "each, some negated by \"not\", in 60 words): they show what forgetting costs, not the "
           f"accuracy on IMDb. {missing()}"),
        f"{data.name}\n{listing}",
    )  # fmt: skip


LECTURE = Lecture(
    "reviews",
    "Film reviews",
    "Embeddings, many to one over long texts, and the benefit of gates.",
    run,
)
