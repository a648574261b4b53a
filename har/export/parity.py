"""Is the file that ships the model that was scored?

The reference is what Keras answered when the models were scored (stored with each fold), on people
whom that fold's model had never seen. A float32 file that differs ends the export; another variant
that differs too much does not ship, and the bundle says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from har.errors import ExportError
from har.evaluation import reliability

MAX_ABS_DIFF = 1e-4
"""The most by which a float32 probability may differ from Keras."""

DECIDED = 2e-4
"""Where the two largest probabilities are further apart, float32's label must be Keras's."""

MIN_AGREEMENT = 0.99
"""The smallest share of equal labels at which another variant ships."""


@dataclass(frozen=True)
class Parity:
    """How a converted model's answers compare with Keras's.

    `macro_f1` and `ece`, its expected calibration error, are the converted model's, None without
    labels. `flipped` counts windows whose label
    differs although the reference's two largest probabilities are more than `DECIDED` apart.
    """

    n_windows: int
    max_abs_diff: float
    mean_abs_diff: float
    label_agreement: float
    flipped: int
    not_finite: int
    macro_f1: float | None = None
    ece: float | None = None


def compare(
    reference: np.ndarray, converted: np.ndarray, labels: np.ndarray | None = None
) -> Parity:
    """Compare probabilities window by window.

    Parameters
    ----------
    reference, converted : ndarray of float32, shape (n, k)
        Of Keras and of the converted model, on the same windows.
    labels : ndarray of int64, shape (n,), optional
        What was done, for the macro-F1 (the mean over all k) and the calibration error after
        conversion.

    Raises
    ------
    ExportError
        If the shapes differ or there is nothing to compare.
    """
    if reference.shape != converted.shape or not len(reference):
        raise ExportError(
            f"Nothing to compare: Keras gave probabilities of shape {reference.shape}, "
            f"the converted model {converted.shape}."
        )
    finite = np.isfinite(converted).all(1)
    difference = np.abs(reference.astype(np.float64) - np.where(finite[:, None], converted, 1e9))
    theirs, ours = reference.argmax(1), converted.argmax(1)
    top = np.sort(reference, 1)[:, -2:]
    decided = top[:, 1] - top[:, 0] > DECIDED
    f1 = ece = None
    if labels is not None:
        from sklearn.metrics import f1_score

        classes = np.arange(reference.shape[1])
        f1 = float(f1_score(labels, ours, labels=classes, average="macro", zero_division=0))
        ece = reliability.error(np.where(finite, converted.max(1), 0.0), ours == labels)
    return Parity(
        n_windows=len(reference),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        label_agreement=float((ours == theirs).mean()),
        flipped=int((decided & (ours != theirs)).sum()),
        not_finite=int((~finite).sum()),
        macro_f1=f1,
        ece=ece,
    )


def why_not(variant: str, parity: Parity) -> str | None:
    """The reason why a variant must not ship, or None."""
    p = parity
    if p.not_finite:
        return f"{p.not_finite} of {p.n_windows} windows give values that are not finite"
    if variant == "float32":
        if p.max_abs_diff > MAX_ABS_DIFF:
            return (
                f"a probability differs from Keras by {p.max_abs_diff:.2g}, "
                f"more than {MAX_ABS_DIFF:g} ({p.n_windows} windows compared)"
            )
        if p.flipped:
            return f"the label differs from Keras in {p.flipped} of {p.n_windows} clear cases"
        return None
    if p.label_agreement < MIN_AGREEMENT:
        return (
            f"only {p.label_agreement:.2%} of {p.n_windows} windows keep their label, "
            f"{MIN_AGREEMENT:.0%} are required"
        )
    return None


def gate_features(keras: np.ndarray, converted: np.ndarray, *, what: str) -> None:
    """Stop a float32 model whose features are not those of the model that was scored.

    Parameters
    ----------
    keras, converted : ndarray of float32, shape (n, d)

    Raises
    ------
    ExportError
        If they differ by more than `MAX_ABS_DIFF` of the largest.
    """
    worst = float(np.abs(keras.astype(np.float64) - converted).max(initial=0))
    largest = max(1.0, float(np.abs(keras).max(initial=0)))
    if not worst <= MAX_ABS_DIFF * largest:  # nor where it is no number
        raise ExportError(
            f"The exported model's features are not those of the model that was scored ({what}): "
            f"one differs by {worst:.2g}, where the largest is {largest:.2g}. Nothing is shipped."
        )


def gate(variant: str, parity: Parity, *, what: str) -> str | None:
    """Stop a float32 model that is not the one that was scored; say why another stays behind.

    Raises
    ------
    ExportError
        If float32 fails.
    """
    reason = why_not(variant, parity)
    if reason and variant == "float32":
        raise ExportError(
            f"The exported model is not the one that was scored ({what}): {reason}. "
            "Nothing is shipped. Look for a layer that behaves otherwise in training, "
            "or whose state is not saved."
        )
    return reason
