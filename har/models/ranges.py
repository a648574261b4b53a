"""What a search may try for a parameter: the words in which a model says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from har.signal.conditioning import N_CHANNELS

CHANGES_NO_RESULT = True

Value = str | int | float


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: tuple[Value, ...]

    def has(self, value: Any) -> bool:
        return value in self.options

    def __str__(self) -> str:
        return ", ".join(map(str, self.options))


@dataclass(frozen=True)
class Whole:
    """An integer of a range, ends included."""

    low: int
    high: int
    step: int = 1

    def has(self, value: Any) -> bool:
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Real:
    """A number of a range; `log` where its order of magnitude is what matters."""

    low: float
    high: float
    log: bool = False

    def has(self, value: Any) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


Range = Choice | Whole | Real
Space = Mapping[str, Range]
"""By parameter."""

MEANING = {
    "channels": "what is computed from x, y and z as input",
    "units": "size of the recurrent state",
    "layers": "stacked recurrent layers",
    "front": "convolutions before them: of each axis, or of all together",
    "filters": "filters of each convolution",
    "frame": "samples, or outputs of the front, in one time step",
    "head": "how the states of all time steps are combined",
    "kernel": "length of each convolution",
    "blocks": "convolutions, each of which halves the number of time steps",
    "dropout": "share of the features that is dropped in training",
    "shares": "features of each of the 84 kernels",
    "modules": "inception modules",
    "bottleneck": "channels before each module",
    "trees": "trees in the forest",
    "min_leaf": "smallest number of windows in a leaf",
    "kernels": "random convolutions",
}
"""Of the parameters, in a line, for `har models`."""

CHANNELS = Choice(tuple(N_CHANNELS))
DROPOUT = Real(0.0, 0.6)
KERNEL = Choice((3, 5, 7, 9, 11))
RECURRENT: Space = {
    "channels": CHANNELS,
    "units": Whole(32, 128, 16),
    "layers": Whole(1, 2),
    "front": Choice(("none", "axes", "joint")),
    "filters": Whole(12, 32, 4),
    "frame": Choice((1, 2, 4, 8)),
    "head": Choice(("last", "mean", "max", "mean_max", "attention")),
    "dropout": DROPOUT,
}
