"""Whether a model that says 0.8 is right eight times in ten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from har.evaluation.results import Reliability
from har.signal.windows import Windows
from har.training.job_files import StoredJob

BINS = 15
FEW = 50
"""Of fewer windows a person's own error is mostly chance."""


def reliability(jobs: Sequence[StoredJob], windows: Windows) -> Reliability:
    """Of a model's answers on held-out people; those of several seeds count as windows each.

    Parameters
    ----------
    jobs : sequence of StoredJob
        Of all folds and seeds.
    windows : Windows
    """
    index = np.concatenate([j.predictions.test_index for j in jobs])
    said = np.concatenate([j.predictions.test_probabilities for j in jobs]).astype(np.float64)
    raw = np.concatenate(
        [untempered(j.predictions.test_probabilities, j.about.temperature) for j in jobs]
    )
    labels, people = windows.labels[index], windows.subjects[index]
    confidence, right = said.max(axis=1), said.argmax(axis=1) == labels
    of_person = {
        str(who): error(confidence[people == who], right[people == who])
        for who in np.unique(people)
        if (people == who).sum() >= FEW
    }
    return Reliability(
        ece=error(confidence, right),
        brier=brier(said, labels),
        ece_before=error(raw.max(axis=1), raw.argmax(axis=1) == labels),
        brier_before=brier(raw, labels),
        per_subject=of_person,
        bins=[(float(c), float(r), n) for c, r, n in bins(confidence, right)],
    )


def untempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """What the probabilities were before their logits were divided by a temperature.

    Examples
    --------
    >>> untempered(np.array([[0.8, 0.2]]), 2.0).round(4)
    array([[0.9412, 0.0588]])
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) * temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def bins(confidence: np.ndarray, right: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean confidence, share right and size of bins of equally many windows, the least sure
    first."""
    order = np.argsort(confidence, kind="stable")
    parts = (part for part in np.array_split(order, BINS) if len(part))
    return [(float(confidence[p].mean()), float(right[p].mean()), len(p)) for p in parts]


def error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over bins of equal size.

    Nixon and others 2019, "Measuring calibration in deep learning", section 3 (adaptive bins), of
    the most likely class.
    """
    found = bins(confidence, right)
    return float(sum(abs(c - r) * n for c, r, n in found) / sum(n for *_, n in found))


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Brier 1950: mean squared distance to the truth over all classes, from 0 to 2."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())
