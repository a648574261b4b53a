"""What `har search` may change, and a trial's values as a recipe.

A model says what may be tried of its parameters (`ModelSpec.space`); here is what networks have in
common. Only what leaves windows and people as they are: scores of different windows cannot be
compared.
"""

from __future__ import annotations

from typing import Any

from har.config import ModelConfig, Training
from har.errors import ConfigError
from har.models import registry
from har.models.ranges import Choice, Range, Real, Space, Value, Whole

TRAINING: Space = {
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


def space(model: str) -> Space:
    """What is searched for a model, by name: `model.filters`, `training.learning_rate`."""
    spec = registry.get(model)
    if not spec.space:
        able = [name for name in registry.names() if registry.get(name).space]
        raise ConfigError(
            f"No search space for the model {model!r}: its ModelSpec has none. There is one for: "
            f"{', '.join(able)}."
        )
    out = {f"model.{name}": r for name, r in spec.space.items()}
    return out | {f"training.{name}": r for name, r in TRAINING.items()} if spec.by_epochs else out


def suggest(trial: Any, name: str, values: Range) -> Value:
    """A value of the range, as an Optuna trial draws it."""
    match values:
        case Choice():
            return trial.suggest_categorical(name, values.options)
        case Whole():
            return int(trial.suggest_int(name, values.low, values.high, step=values.step))
        case Real():
            drawn = trial.suggest_float(name, values.low, values.high, log=values.log)
            # Two significant digits: nobody wants 0.0023847562 in a pipeline file.
            return float(f"{drawn:.2g}")


def own_values(model: ModelConfig, training: Training, of: Space) -> dict[str, Value]:
    """A pipeline's own values, as far as they are in a space."""
    recipe = training.model_dump()
    augment = recipe.pop("augment")
    own = {
        **{f"model.{k}": v for k, v in registry.get(model.name).resolve(model.params).items()},
        **{f"training.{k}": v for k, v in recipe.items()},
        **{f"training.augment.{k}": v for k, v in augment.items()},
    }
    return {name: own[name] for name, r in of.items() if r.has(own[name])}


def apply(model: ModelConfig, values: dict[str, Value]) -> tuple[ModelConfig, dict[str, Any]]:
    """A trial's values as a model and as what it changes of `training`."""
    params: dict[str, Any] = dict(model.params)
    training: dict[str, Any] = {}
    for name, value in values.items():
        part, _, key = name.partition(".")
        if part == "model":
            params[key] = value
        elif key.startswith("augment."):
            training.setdefault("augment", {})[key.removeprefix("augment.")] = value
        else:
            training[key] = value
    return model.model_copy(update={"params": params}), training


def recipe(training: Training, changes: dict[str, Any]) -> Training:
    """How a trial trains. Validation people score it, and are not to train in the end."""
    whole = training.model_dump()
    augment = {**whole["augment"], **changes.get("augment", {})}
    return Training.model_validate({**whole, "refit": False, **changes, "augment": augment})
