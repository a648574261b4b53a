"""A budget in optimiser steps is the same training whatever the number of windows."""

from __future__ import annotations

import numpy as np
import pytest

from har.config import Training
from har.models import registry
from har.training.fit import class_weights, fit
from har.training.workshop import Workshop, as_long, most_epochs
from tests.synthetic import make_windows

TINY = {"filters": 4, "blocks": 1}


@pytest.mark.parametrize(("windows", "epochs"), [(64, 100), (65, 50), (640, 10), (6400, 1)])
def test_steps_are_rounded_up_to_whole_epochs(windows, epochs):
    training = Training(steps=100, batch_size=64)
    assert most_epochs(windows, training) == epochs
    assert most_epochs(windows, Training(epochs=7)) == 7


@pytest.mark.parametrize(
    ("said", "budget"),
    [
        ({}, (2000, None, 600)), ({"steps": 100}, (100, None, 30)),
        ({"epochs": 40}, (None, 40, 12)), ({"epochs": 3}, (None, 3, 5)),
        ({"epochs": 3, "steps": None, "patience": 1}, (None, 3, 1)),
    ],
)  # fmt: skip
def test_a_budget_that_is_left_out(said, budget):
    made = Training.model_validate(said)
    assert (made.steps, made.epochs, made.patience) == budget
    assert Training.model_validate(made.model_dump()) == made


def test_two_budgets_are_refused():
    with pytest.raises(ValueError, match="got epochs: 3 and steps: 100"):
        Training(epochs=3, steps=100)


def test_a_fit_on_more_windows_is_as_long_in_steps():
    training = Training(steps=1000, batch_size=50)
    assert as_long(12, 1000, 2000, training) == 6  # 240 steps both
    assert as_long(1, 100, 100_000, training) == 1
    assert as_long(12, 1000, 2000, Training(epochs=20)) == 12


@pytest.mark.tensorflow
def test_steps_train_as_the_epochs_that_hold_them():
    windows = make_windows(subjects=3)
    everyone = np.arange(len(windows))
    per_epoch = -(-len(everyone) // 16)
    nobody = np.empty(0, np.int64)

    def weights(**budget):
        made = fit(
            registry.get("cnn"), windows, everyone, nobody, params=TINY, seed=0,
            training=Training(batch_size=16, **budget), workshop=Workshop(),
        )  # fmt: skip
        return made.epochs_run, [np.array(w) for w in made.model.get_weights()]

    ran, by_steps = weights(steps=3 * per_epoch - 1)
    assert ran == 3
    for a, b in zip(by_steps, weights(epochs=3)[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.tensorflow
def test_patience_is_in_steps_too():
    windows = make_windows(subjects=3)
    index = np.arange(len(windows))
    per_epoch = -(-len(index) // 16)
    training = Training(
        batch_size=16, steps=50 * per_epoch, patience=2 * per_epoch, learning_rate=1e-12
    )
    made = fit(
        registry.get("cnn"), windows, index, index, params=TINY, training=training, seed=0
    )  # nothing is learnt: it stops two epochs after its best
    assert made.best_epoch is not None
    assert made.epochs_run == made.best_epoch + 2


def test_square_root_weights_lie_between_none_and_balanced():
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    root = class_weights(labels, 3, "sqrt")
    np.testing.assert_allclose(root[labels].mean(), 1, rtol=1e-6)
    np.testing.assert_allclose(root / root[0], np.sqrt([1, 10, 90]), rtol=1e-6)
    assert class_weights(labels, 3, "focal").tolist() == [1, 1, 1]
    assert class_weights(labels, 4, "sqrt")[3] == 0


@pytest.mark.tensorflow
def test_focal_loss_is_its_formula(keras):
    from har.training.workshop import _loss

    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
    y = np.eye(3, dtype=np.float32)[[0, 1]]
    right = np.array([0.7, 0.1])
    by_hand = (-((1 - right) ** 2) * np.log(right)).mean()
    loss = _loss(Training(class_weights="focal"))
    np.testing.assert_allclose(float(loss(y, p)), by_hand, rtol=1e-5)


@pytest.mark.tensorflow
def test_logit_adjustment_is_its_formula(keras):
    """Menon and others 2021, equation 10: the cross entropy of logits + log of the shares."""
    from scipy.special import log_softmax

    from har.training.workshop import _loss

    w = make_windows(subjects=2)
    train = np.flatnonzero((w.labels > 0) | (np.arange(len(w)) % 3 == 0))
    training = Training(class_weights="logits", augment={}, steps=1)
    made = Workshop().get(
        registry.get("cnn"), w, train, params={"filters": 4}, training=training, seed=0
    )
    starts, labels = w.starts[train].astype(np.int32), w.labels[train]
    p = made.scorer.predict(starts, verbose=0).astype(np.float64)
    shares = np.bincount(labels) / len(labels)
    adjusted = log_softmax(np.log(p) + np.log(shares), axis=1)
    by_hand = -adjusted[np.arange(len(labels)), labels].mean()
    said = made.trainer.predict(starts, verbose=0)
    y = np.eye(len(shares), dtype=np.float32)[labels]
    np.testing.assert_allclose(float(_loss(training)(y, said)), by_hand, rtol=1e-4)
