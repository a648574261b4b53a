"""The scores of one model, from its jobs' predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from har.errors import TrainingError
from har.evaluation import metrics
from har.evaluation.collect import ModelJobs
from har.evaluation.reliability import reliability
from har.evaluation.results import Estimate, FailedJob, ModelScores, PerClass, SeedScore
from har.evaluation.statistics import Scored
from har.signal.windows import Windows
from har.training.job_files import StoredJob

SCORES = (
    "accuracy", "macro_f1", "macro_f1_ci95", "macro_f1_seed_sd", "macro_f1_subject_sd",
    "fold_macro_f1", "validation_macro_f1", "per_class", "confusion", "seed_ensemble",
)  # fmt: skip
"""What a model without a whole seed does not have."""


def score(
    model: ModelJobs, windows: Windows, folds: int, people: Sequence[str]
) -> tuple[Scored | None, ModelScores]:
    """A model's counts and scores; both None if no seed has all folds.

    Parameters
    ----------
    model : ModelJobs
    windows : Windows
    folds : int
        That a seed must have to be scored.
    people : sequence of str
        In the order in which `Scored` counts them.

    Raises
    ------
    TrainingError
        If a window is tested twice with one seed.
    """
    seeds = model.complete_seeds(folds)
    trained = next((j.about.backend for j in model.done if j.about.backend), {})
    about: dict[str, Any] = {
        "exportable": model.exportable,
        "by_epochs": model.by_epochs,
        "backend": trained.get("name"),
        "device": trained.get("device", "cpu") if trained else None,
        "parameters": max((j.about.parameters or 0 for j in model.done), default=0) or None,
        "train_seconds": float(sum(j.about.train_seconds for j in model.done)),
        "failed_jobs": [FailedJob(**f) for f in model.failed],
        "export": {},
    }
    if not seeds:
        about |= dict.fromkeys(SCORES)
        return None, ModelScores(**about, per_seed=[], per_subject={})
    k = len(windows.activities)
    confusion, per_seed, by_fold = [], [], []
    summed = np.zeros((len(windows), k))
    for seed, jobs in seeds.items():
        index, c = _of_seed(model.name, seed, jobs, windows, people)
        by_fold += [counts_of(*j.predictions.of("test"), windows, people).sum(axis=0) for j in jobs]
        summed[index] += np.concatenate([j.predictions.test_probabilities for j in jobs])
        confusion.append(c)
        per_seed.append(
            SeedScore(
                seed=seed,
                macro_f1=float(metrics.macro_f1(c.sum(axis=0))),
                accuracy=float(metrics.accuracy(c.sum(axis=0))),
                validation_macro_f1=float(
                    np.mean([j.validation_macro_f1(windows.labels) for j in jobs])
                ),
            )
        )
    counts = np.stack(confusion)
    pooled = counts.sum(axis=1)
    f1 = np.array([row.macro_f1 for row in per_seed])
    scored = Scored(model.name, counts)
    subject_f1 = scored.subject_f1
    known = subject_f1[~np.isnan(subject_f1)]
    tested = np.flatnonzero(summed.any(axis=1))
    together = Scored("together", counts_of(tested, summed[tested], windows, people)[None])
    return scored, ModelScores(
        **about,
        **estimate(scored),
        macro_f1_seed_sd=float(f1.std(ddof=1)) if len(f1) > 1 else None,
        macro_f1_subject_sd=float(known.std(ddof=1)) if len(known) > 1 else None,
        fold_macro_f1=float(np.nan_to_num(metrics.f1_by_class(np.stack(by_fold))).mean()),
        validation_macro_f1=float(np.mean([row.validation_macro_f1 for row in per_seed])),
        per_seed=per_seed,
        per_class=_per_class(pooled),
        per_subject={
            p: float(f) for p, f in zip(people, subject_f1, strict=True) if not np.isnan(f)
        },
        confusion=pooled.sum(axis=0).tolist(),
        reliability=reliability([j for jobs in seeds.values() for j in jobs], windows),
        seed_ensemble=Estimate(**estimate(together)) if len(seeds) > 1 else None,
    )


def _per_class(confusion: np.ndarray) -> PerClass:
    """Means over seeds, from counts of shape (seeds, k, k); JSON has no NaN."""
    found = metrics.per_class(confusion)
    rates = {
        name: [None if np.isnan(v) else float(v) for v in found[name]]
        for name in ("precision", "recall", "f1")
    }
    return PerClass(**rates, support=found["support"].tolist())


def _of_seed(
    name: str, seed: int, jobs: Sequence[StoredJob], windows: Windows, people: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The windows that the folds of a seed test, and their confusion, shape (people, k, k)."""
    index = np.concatenate([j.predictions.test_index for j in jobs])
    if twice := len(index) - len(np.unique(index)):
        raise TrainingError(
            f"{name}, seed {seed}: {twice} windows are tested by more than one fold; a pooled "
            "score would count them twice."
        )
    probabilities = np.concatenate([j.predictions.test_probabilities for j in jobs])
    return index, counts_of(index, probabilities, windows, people)


def counts_of(
    index: np.ndarray, probabilities: np.ndarray, windows: Windows, people: Sequence[str]
) -> np.ndarray:
    """Counts by person of what was done and what was said, int64, shape (people, k, k).

    Parameters
    ----------
    index : ndarray of int64, shape (m,)
        Which windows.
    probabilities : ndarray, shape (m, k)
    windows : Windows
    people : sequence of str
        Who is counted, in this order; others are not.
    """
    lookup = {p: i for i, p in enumerate(people)}
    return metrics.confusion_by_subject(
        np.array([lookup.get(s, -1) for s in windows.subjects[index].tolist()], np.int64),
        windows.labels[index],
        probabilities.argmax(axis=1),
        subjects=len(people),
        classes=len(windows.activities),
    )


def estimate(scored: Scored) -> dict[str, Any]:
    """The fields of an `Estimate`."""
    return {
        "macro_f1": scored.macro_f1,
        "macro_f1_ci95": scored.ci95(),
        "accuracy": scored.accuracy,
    }
