"""Scores of a study's jobs, by the code that scores a run, and differences paired by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.errors import TrainingError
from har.evaluation import leakage, metrics, scoring, statistics
from har.evaluation.artefacts import artefacts
from har.evaluation.collect import collect
from har.evaluation.statistics import Scored
from har.signal.windows import Windows
from har.training.job_files import JobRecord

SCORES = {"macro_f1", "macro_f1_ci95", "macro_f1_seed_sd", "accuracy", "validation_macro_f1"}


def proven(
    windows: Windows,
    folds: Sequence[Mapping[str, Sequence[str]]],
    records: Sequence[JobRecord],
    people: Sequence[str],
    *,
    same_people: bool,
) -> tuple[Scored, dict[str, Any]]:
    """The score of the jobs of one model, after the proof that nothing leaked in them.

    Parameters
    ----------
    windows : Windows
    folds : sequence of {train, validation, test: subjects}
    records : sequence of JobRecord
    people : sequence of str
        In the order in which they are counted.
    same_people : bool
        The protocol keeps recordings apart, not people.

    Returns
    -------
    Scored
    dict
        `SCORES`.

    Raises
    ------
    TrainingError
        If a job failed.
    LeakageError
        If the proof does not hold.
    """
    (model,) = collect(records, []).values()
    if model.failed:
        raise TrainingError(f"{model.name}: {model.failed[0]['reason']}")
    leakage.require(
        leakage.prove(windows, artefacts(windows, folds, {model.name: model}),
                      same_people=same_people)
    )  # fmt: skip
    scored, entry = scoring.score(model, windows, len(folds), people)
    assert scored is not None  # no job failed
    ci95 = scoring.interval(scored, tested(scored))
    return scored, entry.model_copy(update={"macro_f1_ci95": ci95}).model_dump(include=SCORES)


def tested(*scored: Scored) -> list[int]:
    """People who have windows in all of them."""
    has = [s.confusion.any(axis=(0, 2, 3)) for s in scored]
    return np.flatnonzero(np.logical_and.reduce(has)).tolist()


def among(scored: Scored, people: Sequence[int]) -> Scored:
    """Of some people only, by their places."""
    return Scored(scored.name, scored.confusion[:, people], scored.subject_f1[people])


def pooled(scored: Scored) -> float:
    """Macro-F1 over all people, the mean over seeds."""
    return float(metrics.macro_f1(scored.confusion.sum(axis=1)).mean())


def accuracy(scored: Scored) -> float:
    """Over all people, the mean over seeds."""
    return float(metrics.accuracy(scored.confusion.sum(axis=1)).mean())


def difference_ci95(a: Scored, b: Scored) -> list[float] | None:
    """95 % interval of the pooled macro-F1 of `a` less that of `b`.

    The same people are drawn for both; None of too few.
    """
    people = tested(a, b)
    if len(people) < statistics.MIN_PEOPLE_INTERVAL:
        return None
    weights = statistics.resampled_people(len(people))
    one, two = (statistics.bootstrap_macro_f1(s.confusion[:, people], weights) for s in (a, b))
    return statistics.interval95(one - two, len(people))
