"""From predictions on disk to what `results.json` holds."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.code import versions
from har.config import Pipeline
from har.errors import TrainingError
from har.evaluation import metrics, nested, protocol, statistics
from har.evaluation.collect import ModelJobs, validation_macro_f1
from har.evaluation.statistics import Scored
from har.files import digest
from har.signal.windows import Windows
from har.training.job_files import StoredJob
from har.training.splits import natural

SCHEMA = "har/results/1"


def fingerprint(windows: Windows) -> str:
    """Hash of the data themselves: signal, windows, labels, people.

    The same for the same data whatever code made them.
    """
    h = hashlib.sha256()
    for array in (windows.samples, windows.starts, windows.taps, windows.labels):
        h.update(np.ascontiguousarray(array).data)
    for names in (windows.subjects, windows.recordings, windows.activities):
        h.update("\0".join(map(str, names)).encode())
    return h.hexdigest()[:16]


def assemble(
    pipeline: Pipeline,
    windows: Windows,
    folds: Sequence[Mapping[str, Sequence[str]]],
    models: Mapping[str, ModelJobs],
    proof: Mapping[str, Any],
    *,
    code: str,
) -> dict[str, Any]:
    """Everything that `results.json` holds.

    Parameters
    ----------
    pipeline : Pipeline
    windows : Windows
    folds : sequence of {train, validation, test: subjects}
    models : mapping of ModelJobs
        In the order of the pipeline file.
    proof : mapping
        From `har.evaluation.leakage.prove`.
    code : str
        Version of the code that made the data, the models and this.

    Raises
    ------
    TrainingError
        If no model has all folds of any seed, or a window is tested twice with one seed.
    """
    people = sorted({s for f in folds for part in f.values() for s in part}, key=natural)
    used = int(np.isin(windows.subjects, people).sum())
    rejected = dict(windows.rejected)
    if used < len(windows):
        rejected["person left out"] = len(windows) - used
    scored, entries = {}, {}
    for name, model in models.items():
        scored[name], entries[name] = score(model, windows, len(folds), people)
    if not any(scored.values()):
        reasons = {f["reason"] for m in models.values() for f in m.failed}
        raise TrainingError(
            "Nothing to compare: no model finished all folds of a seed. "
            + ("Jobs failed with: " + "; ".join(sorted(reasons)[:3]) if reasons else "")
        )
    selected = select(entries)
    tested = [i for i, p in enumerate(people) if _tested(scored, i)]
    comparisons, diagram = _compare(scored, selected, tested)
    for name, model_scored in scored.items():
        if model_scored is not None:
            entries[name]["macro_f1_ci95"] = interval(model_scored, tested)
    each_fold = _chosen_in_each_fold(pipeline, models, entries, windows, len(folds), people, tested)
    aligned = _aligned(windows, people)
    config = pipeline.model_dump(mode="json")
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "pipeline": pipeline.name,
        "dataset": pipeline.dataset_name,
        "protocol": protocol.protocol(
            pipeline,
            people=len(people),
            folds=len(folds),
            fold_sizes=[len(f["validation"]) for f in folds],
        ),
        "headline": [],
        "statistics": protocol.cautions(len(tested), len(comparisons), pipeline)
        + ([protocol.nested(each_fold)] if each_fold else [])
        + ([protocol.aligned(**aligned)] if aligned else []),
        "config": config,
        "config_key": digest(config),
        "data_fingerprint": fingerprint(windows),
        "code": code,
        "versions": {"python": platform.python_version(), **versions(), **_jax(models)},
        "subjects": people,
        "activities": list(windows.activities),
        "seeds": list(pipeline.training.seeds),
        "folds": [{k: list(f[k]) for k in ("train", "validation", "test")} for f in folds],
        "windows": {"kept": used, "rejected": rejected},
        **({"aligned": aligned} if aligned else {}),
        "selected": selected,
        **({"nested": each_fold} if each_fold else {}),
        "models": entries,
        "comparisons": comparisons,
        "critical_difference": diagram,
        "leakage": {"ok": proof["ok"], "folds": proof["folds"]},
    }
    results["headline"] = protocol.headline(results)
    return results


def _aligned(windows: Windows, people: Sequence[str]) -> dict[str, Any]:
    """Recordings of the people who are in, and those that had too little walking to be turned;
    nothing where the pipeline does not align."""
    if not windows.aligned:
        return {}
    mine = set(windows.recordings[np.isin(windows.subjects, people)].tolist())
    lacking = [name for name, seconds in windows.aligned.items() if name in mine and not seconds]
    return {"recordings": len(mine), "as_recorded": lacking}


def _jax(models: Mapping[str, ModelJobs]) -> dict[str, str]:
    """The versions of JAX, if anything was trained on it."""
    found: dict[str, str] = {}
    for job in (j for m in models.values() for j in m.done):
        found |= job.about.backend or {}
    return {name: version for name, version in found.items() if name != "name"}


def _tested(scored: Mapping[str, Scored | None], person: int) -> bool:
    return any(s is not None and s.confusion[:, person].any() for s in scored.values())


def _number(value: Any) -> float | None:
    """JSON has no NaN."""
    return None if value is None or np.isnan(value) else float(value)


def score(
    model: ModelJobs, windows: Windows, folds: int, people: Sequence[str]
) -> tuple[Scored | None, dict[str, Any]]:
    """A model's entry, without what depends on the other models.

    Parameters
    ----------
    model : ModelJobs
    windows : Windows
    folds : int
        That a seed must have to be scored.
    people : sequence of str
        In the order in which `Scored` counts them.

    Returns
    -------
    Scored or None
        None if no seed has all folds; the entry's scores are then None too.
    dict

    Raises
    ------
    TrainingError
        If a window is tested twice with one seed.
    """
    seeds = model.complete_seeds(folds)
    k = len(windows.activities)
    entry: dict[str, Any] = {
        "accuracy": None,
        "macro_f1": None,
        "macro_f1_ci95": None,
        "macro_f1_seed_sd": None,
        "macro_f1_subject_sd": None,
        "validation_macro_f1": None,
        "exportable": model.exportable,
        "by_epochs": model.by_epochs,
        "backend": next(((j.about.backend or {}).get("name") for j in model.done), None),
        "per_seed": [],
        "per_class": None,
        "per_subject": {},
        "parameters": max((j.about.parameters or 0 for j in model.done), default=0) or None,
        "train_seconds": float(sum(j.about.train_seconds for j in model.done)),
        "failed_jobs": model.failed,
        "confusion": None,
        "seed_ensemble": None,
        "export": {},
    }
    if not seeds:
        return None, entry
    confusion = []
    summed = np.zeros((len(windows), k))
    for seed, jobs in seeds.items():
        index, c = _counts(model.name, seed, jobs, windows, people)
        summed[index] += np.concatenate([j.predictions.test_probabilities for j in jobs])
        confusion.append(c)
        validation = float(np.mean([validation_macro_f1(j, windows.labels, k) for j in jobs]))
        entry["per_seed"].append(
            {
                "seed": seed,
                "macro_f1": float(metrics.macro_f1(c.sum(axis=0))),
                "accuracy": float(metrics.accuracy(c.sum(axis=0))),
                "validation_macro_f1": validation,
            }
        )
    counts = np.stack(confusion)
    pooled = counts.sum(axis=1)
    of_seed = np.array([row["macro_f1"] for row in entry["per_seed"]])
    subject_f1 = metrics.macro_f1(counts).mean(axis=0)
    known = subject_f1[~np.isnan(subject_f1)]
    by_class = metrics.per_class(pooled)
    tested = np.flatnonzero(summed.any(axis=1))
    together = counts_of(tested, summed[tested], windows, people)
    entry |= {
        "accuracy": float(metrics.accuracy(pooled).mean()),
        "macro_f1": float(of_seed.mean()),
        "macro_f1_seed_sd": float(of_seed.std(ddof=1)) if len(of_seed) > 1 else None,
        "macro_f1_subject_sd": float(known.std(ddof=1)) if len(known) > 1 else None,
        "validation_macro_f1": float(
            np.mean([r["validation_macro_f1"] for r in entry["per_seed"]])
        ),
        "per_class": {
            "precision": [_number(v) for v in by_class["precision"]],
            "recall": [_number(v) for v in by_class["recall"]],
            "f1": [_number(v) for v in by_class["f1"]],
            "support": by_class["support"].tolist(),
        },
        "per_subject": {
            p: float(f) for p, f in zip(people, subject_f1, strict=True) if not np.isnan(f)
        },
        "confusion": pooled.sum(axis=0).tolist(),
        "seed_ensemble": _together(together) if len(seeds) > 1 else None,
    }
    return Scored(model.name, counts, subject_f1), entry


def _counts(
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
    """Counts by person of what was done and what was said.

    Parameters
    ----------
    index : ndarray of int64, shape (m,)
        Which windows.
    probabilities : ndarray, shape (m, k)
        Of the activities, for each.
    windows : Windows
    people : sequence of str
        Who is counted, in this order; others are not.

    Returns
    -------
    ndarray of int64, shape (people, k, k)
    """
    lookup = {p: i for i, p in enumerate(people)}
    return metrics.confusion_by_subject(
        np.array([lookup.get(s, -1) for s in windows.subjects[index].tolist()], np.int64),
        windows.labels[index],
        probabilities.argmax(axis=1),
        subjects=len(people),
        classes=len(windows.activities),
    )


def _together(confusion: np.ndarray) -> dict[str, Any]:
    """Scores of the mean of all seeds' probabilities, from its confusion by person."""
    pooled = confusion.sum(axis=0)
    scored = Scored("together", confusion[None], metrics.macro_f1(confusion))
    return {
        "macro_f1": float(metrics.macro_f1(pooled)),
        "macro_f1_ci95": interval(scored, np.flatnonzero(confusion.any(axis=(1, 2))).tolist()),
        "accuracy": float(metrics.accuracy(pooled)),
    }


