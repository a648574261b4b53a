"""`ModelSpec`: what the registry knows of a model."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from har.errors import ConfigError, did_you_mean
from har.models.ranges import Choice, Space
from har.signal.conditioning import N_CHANNELS, check_kind

Body = Callable[..., Any]

INPUT_NAME = "acceleration"
"""Of every model's input, in Keras and in the files that ship."""


@dataclass(frozen=True)
class ModelSpec:
    """An architecture.

    Parameters
    ----------
    name, summary, paper : str
        As pipeline files say it; when to use it, in a line; whose it is.
    body : callable
        `body(x, **params)`: from a Keras tensor (batch, T, channels) to features (batch, n); or,
        for a classical model, `body(**params)`: a scikit-learn classifier of what it `eats`.
        Its keyword arguments, with their defaults, are the model's parameters.
    weights : callable, optional
        `weights(steps, channels, **params)`: the closed form of (weights of the body, features n).
    shortest : callable, optional
        `shortest(**params)`: filtered samples of the shortest window that it can take; 1 if left
        out.
    module : str
        Where it is, for the code version of its jobs; in another package too.
    classical : bool
        Not a network: cannot be exported.
    eats : {'features', 'windows'}
        What a classical model is given: `har.signal.features`, or `har.signal.inputs.Conditioned`
        windows, whose channels are then one of its parameters.
    extra : str
        The extra of this package that brings the `packages` it needs.
    solve : callable, optional
        `solve(model, inputs, labels, weights, seed)` for a network whose weights are found in one
        go, not by epochs: see `har.models.rocket.solve`.
    packages : tuple of str
        Not among what every installation has; their versions are part of its jobs' keys.
    layers : str
        The module that registers layers of its own with Keras, so that a saved model can be loaded.
    space : mapping of ranges
        What `har search` tries of each parameter; none: it cannot be searched.
    faster_on_jax : bool
        `training.backend: auto` trains it on JAX, where that is installed, if the job is long
        (`har.training.backend.LONG`). True for whatever recurs: `make bench` checks it against what
        is measured (reports/training-speed.md).
    """

    name: str
    summary: str
    paper: str
    body: Body
    weights: Callable[..., tuple[int, int]] | None
    module: str
    classical: bool = False
    eats: Literal["features", "windows"] = "features"
    extra: str = ""
    packages: tuple[str, ...] = ()
    solve: Callable[..., None] | None = None
    layers: str = ""
    shortest: Callable[..., int] | None = None
    space: Space = field(default_factory=dict)
    faster_on_jax: bool = False

    @property
    def exportable(self) -> bool:
        return not self.classical

    @property
    def by_epochs(self) -> bool:
        """Whether gradient descent trains it."""
        return not self.classical and self.solve is None

    @property
    def defaults(self) -> dict[str, Any]:
        signature = inspect.signature(self.body).parameters.values()
        own = {p.name: p.default for p in signature if p.default is not inspect.Parameter.empty}
        return own if self.classical else {"channels": "raw", **own}

    def resolve(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, with those of a pipeline file in place of the defaults.

        Raises
        ------
        ConfigError
            For a parameter that the model does not have, or a value that it cannot take.
        """
        defaults = self.defaults
        for key, value in params.items():
            if key not in defaults:
                raise ConfigError(
                    f"models: {self.name} has no parameter {key!r}{did_you_mean(key, defaults)} "
                    f"It has: {', '.join(defaults)}."
                )
            wanted = type(defaults[key])
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (isinstance(value, wanted) or (wanted is float and number)):
                raise ConfigError(
                    f"models: {self.name}.{key} must be a {wanted.__name__} such as "
                    f"{defaults[key]!r}, got {value!r}."
                )
            known = self.space.get(key)
            if wanted is str and isinstance(known, Choice) and not known.has(value):
                raise ConfigError(
                    f"models: {self.name}.{key} must be one of {', '.join(map(str, known.options))}"
                    f"{did_you_mean(value, map(str, known.options))} Got {value!r}."
                )
            if wanted is int and value < 1:
                raise ConfigError(f"models: {self.name}.{key} must be at least 1, got {value!r}.")
        resolved = {**defaults, **params}
        if not self.classical or self.eats == "windows":
            check_kind(resolved["channels"])
        return resolved

    def require(self) -> None:
        """Refuse a model whose library is not there, with the command that installs it."""
        lacking = [p for p in self.packages if importlib.util.find_spec(p) is None]
        if lacking:
            raise ConfigError(
                f"models: {self.name} needs {' and '.join(lacking)}, which this installation does "
                f"not have. Run: pip install 'har-accelerometer[{self.extra}]'"
            )

    def check_window(self, steps: int, params: Mapping[str, Any]) -> None:
        """Refuse windows that are too short for the model.

        Parameters
        ----------
        steps : int
            Filtered samples of a window.

        Raises
        ------
        ConfigError
            With both numbers.
        """
        resolved = self.resolve(params)
        least = self.shortest(**resolved) if self.shortest else 1
        if steps < least:
            raise ConfigError(
                f"models: {self.name} needs windows of {least} samples or more with these "
                f"parameters, but they have {steps}. Take longer windows (windows.length_s), a "
                "higher signal.rate_hz, or a smaller model."
            )

    def n_parameters(self, steps: int, classes: int, params: Mapping[str, Any]) -> int | None:
        """Trainable weights by the closed form, for windows of so many filtered samples; None where
        there is none."""
        if self.weights is None:
            return None
        resolved = self.resolve(params)
        kind = resolved.pop("channels")
        body, features = self.weights(steps, N_CHANNELS[kind], **resolved)
        return body + (features + 1) * classes

    def build(
        self,
        window_shape: tuple[int, int],
        classes: int,
        *,
        taps: Any,
        params: Mapping[str, Any] | None = None,
        mean: Any = None,
        std: Any = None,
    ) -> Any:
        """A Keras model from raw m/s² to probabilities.

        Parameters
        ----------
        window_shape : (int, int)
            (n_raw, 3): the window with the filter's lead-in.
        classes : int
        taps : array of float, shape (n_taps,)
        params : mapping, optional
        mean, std : array, shape (channels,), optional
            Of the training windows; the identity if left out.

        Returns
        -------
        keras.Model
            Input `INPUT_NAME`, output `probabilities` (batch, classes).
        """
        import keras

        from har.models.input_layers import FIR, Channels, Standardize

        resolved = self.resolve(params or {})
        kind = resolved.pop("channels")
        inputs = keras.Input(shape=window_shape, dtype="float32", name=INPUT_NAME)
        x = FIR(taps, name="fir")(inputs) if len(taps) > 1 else inputs
        if kind != "raw":
            x = Channels(kind, name="channels")(x)
        standardize = Standardize(name="standardize")
        x = standardize(x)
        if mean is not None:
            standardize.mean.assign(mean)
            standardize.std.assign(std)
        x = self.body(x, **resolved)
        outputs = keras.layers.Dense(classes, activation="softmax", name="probabilities")(x)
        return keras.Model(inputs, outputs, name=self.name)
