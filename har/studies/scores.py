"""Scores of a study's jobs, by the code that scores a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from har.errors import TrainingError
from har.evaluation import leakage, scoring
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
    evidence = artefacts(windows, folds, {model.name: model})
    leakage.require(leakage.prove(windows, evidence, same_people=same_people))
    scored, entry = scoring.score(model, windows, len(folds), people)
    assert scored is not None  # no job failed
    return scored, entry.model_dump(include=SCORES)
