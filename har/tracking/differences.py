"""What one comparison of a pipeline has that another has not, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNSAID = {"name", "about"}
LISTED = 3


def flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A pipeline file's values by their whole key, such as `training.epochs`."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{before}{key}"
        if name in UNSAID:
            continue
        if isinstance(value, Mapping) and value:
            out |= flat(value, f"{name}.")
        elif name == "models":
            out |= {f"models.{m['label'] or m['name']}": m["params"] for m in value}
        else:
            out[name] = value
    return out


def said(other: Mapping[str, Any], this: Mapping[str, Any]) -> str:
    """What differs; where nothing does, that the data or the code do.

    Examples
    --------
    >>> said({"training.epochs": 15, "training.patience": 5}, {"training.epochs": 40})
    '40 epochs'
    >>> said({"models.lstm": {}}, {"models.cnn": {"filters": 8}})
    'with cnn (filters 8), without lstm'
    """
    models = [key for key in (*this, *other) if key.startswith("models.")]
    words = [
        _word(key, this[key])
        for key in this
        if key not in models and key not in CONSEQUENCES
        if other.get(key) != this[key] and this[key] is not None
    ]
    words += [
        f"with {_model(key, this[key])}"
        for key in this
        if key in models and other.get(key) != this[key]
    ]
    words += [f"without {key[7:]}" for key in other if key in models and key not in this]
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return ", ".join(words[:LISTED]) + more or "other data or code"


CONSEQUENCES = {"training.patience"}
"""Follow from another value."""


def _word(key: str, value: Any) -> str:
    last = key.rpartition(".")[2].replace("_", " ")
    if isinstance(value, list):
        return f"{last} {', '.join(map(str, value))}"
    counted = isinstance(value, int) and not isinstance(value, bool) and last.endswith("s")
    return f"{value} {last}" if counted else f"{last} {value}"


def _model(key: str, params: Mapping[str, Any]) -> str:
    how = ", ".join(f"{k} {v}" for k, v in params.items())
    return key[7:] + (f" ({how})" if how else "")
