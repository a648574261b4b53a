"""Importable work for the tests of two backends: a process has one of them."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np

from har import fanout
from har.config import Training
from har.models import registry
from har.training import fit
from har.training.workshop import Workshop
from tests import small_networks
from tests.synthetic import make_windows

RATE = 0.1
QUICK_TO_COMPILE = {
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
}
"""For JAX, which spends more on compiling a small network than on training it."""


def run(function, item):
    """Here on TensorFlow, which this process has; in a process of its own on JAX."""
    if item["backend"] == "tensorflow":
        return function(item, lambda _message: None)
    env = fanout.ONE_THREAD | {"KERAS_BACKEND": item["backend"]} | QUICK_TO_COMPILE
    [(_, outcome)] = fanout.run(function, [item], jobs=1, env=env)
    assert isinstance(outcome, fanout.Done), outcome
    return outcome.value


def one_step(item, report):
    """Probabilities, and loss and gradient of one batch, of networks with given weights.

    `weights` by name of network; None in the process that makes them. Nothing is random: no
    dropout, one batch. The gradient is what plain gradient descent moved the weights by.
    """
    import keras

    windows = make_windows(subjects=3, taps=item["taps"])
    batch = np.arange(24)
    training = Training(batch_size=len(batch), label_smoothing=0.1, augment={})
    out = {}
    for name in item["names"]:
        params = {"channels": "split_magnitude", **small_networks.params(name)}
        if not registry.get(name).solve:
            params["dropout"] = 0.0
        made = Workshop().get(
            registry.get(name), windows, batch, params=params, training=training, seed=0
        )
        model, trainer = made.model, made.trainer
        if item["weights"] is not None:
            model.set_weights(item["weights"][name])
        # TensorFlow as it is called, JAX as it is compiled: nothing is traced for a single batch.
        eager = keras.backend.backend() == "tensorflow"
        for network in (model, trainer):
            network.compile(keras.optimizers.SGD(RATE), trainer.loss, run_eagerly=eager)
        before = model.get_weights()
        probabilities = np.asarray(model.predict(windows.gather(batch), verbose=0))
        given = fit.arrays(windows, batch, training)
        history = trainer.fit(**given, batch_size=len(batch), shuffle=False, verbose=0)
        out[name] = {
            "backend": keras.backend.backend(),
            "weights": before,
            "probabilities": probabilities,
            "loss": history.history["loss"][0],
            "steps": [(a - b) / RATE for a, b in zip(before, model.get_weights(), strict=True)],
        }
        report(name)
    return out


def augmented(_item, report):
    """A batch with every augmentation, twice from one seed and once from another; and the loss of
    a compiled training step without them, with samples that stay in their file, and with them."""
    import keras

    from har.training import gather
    from har.training.augment import Augmentation

    kinds = dict(rotate_deg=10.0, scale=0.1, vigour=0.2, jitter=0.1, warp=0.1, turn=0.5, mirror=0.5)
    x = np.random.default_rng(0).normal(size=(16, 64, 3)).astype(np.float32)
    made = [np.asarray(Augmentation(**kinds, seed=seed)(x, training=True)) for seed in (0, 0, 1)]
    windows = make_windows(subjects=3)
    batch = np.arange(24)
    losses = []
    for of, held in (({}, gather.HELD_BYTES), ({}, 0), (kinds, gather.HELD_BYTES)):
        gather.HELD_BYTES = held
        training = Training(batch_size=len(batch), augment=of)
        trainer = (
            Workshop()
            .get(
                registry.get("cnn"),
                windows,
                batch,
                params={"dropout": 0.0},
                training=training,
                seed=0,
            )
            .trainer
        )
        given = fit.arrays(windows, batch, training)
        history = trainer.fit(**given, batch_size=len(batch), shuffle=False, verbose=0)
        losses.append(history.history["loss"][0])
    return keras.backend.backend(), x, made, losses


def averaged(_item, report):
    """Training losses without and with averaged weights; whether the samples are of the moment."""
    import keras

    from har.training.averaging import Average

    windows = make_windows(subjects=2)
    train = np.arange(len(windows))

    class Watched(Average):
        def step(self, batch):
            before = self.samples
            super().step(batch)
            if self.samples > before:
                seen.append(self.model.get_weights())

    losses = []
    for reach in (0.0, 2.0):
        seen = []
        with mock.patch("har.training.fit.Average", Watched):
            fitted = fit.fit(
                registry.get("cnn"), windows, train, train[:8],
                params={"filters": 8, "blocks": 2}, seed=0, temperature=1.0,
                training=Training(epochs=3, batch_size=4, average=reach),
            )  # fmt: skip
        losses.append(fitted.history["loss"])
    moved = [
        any((x != y).any() for x, y in zip(a, b, strict=True)) for a, b in itertools.pairwise(seen)
    ]
    return keras.backend.backend(), *losses, bool(moved) and all(moved)


def kept(item, report):
    """What jobs of each network come to, one after the other in a workshop; the last of those with
    one network also what they come to alone."""
    windows = make_windows(subjects=3)
    everyone = np.arange(len(windows))
    out = {}
    for name, params in item["models"].items():
        shared = Workshop()
        for seed, validation in enumerate(item["validation"]):
            split = np.split(np.roll(everyone, 7 * seed), [-validation])
            for how, where in (("kept", shared), ("alone", Workshop())):
                if how == "alone" and seed not in item["alone"]:
                    continue
                fitted = fit.fit(
                    registry.get(name), windows, *split, params=params, training=item["training"],
                    seed=seed, workshop=where,
                )  # fmt: skip
                out[name, how, seed] = {
                    "model": fitted.model,
                    "weights": fitted.model.get_weights(),
                    "probabilities": [fitted.predict(split[1])],
                    "history": fitted.history,
                }
                report(name)
    for job in out.values():
        job["model"] = id(job["model"])  # while all are there
    return out


def refuse(who, report):
    """Ask for a GPU where there is none."""
    from har.training.backend import Backend, check_process

    check_process(Backend("tensorflow", "gpu"), who)
