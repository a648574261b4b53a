"""Which of Keras' backends trains a model: a process has one, set before Keras is imported.

What ships is TensorFlow's in any case: a saved Keras model is weights and a description, and the
same weights give the same probabilities on both (a test holds every network to it).
"""

from __future__ import annotations

import importlib.util

from har.code import versions
from har.errors import ConfigError
from har.models import registry

CHANGES_NO_RESULT = True

TENSORFLOW, JAX = "tensorflow", "jax"

LONG = 100_000
"""Windows of a data set times epochs from which `auto` takes JAX for a network that gains by it.

JAX compiles for some seconds in each process, which jobs on a small set do not win back: `watch`
with five epochs (18,000) takes longer on it (reports/training-speed.md). A step saves 0.05 to
0.1 ms for each window, so that 100,000 win the seconds back.
"""


def jax_installed() -> bool:
    """Found without importing it."""
    return all(importlib.util.find_spec(name) is not None for name in ("jax", "jaxlib"))


def choose(wanted: str, model: str, *, passes: int = LONG) -> str | None:
    """The backend that trains a model: tensorflow or jax; None for a classical one.

    Parameters
    ----------
    wanted : str
        `training.backend`: auto, tensorflow or jax.
    model : str
        Its name in the registry.
    passes : int
        Windows of all people, times the epochs of the recipe: the same for all folds and for the
        final fit, which are then trained alike.

    Raises
    ------
    ConfigError
        If JAX is asked for and is not installed.
    """
    spec = registry.get(model)
    if spec.classical:
        return None
    if wanted == "auto":
        pays = spec.faster_on_jax and passes >= LONG
        return JAX if pays and jax_installed() else TENSORFLOW
    if wanted == JAX and not jax_installed():
        raise ConfigError(
            "training.backend is jax, which is not installed here. Install it "
            "(pip install 'har-accelerometer[jax]'), or set training.backend to auto or tensorflow."
        )
    return wanted


def described(backend: str | None) -> dict[str, str] | None:
    """A backend for a job's key: JAX with its versions (TensorFlow's stand in the code version)."""
    if backend is None:
        return None
    return {"name": backend, **(versions(("jax", "jaxlib")) if backend == JAX else {})}
