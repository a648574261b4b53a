"""What `har search` may change, by model: the one place where it is written.

Only what leaves windows and people as they are: scores of different windows cannot be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from har.errors import ConfigError
from har.signal.conditioning import N_CHANNELS

Value = str | int | float


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: tuple[Value, ...]

    def has(self, value: Any) -> bool:
        return value in self.options

    def suggest(self, trial: Any, name: str) -> Value:
        value: Value = trial.suggest_categorical(name, self.options)
        return value


@dataclass(frozen=True)
class Whole:
    """An integer of a range, ends included."""

    low: int
    high: int
    step: int = 1

    def has(self, value: Any) -> bool:
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def suggest(self, trial: Any, name: str) -> Value:
        return int(trial.suggest_int(name, self.low, self.high, step=self.step))


@dataclass(frozen=True)
class Real:
    """A number of a range; `log` where its order of magnitude is what matters."""

    low: float
    high: float
    log: bool = False

    def has(self, value: Any) -> bool:
        return self.low <= value <= self.high

    def suggest(self, trial: Any, name: str) -> Value:
        # Two significant digits: nobody wants 0.0023847562 in a pipeline file.
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.2g}")


Range = Choice | Whole | Real
CHANNELS = Choice(tuple(N_CHANNELS))
DROPOUT = Real(0.0, 0.6)
_CELLS: dict[str, Range] = {
    "channels": CHANNELS,
    "units": Whole(32, 128, 16),
    "frame": Choice((1, 2, 4, 8)),
    "dropout": DROPOUT,
}

MODELS: dict[str, dict[str, Range]] = {
    "lstm": _CELLS,
    "bilstm": _CELLS,
    "gru": _CELLS,
    "simple_rnn": _CELLS,
    "stacked_lstm": {**_CELLS, "layers": Whole(2, 3)},
    "peephole_lstm": _CELLS,
    "cnn": {
        "channels": CHANNELS,
        "filters": Whole(32, 128, 16),
        "kernel": Choice((3, 5, 7, 9, 11)),
        "blocks": Whole(2, 4),
        "dropout": DROPOUT,
    },
    "conv_lstm": {
        "channels": CHANNELS,
        "filters": Whole(32, 96, 16),
        "kernel": Choice((3, 5, 7, 9, 11)),
        "units": Whole(32, 128, 16),
        "dropout": DROPOUT,
    },
    "gru_fcn": {
        **_CELLS,
        "filters": Whole(32, 128, 16),
        "kernel": Choice((3, 5, 7, 9, 11)),
    },
    "inception": {
        "channels": CHANNELS,
        "filters": Whole(16, 48, 8),
        "modules": Whole(2, 4),
        "bottleneck": Whole(16, 48, 8),
        "dropout": DROPOUT,
    },
    "tiny": {
        "channels": CHANNELS,
        "filters": Whole(16, 48, 8),
        "kernel": Choice((5, 7, 9, 11)),
        "blocks": Whole(2, 4),
        "dropout": Real(0.0, 0.3),
    },
    "extra_trees": {"trees": Whole(100, 500, 100), "min_leaf": Whole(1, 8)},
    "minirocket": {"channels": CHANNELS},
    "rocket": {"channels": CHANNELS, "shares": Whole(8, 48, 4)},
}
"""Parameters of the models."""

TRAINING: dict[str, Range] = {
    "learning_rate": Real(3e-4, 1e-2, log=True),
    "batch_size": Choice((32, 64, 128)),
    "weight_decay": Choice((0.0, 1e-4, 1e-3, 1e-2)),
    "label_smoothing": Choice((0.0, 0.05, 0.1)),
    "augment.rotate_deg": Choice((0.0, 5.0, 10.0, 20.0)),
    "augment.scale": Choice((0.0, 0.05, 0.1, 0.2)),
    "augment.jitter": Choice((0.0, 0.1, 0.3)),
    "augment.warp": Choice((0.0, 0.1, 0.2)),
    "augment.turn": Choice((0.0, 0.5)),
    "augment.mirror": Choice((0.0, 0.5)),
}
"""Of the part `training` of a pipeline file, for networks that are trained by epochs."""


def space(model: str, *, by_epochs: bool) -> dict[str, Range]:
    """What is searched for a model, by name: `model.filters`, `training.learning_rate`.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if model not in MODELS:
        raise ConfigError(
            f"No search space for the model {model!r}. There is one for: {', '.join(MODELS)}."
        )
    out = {f"model.{name}": r for name, r in MODELS[model].items()}
    return out | {f"training.{name}": r for name, r in TRAINING.items()} if by_epochs else out
