"""Fits what a bundle carries to notice the unfamiliar: `har.runtime.familiarity`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.errors import ExportError
from har.export import outputs
from har.export.shipping import Shipped
from har.fanout import Crew
from har.runtime.familiarity import Ruler
from har.signal import window_files
from har.signal.windows import Windows
from har.training.job_files import Predictions

N_FITTED = 4000
"""Windows of training people that it is fitted on, at most."""

MOST = 64
"""Features that are used, at most."""

SHARE = 0.1
"""Of the model's file that it may take, at most."""


def n_features(file_bytes: int, k: int) -> int:
    """How many features may be used with k activities: their means and a triangle fit into `SHARE`
    of the model's file."""
    numbers = SHARE * file_bytes * 3 / 16  # base64 of 4 bytes each
    q = (-(2 * k + 1) + np.sqrt((2 * k + 1) ** 2 + 8 * numbers)) / 2
    return int(min(MOST, q))


def fit(features: np.ndarray, labels: np.ndarray, k: int, q: int) -> Ruler | None:
    """A mean for each of k activities, and one covariance for all, shrunk as Ledoit and Wolf do.

    Parameters
    ----------
    features : ndarray, shape (n, d)
        Of windows of training people.
    labels : ndarray of int64, shape (n,)
    q : int
        How many features are used: those from which the others can be told best, by a QR
        decomposition with pivoting.

    Returns
    -------
    Ruler or None
        None if no feature varies, or none may be used.

    References
    ----------
    Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4. Golub and Van Loan 2013, "Matrix
    computations", section 5.5.6: subset selection.
    """
    from scipy.linalg import qr
    from sklearn.covariance import LedoitWolf

    x = np.asarray(features, np.float64)
    spread = x.std(0)
    alive = np.flatnonzero(spread > 1e-6 * max(1.0, spread.max()))
    q = min(q, len(alive))
    if q < 1:
        return None
    x = x[:, alive] / spread[alive]
    (_, order) = qr(x - x.mean(0), mode="r", pivoting=True)
    used = np.sort(order[:q])
    x, spread, used = x[:, used], spread[alive][used], alive[used]
    known = np.flatnonzero(np.bincount(labels, minlength=k))
    means = np.stack([x[labels == i].mean(0) for i in known])
    residuals = x - means[np.searchsorted(known, labels)]
    precision = LedoitWolf(assume_centered=True).fit(residuals).precision_
    whitening = np.linalg.cholesky(precision / q) / spread[:, None]
    return Ruler(used, means * spread, whitening)


def ruler_of(network: Any, windows: Windows, index: np.ndarray, q: int) -> Ruler | None:
    """Fitted on windows at `index`, or some of them, as a network of both outputs sees them."""
    if len(index) > N_FITTED:
        index = np.sort(np.random.default_rng(0).choice(index, N_FITTED, replace=False))
    features = outputs.asked(network, windows.gather(index)).features
    return fit(features, windows.labels[index], len(windows.activities), q)


def measured(
    model: Shipped,
    predictions: Sequence[Predictions],
    windows: Windows,
    prepared: Path,
    q: int,
    crew: Crew,
) -> tuple[Ruler | None, list[np.ndarray]]:
    """The ruler of a model that ships, and its folds' validation windows by a ruler of their own.

    Validation people are measured by the models that they chose, which were never fitted to them.
    None, and no distances, if a model has no features to go by. `predictions` are the folds'.

    Raises
    ------
    ExportError
        If a model cannot be asked.
    """
    everyone = np.flatnonzero(np.isin(windows.subjects, model.trained_on.subjects))
    items = [(model.keras_files, prepared, everyone, everyone[:0], q)]
    for fold, p in zip(model.folds, predictions, strict=True):
        items.append((fold.choosers, prepared, p.train_index, p.validation_index, q))
    (ruler, _), *folds = fanout.values(
        crew.run(_measured, items, shared=prepared.parent.parent),
        lambda _, why: ExportError(f"{model.name} cannot be asked for its features: {why.reason}"),
    )
    if ruler is None or any(theirs is None for theirs, _ in folds):
        return None, []
    return ruler, [distances for _, distances in folds]


def _measured(item: tuple[Any, ...], _report: Any) -> tuple[Ruler | None, np.ndarray]:
    files, prepared, train, index, q = item
    windows, network = window_files.load(prepared), outputs.load(files)
    ruler = ruler_of(network, windows, train, q)
    if ruler is None or not len(index):
        return ruler, np.zeros(len(index))
    return ruler, ruler(outputs.asked(network, windows.gather(index)).features)
