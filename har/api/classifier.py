"""`har.ActivityClassifier`: any model of the registry as a classifier of scikit-learn."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data

from har.api.arrays import as_windows
from har.config import Training
from har.errors import InputError
from har.export.writer import choose_golden
from har.files import write_json
from har.models import registry
from har.quiet import quiet
from har.signal.windows import Windows
from har.training import splits
from har.training.classical import Classical, fit_classical
from har.training.fit import PREDICT_BATCH, Fitted, fit

SCHEMA = "har/classifier/1"
ABOUT, NETWORK, TREES, PROBE = "classifier.json", "model.keras", "model.skops", "probe.npz"

TRUSTED = ("sklearn.tree._tree.Tree",)
"""What skops may build of a stored classifier beside what it trusts itself."""

N_PROBED = 256
"""Windows of the fit, of every class, that are kept to hold an export to the model."""

OPTIONS = ("steps", "epochs", "batch_size", "learning_rate", "class_weights", "augment", "patience")
"""Those of a pipeline file's section `training`, under the same names."""


class ActivityClassifier(ClassifierMixin, BaseEstimator):
    """A model of the registry on windows of acceleration.

    Parameters
    ----------
    model : str
        Name of the model, as `har models` lists it.
    channels : str, optional
        Input of a network: raw, magnitude, split, split_magnitude or vertical. The default is the
        model's own.
    params : mapping, optional
        Other parameters of the model, such as `{"units": 32}`.
    steps, epochs : int, optional
        Training budget, in one of the two. The default is that of a pipeline file.
    batch_size : int, optional
        As in a pipeline file's section `training`; None is its default.
    learning_rate : float, optional
        As in a pipeline file's section `training`.
    class_weights : str, optional
        As in a pipeline file's section `training`.
    augment : mapping, optional
        As in a pipeline file's section `training`.
    patience : int, optional
        As in a pipeline file's section `training`.
    validation : float
        With `groups`: the share of people who are used to choose the epoch and to calibrate, not
        to train.
    seed : int
        Random seed. The same seed on the same machine gives the same model.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Classes, in the order of the probabilities.
    n_features_in_ : int
        Number of values in a window: T · 3.
    window_shape_ : (int, int)
        Shape of a window: (T, 3).
    history_ : dict
        A list for each quantity, with an entry for each epoch; empty for a classical model.
    validation_groups_ : list
        Validation people; empty without `groups`.

    Examples
    --------
    >>> import har
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> cut = har.windows(har.load_dataset("watch"), overlap=0)
    >>> trees = har.ActivityClassifier("extra_trees", params={"trees": 20})
    >>> scores = cross_val_score(trees, cut.X, cut.y, groups=cut.subjects, cv=GroupKFold(2))
    >>> len(scores), bool(scores.mean() > 0.5)
    (2, True)
    """

    def __init__(
        self,
        model: str = "cnn",
        *,
        channels: str | None = None,
        params: Mapping[str, Any] | None = None,
        steps: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        class_weights: str | None = None,
        augment: Mapping[str, Any] | None = None,
        patience: int | None = None,
        validation: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.channels = channels
        self.params = params
        self.steps = steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.class_weights = class_weights
        self.augment = augment
        self.patience = patience
        self.validation = validation
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train the model on windows.

        Parameters
        ----------
        X : array, shape (n, T, 3) or (n, T · 3)
            Windows in m/s², in Android's sign; the rows of a window one after the other, if flat.
        y : array, shape (n,)
            Class of each window.
        groups : array, shape (n,), optional
            Person of each window. A share of the people is then used to choose the epoch, and the
            others to train. Without it the budget is fixed, and all windows are used to train.

        Returns
        -------
        ActivityClassifier
            The fitted classifier itself.

        Raises
        ------
        InputError
            If the arrays cannot be used: other shapes, values that are not finite, one class only,
            one person only.
        ConfigError
            If the model, a parameter or an option does not exist.
        """
        spec = registry.get(self.model)
        spec.require()
        training, params = self._training(), self._params()
        if y is None:
            raise InputError("fit requires y to be passed, but the target y is None.")
        with _as_input_error():
            X, y = self._taken(X, y)
            check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"A classifier needs two classes or more, got one class: {self.classes_.tolist()}."
            )
        people = None if groups is None else np.asarray(groups)
        if people is not None and people.shape != (len(X),):
            raise InputError(
                f"groups takes one value for each of the {len(X)} windows, got {people.shape}."
            )
        names = None if people is None else np.unique(people, return_inverse=True)[1].astype(str)
        windows = as_windows(X, self.classes_, labels=labels, people=names)
        spec.check_window(windows.n_samples, params)
        chosen = self._validating(windows, names)
        validates = np.isin(windows.subjects, chosen)
        how: dict[str, Any] = {"params": params, "training": training, "seed": self.seed}
        parts = np.flatnonzero(~validates), np.flatnonzero(validates)
        if spec.classical:
            self._keep(fit_classical(spec, windows, *parts, **how))
        else:
            with _own_chance(), quiet():
                self._keep(fit(spec, windows, *parts, **how))
        self.validation_groups_ = [] if people is None else np.unique(people[validates]).tolist()
        self.groups_ = [] if people is None else [str(p) for p in np.unique(people)]
        probed = choose_golden(labels, N_PROBED)
        self.probe_ = {"windows": X[probed], "labels": labels[probed].astype(np.int64)}
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array, shape (n, T, 3) or (n, T · 3)
            Windows as in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, k)
            Probabilities, in the order of `classes_`.

        Raises
        ------
        InputError
            If the windows are not of the length that was fitted, or contain values that are not
            finite.
        """
        check_is_fitted(self)
        with _as_input_error():
            X, _ = self._taken(X)
        if self.network_ is not None:
            p = self.network_.predict(X, batch_size=PREDICT_BATCH, verbose=0)
            return np.asarray(p, np.float32)
        assert self.classical_ is not None
        found: np.ndarray = self.classical_(as_windows(X, self.classes_), np.arange(len(X)))
        return found

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class of each window.

        Parameters
        ----------
        X : array, shape (n, T, 3) or (n, T · 3)
            Windows as in `fit`.

        Returns
        -------
        ndarray, shape (n,)
            A class for each window.
        """
        best = self.predict_proba(X).argmax(axis=1)
        named: np.ndarray = self.classes_[best]
        return named

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted classifier into a folder, without pickles.

        Parameters
        ----------
        folder : str or Path
            Folder to write into.

        Raises
        ------
        InputError
            If its classes are not JSON values, or its library's models need pickles.
        """
        check_is_fitted(self)
        path = Path(folder)
        about = {
            "schema": SCHEMA,
            "parameters": self.get_params(),
            "classes": self.classes_.tolist(),
            "dtype": self.classes_.dtype.str,
            "window_shape": list(self.window_shape_),
            "validation_groups": self.validation_groups_,
            "groups": self.groups_,
            "history": self.history_,
            "temperature": self.temperature_,
        }
        try:
            json.dumps(about)
        except TypeError as e:
            raise InputError(f"Classes and parameters must be JSON values to be saved: {e}") from e
        path.mkdir(parents=True, exist_ok=True)
        if self.network_ is not None:
            self.network_.save(path / NETWORK)
        else:
            import skops.io

            assert self.classical_ is not None
            content = skops.io.dumps(self.classical_.classifier)
            if foreign := set(skops.io.get_untrusted_types(data=content)) - {*TRUSTED}:
                raise InputError(
                    f"{self.model} cannot be saved without pickles: it holds {min(foreign)}."
                )
            (path / TREES).write_bytes(content)
        np.savez(path / PROBE, **self.probe_)
        write_json(path / ABOUT, about)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; nothing in it is executed.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        ActivityClassifier
            The fitted classifier.

        Raises
        ------
        InputError
            If the folder was not written by `save`.
        """
        path = Path(folder)
        if not (path / ABOUT).is_file():
            raise InputError(f"No {ABOUT} in {path}. `save` of an ActivityClassifier writes one.")
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        if about.get("schema") != SCHEMA:
            raise InputError(f"{path / ABOUT} has schema {about.get('schema')!r}, not {SCHEMA!r}.")
        made = cls(**about["parameters"])
        made.classes_ = np.array(about["classes"], dtype=np.dtype(about["dtype"]))
        made.window_shape_ = tuple(about["window_shape"])
        made.n_features_in_ = made.window_shape_[0] * 3
        made.validation_groups_, made.groups_ = about["validation_groups"], about["groups"]
        made.history_, made.temperature_ = about["history"], about["temperature"]
        made.network_ = made.classical_ = None
        with np.load(path / PROBE) as f:
            made.probe_ = {name: f[name] for name in ("windows", "labels")}
        if (path / NETWORK).is_file():
            from har.models.saved import load_model

            made.network_ = load_model(path / NETWORK)
        else:
            import skops.io

            channels = registry.get(made.model).resolve(made._params()).get("channels")
            trees = skops.io.load(path / TREES, trusted=[*TRUSTED])
            made.classical_ = Classical(trees, channels, made.temperature_)
        return made

    def export(
        self, folder: str | os.PathLike[str], *, rate_hz: float, overlap: float = 0.5,
        gravity: Literal["present", "removed"] = "present", placement: str = "",
    ) -> None:  # fmt: skip
        """Write a bundle for a phone, its files checked against the fitted network.

        Parameters
        ----------
        folder : str or Path
            Folder to write; it must be empty or not exist.
        rate_hz : float
            Sampling rate of the fitted windows.
        overlap : float
            Overlap of windows when the bundle predicts a recording.
        gravity : {'present', 'removed'}
            Whether gravity was in the windows.
        placement : str
            Where the sensor was worn.

        Raises
        ------
        ExportError
            If the model cannot be exported, or a file does not do what the network does.

        Examples
        --------
        >>> model.export("mine", rate_hz=50)             # doctest: +SKIP
        >>> har.Bundle.open("mine").predict("walk.csv")  # doctest: +SKIP
        """
        from har.api import shipment

        check_is_fitted(self)
        fitted = shipment.Fit(
            model=self.model,
            params=self._params(),
            network=self.network_,
            classes=self.classes_,
            people=tuple(self.groups_),
            epochs=len(self.history_.get("loss", ())) or None,
            seed=self.seed,
            **self.probe_,
        )
        shipment.write(
            fitted, Path(folder), rate_hz=rate_hz, overlap=overlap, gravity=gravity,
            placement=placement,
        )  # fmt: skip

    def _training(self) -> Training:
        from har import pipeline_file

        values = {name: getattr(self, name) for name in OPTIONS}
        said = {name: dict(v) if isinstance(v, Mapping) else v for name, v in values.items()
                if v is not None}  # fmt: skip
        whole = {"name": "own", "dataset": "watch", "models": [self.model],
                 "training": {**said, "seeds": [self.seed]}}  # fmt: skip
        return pipeline_file.parse(whole, where="ActivityClassifier").training

    def _params(self) -> dict[str, Any]:
        channels = {} if self.channels is None else {"channels": self.channels}
        return {**channels, **(self.params or {})}

    def _taken(self, X: Any, y: Any = None) -> tuple[np.ndarray, Any]:
        """Windows as float32 of shape (n, T, 3), and labels; a `ValueError` for what is neither."""
        fresh = y is not None
        if isinstance(X, (list, tuple)):
            X = np.asarray(X)
        if getattr(X, "ndim", 2) == 3:
            options: dict[str, Any] = {"dtype": np.float32, "allow_nd": True}
            X, y = check_X_y(X, y, **options) if fresh else (check_array(X, **options), None)
            if X.shape[2] != 3:
                raise InputError(
                    f"Windows are (n, T, 3): x, y and z at each instant; got {X.shape}."
                )
            if fresh:
                self.n_features_in_ = X.shape[1] * 3
        elif fresh:
            X, y = validate_data(self, X, y, dtype=np.float32)
            X = self._unfolded(X)
        else:
            X = self._unfolded(validate_data(self, X, dtype=np.float32, reset=False))
        if fresh:
            self.window_shape_ = X.shape[1:]
        elif X.shape[1:] != self.window_shape_:
            raise InputError(
                f"Fitted on windows of {self.window_shape_[0]} samples, got {X.shape[1]}. Cut them "
                "with the same length and rate."
            )
        return X, y

    def _unfolded(self, X: np.ndarray) -> np.ndarray:
        """Flat windows as (n, T, 3)."""
        if X.shape[1] % 3:
            raise InputError(
                f"Flat windows have T · 3 values, x, y and z of each instant in turn; got "
                f"{X.shape[1]}, which is no multiple of 3."
            )
        return X.reshape(len(X), -1, 3)

    def _validating(self, windows: Windows, people: np.ndarray | None) -> list[str]:
        """The people who choose the epoch."""
        if people is None:
            return []
        if not 0 < self.validation < 1:
            raise InputError(f"validation is a share between 0 and 1, got {self.validation}.")
        n = len(set(people.tolist()))
        if n < 2:
            raise InputError(
                "groups has one person only: nobody is left to choose the epoch. Fit without "
                "groups, or with more people."
            )
        parts = min(max(2, round(1 / self.validation)), n)
        return splits.validation_people(windows, np.arange(len(windows)), parts, self.seed)

    def _keep(self, fitted: Fitted) -> None:
        self.network_, self.classical_ = fitted.model, fitted.classical
        self.history_, self.temperature_ = fitted.history, fitted.temperature


@contextmanager
def _as_input_error() -> Iterator[None]:
    """What scikit-learn says of arrays, as an error of this package."""
    try:
        yield
    except InputError:
        raise
    except ValueError as e:
        raise InputError(str(e)) from e


@contextmanager
def _own_chance() -> Iterator[None]:
    """Training seeds the global generators; the caller's go on as if nothing had happened."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002