def _eligible(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Who may be selected: can be exported, and has the score of every fold and seed."""
    return [
        name
        for name, m in models.items()
        if m["exportable"] and not m["failed_jobs"] and m["validation_macro_f1"] is not None
    ]


def select(models: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The model to ship: best mean validation macro-F1 among those that can be exported.

    A model with a failed job is not eligible: its mean is over other folds than the others'. Of
    equals, the one with fewer parameters. None if nothing is eligible.
    """
    return min(
        _eligible(models),
        key=lambda n: nested.rank(n, models[n]["validation_macro_f1"], models[n]["parameters"]),
        default=None,
    )


def _chosen_in_each_fold(
    pipeline: Pipeline,
    models: Mapping[str, ModelJobs],
    entries: Mapping[str, Mapping[str, Any]],
    windows: Windows,
    folds: int,
    people: Sequence[str],
    tested: Sequence[int],
) -> dict[str, Any]:
    """The scores with a choice in each fold (`har.evaluation.nested`); nothing where the folds do
    not test other people, or there is no choice."""
    eligible = {name: models[name] for name in _eligible(entries)}
    if len(eligible) < 2 or pipeline.split.scheme not in protocol.EVERYONE_TESTED:
        return {}
    chosen = nested.choose(eligible, windows.labels, len(windows.activities), folds)
    counts = np.stack(
        [
            _counts("nested", seed, jobs, windows, people)[1]
            for seed, jobs in nested.jobs_of(eligible, chosen, folds).items()
        ]
    )
    pooled = counts.sum(axis=1)
    scored = Scored("nested", counts, metrics.macro_f1(counts).mean(axis=0))
    return {
        "chosen": chosen,
        "macro_f1": float(metrics.macro_f1(pooled).mean()),
        "macro_f1_ci95": interval(scored, tested),
        "accuracy": float(metrics.accuracy(pooled).mean()),
    }


def _compare(
    scored: Mapping[str, Scored | None], selected: str | None, tested: Sequence[int]
) -> tuple[list[dict], dict | None]:
    cut = [
        Scored(s.name, s.confusion[:, tested], s.subject_f1[tested])
        for s in scored.values()
        if s is not None
    ]
    diagram = statistics.critical_difference(cut)
    if selected is None or len(cut) < 2:
        return [], diagram
    mine = next(s for s in cut if s.name == selected)
    weights = statistics.resampled_people(len(tested))
    return statistics.compare(mine, [s for s in cut if s.name != selected], weights), diagram


def interval(scored: Scored, tested: Sequence[int]) -> list[float] | None:
    """95 % interval over people of a pooled macro-F1; None of too few people.

    Parameters
    ----------
    scored : Scored
    tested : sequence of int
        Who has windows.
    """
    if len(tested) < statistics.MIN_PEOPLE_INTERVAL:
        return None
    weights = statistics.resampled_people(len(tested))
    values = statistics.bootstrap_macro_f1(scored.confusion[:, tested], weights)
    return statistics.interval95(values, len(tested))
