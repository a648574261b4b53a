"""Which of Keras' backends trains a model: a process has one, set before Keras is imported.

What ships is TensorFlow's in any case: a saved Keras model is weights and a description, and the
same weights give the same probabilities on both (a test holds every network to it).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from har import fanout
from har.code import versions
from har.errors import ConfigError, TrainingError
from har.models import registry

CHANGES_NO_RESULT = True

TENSORFLOW, JAX = "tensorflow", "jax"
CPU, GPU = "cpu", "gpu"
WISHES = ("backend", "device", "jobs_per_gpu")
"""Of a training, what changes no result by itself: what it comes to here does."""


@dataclass(frozen=True)
class Backend:
    """What trains a network, and where."""

    name: str
    device: str = CPU


LONG = 100_000
"""Windows of a data set times epochs from which `auto` takes JAX for a network that gains by it.

JAX compiles for some seconds in each process, which jobs on a small set do not win back: `watch`
with five epochs (18,000) takes longer on it (reports/training-speed.md). A step saves 0.05 to
0.1 ms for each window, so that 100,000 win the seconds back.
"""


def jax_installed() -> bool:
    """Found without importing it."""
    return all(importlib.util.find_spec(name) is not None for name in ("jax", "jaxlib"))


def jax_on_gpu() -> bool:
    """Whether JAX's part for NVIDIA's GPUs is installed."""
    names = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    return jax_installed() and any(importlib.util.find_spec(name) for name in names)


def choose(wanted: str, model: str, *, device: str = "auto", passes: int = LONG) -> Backend | None:
    """The backend that trains a model, and where; None for a classical one.

    Parameters
    ----------
    wanted : str
        `training.backend`: auto, tensorflow or jax.
    model : str
        Its name in the registry.
    device : str
        `training.device`: auto, cpu or gpu.
    passes : int
        Windows of all people, times the epochs of the recipe: the same for all folds and for the
        final fit, which are then trained alike.

    Raises
    ------
    ConfigError
        If JAX is asked for and is not installed.

    Notes
    -----
    Whether there is a GPU is not asked here: a cluster's workers may have one, and what a GPU
    trained is found again without it. A job that finds none where it should train fails.
    """
    spec = registry.get(model)
    if spec.classical:
        return None
    if device == GPU:
        if wanted == "auto":
            wanted = JAX if jax_on_gpu() else TENSORFLOW
        return Backend(wanted, GPU)
    if wanted == "auto":
        pays = spec.faster_on_jax and passes >= LONG
        return Backend(JAX if pays and jax_installed() else TENSORFLOW)
    if wanted == JAX and not jax_installed():
        raise ConfigError(
            "training.backend is jax, which is not installed here. Install it "
            "(pip install 'har-accelerometer[jax]'), or set training.backend to auto or tensorflow."
        )
    return Backend(wanted)


def described(backend: Backend | None) -> dict[str, str] | None:
    """A backend for a job's key: JAX with its versions (TensorFlow's stand in the code version),
    and the device, unless it is the processor."""
    if backend is None:
        return None
    known = versions(("jax", "jaxlib")) if backend.name == JAX else {}
    return {"name": backend.name, **known} | ({"device": GPU} if backend.device == GPU else {})


def environment(backend: Backend | None) -> dict[str, str]:
    """Of a process that trains on it."""
    if backend is None:
        return fanout.ONE_THREAD
    base = fanout.ON_A_GPU if backend.device == GPU else fanout.ONE_THREAD
    return base | {"KERAS_BACKEND": backend.name}


def check_process(backend: Backend, who: str) -> None:
    """Refuse a process that is not what `environment` makes.

    Raises
    ------
    TrainingError
        If Keras runs on something else, or no GPU is found where there should be one.
    """
    import keras

    if (here := keras.backend.backend()) != backend.name:
        raise TrainingError(
            f"{who} trains on {backend.name}, but Keras runs on {here} in this process. Start "
            f"one with KERAS_BACKEND={backend.name}, or set training.backend to {here}."
        )
    if backend.device == GPU and not keras.distribution.list_devices("gpu"):
        raise TrainingError(
            f"{who}: {backend.name} finds no GPU. It needs its part for CUDA (pip install "
            f"'{'jax[cuda13]' if backend.name == JAX else 'tensorflow[and-cuda]'}'); or set "
            "training.device to cpu."
        )
