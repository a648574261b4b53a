"""The registry's architectures on the lectures' inputs: the same code as on accelerometer data."""

from __future__ import annotations

from typing import Any

from har.models import registry

# Textbook form: one sample a step, nothing below, no dropout.
PLAIN: dict[str, Any] = {"front": "none", "frame": 1, "dropout": 0.0}


def body(name: str, x: Any, **params: Any) -> Any:
    """The features that a model of the registry makes of a Keras tensor (batch, steps, channels).

    Parameters
    ----------
    name : str
        As `har models` lists it.
    **params
        In place of the textbook form's: `units=32`.
    """
    spec = registry.get(name)
    known = {k: v for k, v in {**PLAIN, **params}.items() if k in spec.defaults}
    return spec.body(x, **known)
