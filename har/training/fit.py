"""One network trained on one split: deterministic, with the best epoch chosen on validation people.

Windows are gathered from the samples inside the training graph, from their starts: no copy of
overlapping windows is ever made, and `fit` shuffles integers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from har.config import Training
from har.models.spec import ModelSpec
from har.signal.windows import Windows
from har.training.averaging import Average
from har.training.workshop import Workshop, epochs_of, most_epochs, steps_per_epoch

PREDICT_BATCH = 512
PREDICT_SIZES = 64
"""Batches of predictions are a multiple of it, so that there are few sizes to compile for."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained model and how it got there.

    `model` is a Keras model, its last layer divided by `temperature`; None of another library,
    which has no epochs either and is `classical`. `predict` gives the probabilities of windows by
    index: float32, shape (n, k). `history` has a list per quantity, an entry per epoch;
    `best_epoch` counts from 1.
    """

    model: Any
    temperature: float
    predict: Callable[[np.ndarray], np.ndarray]
    parameters: int | None
    classical: Any = None
    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    epochs_run: int | None = None


def class_weights(labels: np.ndarray, n_classes: int, kind: str) -> np.ndarray:
    """The weight of a window by its class, mean 1 over the windows.

    `balanced` is n / (k · count), as scikit-learn defines it; `sqrt` goes by its square roots. A
    class without a window gets 0.
    """
    if kind in ("none", "focal", "logits"):
        return np.ones(n_classes, np.float32)
    counts = np.bincount(labels, minlength=n_classes)
    weights = len(labels) / ((counts > 0).sum() * np.maximum(counts, 1))
    weights = np.where(counts > 0, weights, 0.0)
    if kind == "sqrt":
        weights = np.sqrt(weights)
        weights *= len(labels) / (weights @ counts)
    return weights.astype(np.float32)


def fit(
    spec: ModelSpec,
    windows: Windows,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    params: dict[str, Any],
    training: Training,
    seed: int,
    epochs: int | None = None,
    temperature: float | None = None,
    workshop: Workshop | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda _epoch, _scores: None,
) -> Fitted:
    """Train a network.

    Parameters
    ----------
    spec : ModelSpec
    windows : Windows
    train, validation : ndarray of int64
        Indices of windows. Without validation windows (the final fit) the last epoch is taken.
    params : dict
        Those of the model that differ from its defaults.
    training : Training
    seed : int
        Of weights, shuffling and dropout. The same seed on the same machine gives the same weights.
    epochs : int, optional
        In place of the budget; the schedule still runs over the budget, so that a final fit of n
        epochs repeats what the folds did in their first n.
    temperature : float, optional
        Of the probabilities; found on the validation windows if left out and there are any.
    workshop : Workshop, optional
        Where the network is compiled and kept. What is fitted with one is good until the next fit
        with it: the same network is then trained anew.
    on_epoch : callable
        Told of each finished epoch.

    Returns
    -------
    Fitted
    """
    made = (workshop or Workshop()).get(
        spec, windows, train, params=params, training=training, seed=seed
    )
    model, trainer = made.model, made.trainer
    predict = functools.partial(_predict, made.scorer, windows)
    average = Average(model, trainer, training.average, steps_per_epoch(len(train), training))
    patience = training.patience
    if training.steps:
        patience = epochs_of(patience, len(train), training)
    watch = _Watch(model, trainer, average, predict, windows.labels, validation, patience, on_epoch)
    given = arrays(windows, train, training)
    if spec.solve:
        labels, weights = windows.labels[train], given["sample_weight"]
        spec.solve(model, lambda rows: windows.gather(train[rows]), labels, weights, seed)
        watch.solved(train)
    else:
        trainer.fit(
            **given,
            batch_size=training.batch_size,
            epochs=epochs or most_epochs(len(train), training),
            shuffle=True,
            verbose=0,
            callbacks=[watch.callback(seed)],
        )
        watch.restore_best()
    if temperature is None:
        temperature = found_temperature(predict, windows, validation, training)
    # softmax(z / t): dividing the last layer's weights puts the calibration into what ships
    last = model.get_layer("probabilities")
    last.set_weights([w / temperature for w in last.get_weights()])
    return Fitted(
        model=model,
        temperature=temperature,
        predict=predict,
        history=watch.history,
        best_epoch=watch.best_epoch,
        epochs_run=len(watch.history["loss"]),
        parameters=sum(int(np.prod(w.shape)) for w in model.trainable_weights),
    )


def arrays(windows: Windows, train: np.ndarray, training: Training) -> dict[str, np.ndarray]:
    """What `fit` of a compiled `trainer` takes: starts, one-hot labels, weights."""
    k = len(windows.activities)
    weights = class_weights(windows.labels[train], k, training.class_weights)
    return {
        "x": windows.starts[train].astype(np.int32),
        "y": np.eye(k, dtype=np.float32)[windows.labels[train]],
        "sample_weight": weights[windows.labels[train]],
    }


def found_temperature(
    predict: Callable[[np.ndarray], np.ndarray],
    windows: Windows,
    validation: np.ndarray,
    training: Training,
) -> float:
    """That suits the validation windows best; 1 if none is wanted, or there is nothing to go by."""
    if training.calibration != "temperature" or not len(validation):
        return 1.0
    return best_temperature(predict(validation), windows.labels[validation])


def macro_f1(true: np.ndarray, guess: np.ndarray) -> float:
    """Over the classes that the validation people performed."""
    from sklearn.metrics import f1_score

    return float(f1_score(true, guess, labels=np.unique(true), average="macro", zero_division=0))


def best_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least log loss, between 1/4 and 4.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
    labels : ndarray of int64, shape (n,)

    References
    ----------
    Guo and others 2017, "On calibration of modern neural networks", section 4.2. The log of a
    softmax differs from its logits by a constant of the row, which the next softmax forgets.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    rows = np.arange(len(labels))

    def log_loss(log_t: float) -> float:
        return float(-log_softmax(logits / np.exp(log_t), axis=1)[rows, labels].mean())

    found = minimize_scalar(log_loss, bounds=(-np.log(4), np.log(4)), method="bounded")
    return float(np.exp(found.x))


def _predict(scorer: Any, windows: Windows, index: np.ndarray) -> np.ndarray:
    if not len(index):
        return np.empty((0, len(windows.activities)), np.float32)
    # Batches of one size, out of few: JAX compiles for each that it meets.
    batches = -(-len(index) // PREDICT_BATCH)
    size = PREDICT_SIZES * -(-len(index) // (batches * PREDICT_SIZES))
    starts = np.resize(windows.starts[index].astype(np.int32), -(-len(index) // size) * size)
    probabilities = scorer.predict(starts, batch_size=size, verbose=0)
    return np.asarray(probabilities, np.float32)[: len(index)]


@dataclass(eq=False)
class _Watch:
    """Scores each epoch on validation people, keeps the best weights, stops when it is over.

    Better is a higher macro-F1, and at the same macro-F1 a lower loss: with few people the score
    moves in steps.
    """

    model: Any
    trainer: Any  # the model with window starts for input: they share their weights
    average: Average
    predict: Callable[[np.ndarray], np.ndarray]
    labels: np.ndarray
    validation: np.ndarray
    patience: int
    on_epoch: Callable[[int, dict[str, float]], None]
    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    _best: tuple[float, float] = (-1.0, 0.0)
    _weights: Any = None

    def callback(self, seed: int) -> Any:
        import keras

        return keras.callbacks.LambdaCallback(
            # On JAX numpy shuffles, and Keras shuffles once more where it has to trace.
            on_train_begin=lambda _logs: keras.utils.set_random_seed(seed),
            # Keras waits for the numbers of each step if anybody asks for them.
            on_train_batch_end=(lambda batch, logs: self.average.step(batch))  # noqa: ARG005
            if self.average.reach
            else None,
            on_epoch_end=self._end,
        )

    def _end(self, epoch: int, logs: dict[str, float]) -> None:
        rate = float(np.asarray(self.trainer.optimizer.learning_rate))
        with self.average.in_place():
            self._record(epoch, float(logs["loss"]), rate)

    def solved(self, train: np.ndarray) -> None:
        """What was found in one go counts as one epoch."""
        self._record(0, self._scores(train)["val_loss"], 0.0)

    def _record(self, epoch: int, loss: float, rate: float) -> None:
        scores = {"loss": loss, "learning_rate": rate}
        better = True  # without validation people the last epoch is taken
        if len(self.validation):
            scores |= self._scores(self.validation)
            rank = (scores["val_macro_f1"], -scores["val_loss"])
            if better := rank > self._best:
                self._best = rank
        if better:
            self.best_epoch = epoch + 1
            self._weights = [np.array(w) for w in self.model.get_weights()]
        elif epoch + 1 - self.best_epoch >= self.patience:
            self.trainer.stop_training = True
        for name, value in scores.items():
            self.history.setdefault(name, []).append(value)
        self.on_epoch(epoch + 1, scores)

    def _scores(self, index: np.ndarray) -> dict[str, float]:
        p = self.predict(index)
        true = self.labels[index]
        guess = p.argmax(axis=1)
        right = np.maximum(p[np.arange(len(true)), true], 1e-7)
        return {
            "val_loss": float(-np.log(right).mean()),
            "val_accuracy": float((guess == true).mean()),
            "val_macro_f1": macro_f1(true, guess),
        }

    def restore_best(self) -> None:
        self.model.set_weights(self._weights)
