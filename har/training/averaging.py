"""The average of a network's weights over its last steps, which is what is scored and kept.

From one epoch to the next the score of people whom a network never saw goes up and down while its
loss falls smoothly: it wanders among weights that are as good for the people who train. Their
average is steadier.

References
----------
Polyak and Juditsky 1992, doi:10.1137/0330046. Izmailov and others 2018, "Averaging weights leads to
wider optima and better generalization", arXiv:1803.05407. Cha and others 2021, "SWAD: domain
generalization by seeking flat minima", arXiv:2102.08604.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

EVERY = 16
"""Steps from one sample of the weights to the next: TensorFlow takes as many at once. The last step
of an epoch gives a sample too."""


class Average:
    """An exponential average of all weights, those of batch normalisation's statistics too.

    It reaches back so many epochs: what was then weighs 1/e of what is now. Until there are as many
    samples, it is their plain mean; with 0 nothing is averaged. `trainer` is what is fitted, and
    shares its weights with `model`.
    """

    def __init__(self, model: Any, trainer: Any, epochs: float, steps_per_epoch: int) -> None:
        self.model, self.trainer = model, trainer
        self.reach = epochs * steps_per_epoch
        self.last = steps_per_epoch - 1
        self.samples = 0
        self.weights: list[np.ndarray] = []

    def step(self, batch: int) -> None:
        """After a batch, whose number in its epoch counts from 0."""
        batch = min(batch, self.last)  # TensorFlow counts a call of fewer steps as a whole one
        if not self.reach or ((batch + 1) % EVERY and batch != self.last):
            return
        if hasattr(self.trainer, "jax_state_sync"):  # on JAX weights are elsewhere while it trains
            self.trainer.jax_state_sync()
        now = self.model.get_weights()
        since = batch % EVERY + 1
        keeps = min(np.exp(-since / self.reach), self.samples / (self.samples + 1))
        if not self.samples:
            self.weights = [np.zeros_like(w) for w in now]
        for mean, w in zip(self.weights, now, strict=True):
            mean += (1 - keeps) * (w - mean)
        self.samples += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model with its average for weights; outside of it, training goes on as if nothing
        had been."""
        if not self.samples:
            yield
            return
        now = self.model.get_weights()
        self.model.set_weights(self.weights)
        try:
            yield
        finally:
            self.model.set_weights(now)
