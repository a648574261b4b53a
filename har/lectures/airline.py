"""Airline passengers a month ahead, against the forecast that nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.lectures import drawing
from har.lectures.comparing import below, exact, near
from har.lectures.result import Lecture, Result, Setting

# International airline passengers by month, 1949 to 1960, in thousands: series G of Box, Jenkins,
# "Time Series Analysis: Forecasting and Control" (1976); R's `AirPassengers`.
_MONTHS = """
    112 118 132 129 121 135 148 148 136 119 104 118
    115 126 141 135 125 149 170 170 158 133 114 140
    145 150 178 163 172 178 199 199 184 162 146 166
    171 180 193 181 183 218 230 242 209 191 172 194
    196 196 236 235 229 243 264 272 237 211 180 201
    204 188 235 227 234 264 302 293 259 229 203 229
    242 233 267 269 270 315 364 347 312 274 237 278
    284 277 317 313 318 374 413 405 355 306 271 306
    315 301 356 348 355 422 465 467 404 347 305 336
    340 318 362 348 363 435 491 505 404 359 310 337
    360 342 406 396 420 472 548 559 463 407 362 405
    417 391 419 461 472 535 622 606 508 461 390 432
"""
PASSENGERS = np.array([float(v) for v in _MONTHS.split()])
WINDOW = 11  # ten months in, one out
EPOCHS, BATCH, SEEDS = 300, 8, (0, 1, 2)


def windows(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every run of ten months, and the month after it, in time order.

    Returns
    -------
    x : ndarray, shape (n - 10, 10, 1)
    y : ndarray, shape (n - 10,)
    """
    cut = np.lib.stride_tricks.sliding_window_view(series, WINDOW)
    return cut[:, :-1, None], cut[:, -1]


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


def build(steps: int) -> Any:
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((WINDOW - 1, 1)),
            layers.LSTM(50, return_sequences=True, name="lstm_1"),
            layers.LSTM(100, name="lstm_2"),
            layers.Dense(1, name="next_month"),
        ]
    )
    model.compile("rmsprop", "mse", steps_per_execution=steps)  # an epoch of so many in one call
    return model


def run(setting: Setting) -> Result:
    import keras

    x, y = windows(PASSENGERS)
    n_train = int(len(x) * 0.8)
    # The months that training windows touch; the later ones must not set the scale.
    known = PASSENGERS[: n_train + WINDOW - 1]
    low, high = known.min(), known.max()

    def scaled(months: np.ndarray) -> np.ndarray:
        return ((months - low) / (high - low)).astype("float32")

    epochs, seeds = (2, (0,)) if setting.quick else (EPOCHS, SEEDS)
    overlays, by_epoch = [], []
    for seed in seeds:
        setting.say(f"seed {seed}: {epochs} epochs, batch {BATCH}")
        keras.utils.set_random_seed(seed)
        model = build(-(-n_train // BATCH))
        history = model.fit(
            scaled(x[:n_train]), scaled(y[:n_train]), batch_size=BATCH, epochs=epochs, verbose=0,
            validation_data=(scaled(x[n_train:]), scaled(y[n_train:])),
        ).history  # fmt: skip
        overlays.append(np.asarray(model(scaled(x)))[:, 0] * (high - low) + low)
        by_epoch.append(np.sqrt(np.array(history["val_loss"])) * (high - low))
    baseline = rmse(x[n_train:, -1, 0], y[n_train:])
    obtained = [rmse(p[n_train:], y[n_train:]) for p in overlays]
    middle = sorted(range(len(seeds)), key=lambda i: obtained[i])[len(seeds) // 2]
    rows = [
        exact("windows of 11 months", 134, len(x)),
        exact("training and test windows", (107, 27), (n_train, len(x) - n_train)),
        exact("largest value in training", 505, int(high)),
        near("RMSE of repeating the last month (test)", 50.7, baseline, 0.05),
    ]
    if not setting.quick:
        rows += [
            below("RMSE of the LSTM (test), median of three seeds", baseline, obtained[middle],
                  "repeating the last month"),
            near("the same, compared with another run", 42, obtained[middle], 8),
        ]  # fmt: skip
    each = ", ".join(f"{seed}: {o:.1f}" for seed, o in zip(seeds, obtained, strict=True))
    return Result(
        rows,
        [_draw(setting, y, overlays[middle], n_train, by_epoch, baseline)],
        "A forecast is useful only if it beats the simplest one: next month will be like this "
        "month. Here that takes a few hundred epochs, and depends on the initial weights: the test "
        f"RMSE by seed was {each}. One run shows little, so the median is given. The split is in "
        "time order, and the scaling is fitted on the training months alone, although the test "
        "months exceed every value in training. The forecast lags the true curve a little: part "
        "of what the network has learnt is to repeat the last month. The test error by epoch is "
        "only shown; nothing was chosen by it.",
    )


def _draw(setting: Setting, y: np.ndarray, predicted: np.ndarray, n_train: int,
          by_epoch: list[np.ndarray], baseline: float) -> str:  # fmt: skip
    figure, axes = drawing.new_figure(1, 2, size=(11, 4))
    year = 1949 + (np.arange(len(y)) + WINDOW - 1) / 12
    ax = axes[0, 0]
    ax.plot(year, y, color="black", label="passengers", linewidth=1)
    ax.plot(year[:n_train], predicted[:n_train], color=drawing.SKY, label="LSTM, training")
    ax.plot(year[n_train:], predicted[n_train:], color=drawing.RED, label="LSTM, test")
    ax.axvline(year[n_train], color=drawing.GREY, linestyle=":")
    ax.set(title="A month ahead", xlabel="year", ylabel="thousand passengers")
    ax.legend(frameon=False)
    ax = axes[0, 1]
    by_seed = {f"seed {seed}": errors for seed, errors in enumerate(by_epoch)}
    drawing.lines(ax, by_seed, title="Test error by epoch", xlabel="epoch", ylabel="RMSE",
                  ylim=(0, None))  # fmt: skip
    ax.axhline(baseline, color=drawing.GREY, linestyle="--", label="repeat the last month")
    ax.legend(frameon=False)
    return drawing.save(figure, setting.out, "airline.png")


LECTURE = Lecture(
    "airline",
    "Airline passengers",
    "Windows from a series, a split in time order, and a baseline that has to be beaten.",
    run,
)
