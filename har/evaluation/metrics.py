"""Scores from out-of-fold predictions.

Everything is computed from one confusion matrix per person and seed: counts add up, so that any
group of people (all of them, one of them, a bootstrap sample) is a sum away.

What is meant by a macro-F1 where a class is absent is said in `ABSENT_CLASSES`.
"""

from __future__ import annotations

import numpy as np

ABSENT_CLASSES = (
    "Macro-F1 is the mean over the activities among the true labels of the windows that are "
    "scored: for one person, the activities that this person performed. A window predicted as any "
    "other activity counts as a miss of its true activity."
)


def confusion_by_subject(
    subject: np.ndarray, true: np.ndarray, predicted: np.ndarray, *, subjects: int, classes: int
) -> np.ndarray:
    """Count predictions, person by person.

    Parameters
    ----------
    subject, true, predicted : ndarray of int, shape (n,)
        Index of the person, of the true and of the predicted class.
    subjects, classes : int

    Returns
    -------
    ndarray of int64, shape (subjects, classes, classes)
        Rows are true classes, columns predicted ones.
    """
    flat = (subject.astype(np.int64) * classes + true) * classes + predicted
    counts = np.bincount(flat, minlength=subjects * classes * classes)
    return counts.reshape(subjects, classes, classes)


def f1_by_class(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, 2 TP / (true + predicted), from counts (..., k, k), whole or weighted.

    float64, shape (..., k); NaN for a class that has no true window.
    """
    hit, true, predicted = _totals(confusion)
    return np.where(true > 0, 2 * hit / np.maximum(true + predicted, 1e-300), np.nan)


def _totals(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each class: what was right, what was true, what was predicted."""
    confusion = np.asarray(confusion, dtype=np.float64)
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    return hit, confusion.sum(axis=-1), confusion.sum(axis=-2)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that have true windows, from counts (..., k, k).

    float64, shape (...); NaN where there is no window at all.
    """
    f1 = f1_by_class(confusion)
    n = (~np.isnan(f1)).sum(axis=-1)
    return np.where(n > 0, np.nansum(f1, axis=-1) / np.maximum(n, 1), np.nan)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of windows on the diagonal of counts (..., k, k); NaN where there is no window."""
    hit, true, _ = _totals(confusion)
    n = true.sum(axis=-1)
    return np.where(n > 0, hit.sum(axis=-1) / np.maximum(n, 1e-300), np.nan)


def per_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class, the mean over seeds.

    Parameters
    ----------
    confusion : ndarray of int, shape (seeds, k, k)
        Pooled over people.

    Returns
    -------
    dict of ndarray, shape (k,)
        `support` is the number of true windows of one seed; scores are NaN where it is 0, and a
        precision of nothing predicted is 0, as in scikit-learn.
    """
    hit, true, predicted = _totals(confusion)
    rates = {
        "precision": np.where(true > 0, hit / np.maximum(predicted, 1), np.nan),
        "recall": np.where(true > 0, hit / np.maximum(true, 1), np.nan),
        "f1": f1_by_class(confusion),
    }
    means = {name: of_seeds.mean(axis=0) for name, of_seeds in rates.items()}
    return {**means, "support": true[0].astype(np.int64)}
