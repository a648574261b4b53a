"""The models by name. Others add theirs with an entry point, or with `register`.

[project.entry-points."har.models"]
mine = "my_package.my_model:SPEC"
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from har.errors import ConfigError, did_you_mean
from har.models.spec import ModelSpec

CHANGES_NO_RESULT = True

# By name, so that the code version of one model's jobs does not contain the others' sources.
_OWN = {
    "lstm": "har.models.recurrent:LSTM",
    "bilstm": "har.models.recurrent:BILSTM",
    "gru": "har.models.recurrent:GRU",
    "bigru": "har.models.recurrent:BIGRU",
    "simple_rnn": "har.models.recurrent:SIMPLE_RNN",
    "stacked_lstm": "har.models.recurrent:STACKED_LSTM",
    "peephole_lstm": "har.models.peephole_lstm:SPEC",
    "cnn": "har.models.cnn:SPEC",
    "conv_lstm": "har.models.conv_lstm:SPEC",
    "gru_fcn": "har.models.gru_fcn:SPEC",
    "inception": "har.models.inception:SPEC",
    "tiny": "har.models.tiny:SPEC",
    "tinyhar": "har.models.tinyhar:SPEC",
    "rocket": "har.models.rocket:SPEC",
    "extra_trees": "har.models.extra_trees:SPEC",
    "minirocket": "har.models.minirocket:SPEC",
}
_registered: dict[str, ModelSpec] = {}


def register(spec: ModelSpec) -> ModelSpec:
    """Add a model from Python. Worker processes must import the module that does so: prefer an
    entry point."""
    if spec.name in names():
        raise ConfigError(f"A model named {spec.name!r} exists; choose another name.")
    _registered[spec.name] = spec
    return spec


@cache
def _entry_points() -> dict[str, str]:
    return {e.name: e.value for e in entry_points(group="har.models")}


def import_layers() -> None:
    """Have Keras know every layer that a saved model may have."""
    importlib.import_module("har.models.input_layers")
    for name in names():
        if layers := get(name).layers:
            importlib.import_module(layers)


def names() -> list[str]:
    return [*_OWN, *_entry_points(), *_registered]


def get(name: str) -> ModelSpec:
    """The model of that name.

    Raises
    ------
    ConfigError
        With the nearest name that exists.
    """
    if name in _registered:
        return _registered[name]
    where = _OWN.get(name) or _entry_points().get(name)
    if where is None:
        raise ConfigError(
            f"models: no model {name!r}{did_you_mean(name, names())} Known: {', '.join(names())}."
        )
    module, _, attribute = where.partition(":")
    spec = getattr(importlib.import_module(module), attribute)
    if not isinstance(spec, ModelSpec) or spec.name != name:
        raise ConfigError(f"{where} must be a ModelSpec named {name!r}, got {spec!r}.")
    return spec


def rows(steps: int, classes: int) -> list[dict[str, Any]]:
    """What is known of each model, as plain JSON values; nothing heavy is imported.

    Parameters are counted for windows of so many filtered samples and so many activities.
    """
    return [
        {
            "name": spec.name,
            "parameters": spec.n_parameters(steps, classes, {}),
            "exportable": spec.exportable,
            "extra": spec.extra or None,
            "summary": spec.summary,
            "paper": spec.paper,
            "defaults": spec.defaults,
            "space": {name: str(values) for name, values in spec.space.items()},
        }
        for spec in map(get, names())
    ]
