"""From predictions on disk to `Results`."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.code import versions
from har.config import Pipeline
from har.errors import TrainingError
from har.evaluation import nested, protocol, scoring, statistics
from har.evaluation.collect import ModelJobs
from har.evaluation.results import (
    Aligned,
    Comparison,
    CriticalDifference,
    Fold,
    Leakage,
    ModelScores,
    Nested,
    Results,
    WindowCounts,
)
from har.evaluation.statistics import Scored
from har.files import digest
from har.signal.windows import Windows
from har.training.splits import natural


def fingerprint(windows: Windows) -> str:
    """Hash of signal, windows, labels, people: the same whatever code made them."""
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
) -> Results:
    """The results of a comparison, before an export.

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
    found = {n: scoring.score(m, windows, len(folds), people) for n, m in models.items()}
    entries = {name: entry for name, (_, entry) in found.items()}
    scored = [s for s, _ in found.values() if s is not None]
    if not scored:
        reasons = {f["reason"] for m in models.values() for f in m.failed}
        raise TrainingError(
            "Nothing to compare: no model finished all folds of a seed. "
            + ("Jobs failed with: " + "; ".join(sorted(reasons)[:3]) if reasons else "")
        )
    selected = select(entries)
    tested = int(np.logical_or.reduce([s.tested for s in scored]).sum())
    comparisons = _compare(scored, selected)
    diagram = statistics.critical_difference(scored)
    each_fold = _chosen_in_each_fold(pipeline, models, entries, windows, len(folds), people)
    aligned = _aligned(windows, people)
    return Results(
        schema="har/results/1",
        pipeline=pipeline.name,
        dataset=pipeline.dataset_name,
        protocol=protocol.protocol(
            pipeline,
            people=len(people),
            folds=len(folds),
            fold_sizes=[len(f["validation"]) for f in folds],
        ),
        headline=protocol.headline(
            pipeline, selected, entries, comparisons, each_fold, untrained(pipeline, windows, folds)
        ),
        statistics=protocol.cautions(tested, len(comparisons), pipeline)
        + ([protocol.nested(each_fold)] if each_fold else [])
        + ([protocol.aligned(aligned)] if aligned else []),
        config=pipeline,
        config_key=digest(pipeline.model_dump(mode="json")),
        data_fingerprint=fingerprint(windows),
        code=code,
        versions={"python": platform.python_version(), **versions(), **_jax(models)},
        subjects=people,
        activities=list(windows.activities),
        seeds=list(pipeline.training.seeds),
        folds=[Fold(**{part: list(names) for part, names in f.items()}) for f in folds],
        windows=WindowCounts(kept=used, rejected=rejected),
        aligned=aligned,
        selected=selected,
        nested=each_fold,
        models=entries,
        comparisons=comparisons,
        critical_difference=CriticalDifference(**diagram) if diagram else None,
        leakage=Leakage.model_validate({"ok": proof["ok"], "folds": proof["folds"]}),
    )


def untrained(
    pipeline: Pipeline, windows: Windows, folds: Sequence[Mapping[str, Sequence[str]]]
) -> dict[str, list[str]]:
    """Activities of people in whose fold nobody trains them."""
    if pipeline.split.scheme == "sessions":  # people are in all parts
        return {}
    trains = ("train", "validation") if pipeline.training.refit else ("train",)
    found: dict[str, list[str]] = {}
    for fold in folds:
        known = windows.labels[np.isin(windows.subjects, [s for p in trains for s in fold[p]])]
        tested = np.isin(windows.subjects, list(fold["test"]))
        alone = tested & ~np.isin(windows.labels, known)
        for label in np.unique(windows.labels[alone]):
            people = np.unique(windows.subjects[alone & (windows.labels == label)])
            found.setdefault(windows.activities[label], []).extend(people.tolist())
    return found


def _aligned(windows: Windows, people: Sequence[str]) -> Aligned | None:
    """Of the people who are in; None where the pipeline does not align."""
    if not windows.aligned:
        return None
    mine = set(windows.recordings[np.isin(windows.subjects, people)].tolist())
    lacking = [name for name, seconds in windows.aligned.items() if name in mine and not seconds]
    return Aligned(recordings=len(mine), as_recorded=lacking)


def _jax(models: Mapping[str, ModelJobs]) -> dict[str, str]:
    """The versions of JAX, if anything was trained on it."""
    backends = (job.about.backend or {} for m in models.values() for job in m.done)
    return {n: v for b in backends for n, v in b.items() if n not in ("name", "device")}


def _eligible(models: Mapping[str, ModelScores]) -> dict[str, float]:
    """Validation scores of who may be selected: can be exported, and has every fold and seed."""
    return {
        name: m.validation_macro_f1
        for name, m in models.items()
        if m.exportable and not m.failed_jobs and m.validation_macro_f1 is not None
    }


def select(models: Mapping[str, ModelScores]) -> str | None:
    """The model to ship: best mean validation macro-F1 among those that can be exported.

    A model with a failed job is not eligible: its mean is over other folds than the others'. Of
    equals, the one with fewer parameters. None if nothing is eligible.
    """
    able = _eligible(models)
    ranks = (nested.rank(name, able[name], models[name].parameters) for name in able)
    return min(ranks)[-1] if able else None


def _chosen_in_each_fold(
    pipeline: Pipeline,
    models: Mapping[str, ModelJobs],
    entries: Mapping[str, ModelScores],
    windows: Windows,
    folds: int,
    people: Sequence[str],
) -> Nested | None:
    """None where the folds do not test other people, or there is no choice."""
    eligible = {name: models[name] for name in _eligible(entries)}
    if len(eligible) < 2 or pipeline.split.scheme not in protocol.EVERYONE_TESTED:
        return None
    chosen = nested.choose(eligible, windows.labels, folds)
    done = [j for fold, name in enumerate(chosen) for j in eligible[name].done if j.fold == fold]
    scored, _ = scoring.score(ModelJobs("nested", done), windows, folds, people)
    assert scored is not None  # every fold of every seed is there
    return Nested(chosen=chosen, **scoring.estimate(scored))


def _compare(scored: Sequence[Scored], selected: str | None) -> list[Comparison]:
    mine = [s for s in scored if s.name == selected]
    others = [s for s in scored if s.name != selected]
    return [Comparison(**row) for s in mine if others for row in statistics.compare(s, others)]
