"""Weights averaged over steps: against a slow twin, and without a trace where training goes on."""

from __future__ import annotations

import numpy as np
import pytest

from har.config import SplitConfig, Training
from har.models import registry
from har.training import backend
from har.training.averaging import EVERY, Average
from har.training.fit import fit
from har.training.splits import make
from tests import backend_work
from tests.synthetic import make_windows


class Weights:
    """Stands for a model: its weights are what is set."""

    def __init__(self):
        self.now = [np.zeros((2, 3), np.float32), np.zeros(4, np.float32)]

    def get_weights(self):
        return [w.copy() for w in self.now]

    def set_weights(self, weights):
        self.now = [w.copy() for w in weights]


def slow(samples, epochs, steps):
    """Each sample's share written out: a mean at first, then what e^(−age in steps) leaves.

    `samples` are (step since training began, values), a step every sixteenth and at epochs' ends.
    """
    shares = np.zeros(0)
    before = -1
    for i, (step, _) in enumerate(samples):
        k = min(np.exp(-(step - before) / (epochs * steps)), i / (i + 1))
        shares = np.append(shares * k, 1 - k)
        before = step
    assert shares.sum() == pytest.approx(1)
    return np.tensordot(shares, np.array([values for _, values in samples]), axes=1)


@pytest.mark.parametrize("at_once", [1, EVERY])
@pytest.mark.parametrize(("epochs", "steps"), [(0.5, 40), (2.0, 33), (100.0, 16), (1.0, 5)])
def test_average_is_that_of_a_slow_twin(rng, epochs, steps, at_once):
    """However many steps are taken at once: Keras then names the last of a whole call, also where
    an epoch ends within it."""
    model = Weights()
    average = Average(model, model, epochs, steps)
    samples = []
    for epoch in range(6):
        for first in range(0, steps, at_once):
            last = min(first + at_once, steps) - 1
            model.now = [rng.normal(size=w.shape).astype(np.float32) for w in model.now]
            average.step(first + at_once - 1)
            if last % EVERY == EVERY - 1 or last == steps - 1:
                samples.append((epoch * steps + last, [w.ravel() for w in model.get_weights()]))
    assert average.samples == len(samples) > 0
    for i in range(2):
        expected = slow([(step, w[i]) for step, w in samples], epochs, steps)
        np.testing.assert_allclose(average.weights[i].ravel(), expected, atol=1e-5)
    if epochs == 100.0:  # further back than there is: the plain mean
        np.testing.assert_allclose(
            average.weights[1], np.mean([w[1] for _, w in samples], axis=0), atol=1e-5
        )


@pytest.mark.tensorflow
def test_keras_says_what_is_counted_on():
    """A short last call of several steps is counted as whole, and each step alone as itself."""
    import keras

    x = np.zeros((5, 2), np.float32)
    for at_once, expected in ((1, [0, 1, 2, 3, 4]), (4, [3, 7])):
        said = []
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("sgd", "mse", steps_per_execution=at_once)
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, said=said: said.append(batch)
        )
        model.fit(x, x[:, :1], batch_size=1, verbose=0, callbacks=[watch])
        assert said == expected


def test_in_place_leaves_no_trace(rng):
    model = Weights()
    average = Average(model, model, 1.0, EVERY)
    with average.in_place():  # nothing to show yet
        pass
    for _ in range(3):
        model.now = [rng.normal(size=w.shape).astype(np.float32) for w in model.now]
        average.step(EVERY - 1)
    before = model.get_weights()
    with pytest.raises(RuntimeError), average.in_place():
        np.testing.assert_array_equal(model.now[0], average.weights[0])
        raise RuntimeError
    for a, b in zip(before, model.now, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.tensorflow
def test_what_is_kept_is_the_average_of_the_best_epoch_and_training_goes_on_as_ever(monkeypatch):
    windows = make_windows(subjects=12)
    fold = make(windows, SplitConfig(folds=3))[0]
    kept = []

    class Recorded(Average):
        def in_place(self):
            kept.append([w.copy() for w in self.weights])
            return super().in_place()

    monkeypatch.setattr("har.training.fit.Average", Recorded)
    fitted = {}
    for reach in (0.0, 1.0):
        kept.clear()
        fitted[reach] = fit(
            registry.get("cnn"), windows, fold.train, fold.validation,
            params={"filters": 8, "blocks": 2}, seed=0, temperature=1.0,
            training=Training(epochs=4, batch_size=8, patience=4, average=reach),
        )  # fmt: skip
    assert fitted[0.0].history["loss"] == fitted[1.0].history["loss"]
    assert fitted[0.0].history["val_loss"] != fitted[1.0].history["val_loss"]
    best = kept[fitted[1.0].best_epoch - 1]
    for a, b in zip(best, fitted[1.0].model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.tensorflow
def test_a_final_fit_keeps_the_average_of_its_last_epoch():
    windows = make_windows(subjects=6)
    everyone = np.arange(len(windows))
    nobody = np.empty(0, np.int64)
    losses, weights = [], []
    for reach in (0.0, 2.0):
        fitted = fit(
            registry.get("cnn"), windows, everyone, nobody, params={"filters": 8, "blocks": 2},
            training=Training(epochs=3, batch_size=2, average=reach), seed=0, temperature=1.0,
        )  # fmt: skip
        losses.append(fitted.history["loss"])
        weights.append(fitted.model.get_weights())
        assert fitted.best_epoch == 3
    assert losses[0] == losses[1]
    assert any((a != b).any() for a, b in zip(*weights, strict=True))


@pytest.mark.tensorflow
@pytest.mark.skipif(not backend.jax_installed(), reason="jax is not installed")
def test_on_jax_too_training_goes_on_as_ever():
    out = backend_work.run(backend_work.averaged, {"backend": "jax"})
    used, without, averaged, same = out
    assert used == "jax"
    assert without == averaged
    assert same
