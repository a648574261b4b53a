"""From predictions on disk to `results.json` and `windows.parquet`."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har.config import Pipeline
from har.errors import TrainingError
from har.evaluation import leakage, metrics, protocol, scaler, statistics
from har.evaluation.collect import JobResult, ModelJobs
from har.evaluation.statistics import Scored
from har.evaluation.table import signed, signed_interval
from har.signal.windows import Windows
from har.store import digest, versions
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
    people = sorted(set(windows.subjects.tolist()), key=natural)
    scored, entries = {}, {}
    for name, model in models.items():
        scored[name], entries[name] = _score(model, windows, len(folds), people)
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
            entries[name]["macro_f1_ci95"] = _interval(model_scored, tested)
    config = pipeline.model_dump(mode="json")
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "pipeline": pipeline.name,
        "dataset": pipeline.dataset_name,
        "protocol": protocol.describe(
            pipeline,
            people=len(people),
            folds=len(folds),
            fold_sizes=[len(f["validation"]) for f in folds],
        ),
        "headline": [],
        "statistics": _statistics(len(tested), len(comparisons), pipeline),
        "config": config,
        "config_key": digest(config),
        "data_fingerprint": fingerprint(windows),
        "code": code,
        "versions": {"python": platform.python_version(), **versions()},
        "subjects": people,
        "activities": list(windows.activities),
        "seeds": list(pipeline.training.seeds),
        "folds": [{k: list(f[k]) for k in ("train", "validation", "test")} for f in folds],
        "windows": {"kept": len(windows.starts), "rejected": dict(windows.rejected)},
        "selected": selected,
        "models": entries,
        "comparisons": comparisons,
        "critical_difference": diagram,
        "leakage": {"ok": proof["ok"], "folds": proof["folds"]},
    }
    results["headline"] = headline(results)
    return results


def _tested(scored: Mapping[str, Scored | None], person: int) -> bool:
    return any(s is not None and s.confusion[:, person].any() for s in scored.values())


def _number(value: Any) -> float | None:
    """JSON has no NaN."""
    return None if value is None or np.isnan(value) else float(value)


def _score(
    model: ModelJobs, windows: Windows, folds: int, people: Sequence[str]
) -> tuple[Scored | None, dict[str, Any]]:
    """A model's entry, without what depends on the other models."""
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
        "per_seed": [],
        "per_class": None,
        "per_subject": {},
        "parameters": max((j.info.get("parameters") or 0 for j in model.done), default=0) or None,
        "train_seconds": float(sum(j.info["train_seconds"] for j in model.done)),
        "failed_jobs": model.failed,
        "confusion": None,
        "export": {},
    }
    if not seeds:
        return None, entry
    lookup = {p: i for i, p in enumerate(people)}
    person = np.array([lookup[s] for s in windows.subjects.tolist()], dtype=np.int64)
    confusion = []
    for seed, jobs in seeds.items():
        index = np.concatenate([j.test_index for j in jobs])
        if len(np.unique(index)) != len(index):
            raise TrainingError(
                f"{model.name}, seed {seed}: {len(index) - len(np.unique(index))} windows are "
                "tested by more than one fold; a pooled score would count them twice."
            )
        predicted = np.concatenate([j.test_probabilities for j in jobs]).argmax(axis=1)
        c = metrics.confusion_by_subject(
            person[index], windows.labels[index], predicted, subjects=len(people), classes=k
        )
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
    }
    return Scored(model.name, counts, subject_f1), entry


def validation_macro_f1(job: JobResult, labels: np.ndarray, classes: int) -> float:
    """Macro-F1 on a job's own validation people."""
    true = labels[job.validation_index]
    c = metrics.confusion_by_subject(
        np.zeros_like(true),
        true,
        job.validation_probabilities.argmax(axis=1),
        subjects=1,
        classes=classes,
    )
    return float(metrics.macro_f1(c[0]))


def select(models: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The model to ship: best mean validation macro-F1 among those that can be exported.

    A model with a failed job is not eligible: its mean is over other folds than the others'. Of
    equals, the one with fewer parameters. None if nothing is eligible.
    """
    eligible = [
        (-m["validation_macro_f1"], m["parameters"] or 0, name)
        for name, m in models.items()
        if m["exportable"] and not m["failed_jobs"] and m["validation_macro_f1"] is not None
    ]
    return min(eligible)[2] if eligible else None


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


def _interval(scored: Scored, tested: Sequence[int]) -> list[float] | None:
    if len(tested) < statistics.MIN_PEOPLE_INTERVAL:
        return None
    weights = statistics.resampled_people(len(tested))
    values = statistics.bootstrap_macro_f1(scored.confusion[:, tested], weights)
    return statistics.interval95(values, len(tested))


def _statistics(people: int, tests: int, pipeline: Pipeline) -> list[str]:
    """What a reader must know to read the numbers."""
    out = [metrics.ABSENT_CLASSES]
    if people >= statistics.MIN_PEOPLE_INTERVAL:
        out.append(statistics.INTERVALS)
    else:
        out.append(f"No interval over people can be given from {people}.")
    out.append(
        "Spread over seeds (the same people, other initial weights) and spread over people (their "
        "own macro-F1) are given apart: they answer different questions."
    )
    if tests:
        p = statistics.smallest_p(people)
        text = (
            f"The selected model is compared with each other one, paired by person, by Wilcoxon's "
            f"signed-rank test with Holm's correction over {tests} tests. {people} people cannot "
            f"give a p below {p:.2g}"
        )
        if tests * p > statistics.ALPHA:
            text += (
                f", or {min(1.0, tests * p):.2g} after correction: too few people to tell, "
                "whatever the models are; read the interval of the difference."
            )
        else:
            text += f" ({tests * p:.2g} after correction)."
        out.append(text)
    if pipeline.split.scheme in ("subject-folds", "leave-one-subject-out"):
        out.append(statistics.DEPENDENCE)
    return out


def headline(results: Mapping[str, Any]) -> list[str]:
    """The first lines of the report: what to ship, and what speaks against it."""
    name, models = results["selected"], results["models"]
    if name is None:
        return ["No model is selected: none that can be exported finished all of its jobs."]
    mine = models[name]
    lines = []
    for row in results["comparisons"]:
        other = models[row["b"]]
        if other["exportable"]:
            continue
        apart = row["ci95"] is not None and row["ci95"][0] > 0
        if not apart or other["validation_macro_f1"] >= mine["validation_macro_f1"]:
            how = "better than" if row["ci95"] is not None and row["ci95"][1] < 0 else "as good as"
            interval = "" if row["ci95"] is None else f" ({signed_interval(row['ci95'])})"
            lines.append(
                f"{row['b']} cannot be exported and is {how} {name}: macro-F1 "
                f"{other['macro_f1']:.3f} against {mine['macro_f1']:.3f}, difference "
                f"{signed(row['difference'])}{interval}. Where no phone is needed, prefer it."
            )
    sessions = results["config"]["split"]["scheme"] == "sessions"
    what = "recordings" if sessions else "people"
    text = (
        f"{name} is selected: it has the best macro-F1 on validation {what} "
        f"({mine['validation_macro_f1']:.3f}) of the models that can be exported. On {what} it "
        f"never saw its macro-F1 is {mine['macro_f1']:.3f}"
    )
    if mine["macro_f1_ci95"]:
        text += " (95 % interval over people {:.3f} to {:.3f})".format(*mine["macro_f1_ci95"])
    lines.append(text + f", its accuracy {mine['accuracy']:.3f}.")
    if sessions:
        lines.append("These are other recordings of the same people: nothing is said of others.")
    failed = {n: len(m["failed_jobs"]) for n, m in models.items() if m["failed_jobs"]}
    if failed:
        lines.append(
            "Failed jobs: "
            + ", ".join(f"{n} {k}" for n, k in failed.items())
            + ". Seeds with a missing fold are not scored, and such a model is not selected."
        )
    return lines


def write_windows(path: Path, windows: Windows, models: Mapping[str, ModelJobs]) -> int:
    """`windows.parquet`: a row for each out-of-fold prediction.

    Parameters
    ----------
    path : Path
    windows : Windows
    models : mapping of ModelJobs

    Returns
    -------
    int
        Rows: one per (model, seed, window), in order of model, seed, fold, window.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    activities = np.array(windows.activities, dtype=object)
    fields = [
        ("model", pa.string()), ("seed", pa.int64()), ("fold", pa.int64()),
        ("recording", pa.string()), ("subject", pa.string()),
        ("start", pa.int64()), ("end", pa.int64()), ("purity", pa.float32()),
        ("true", pa.string()), ("predicted", pa.string()),
        *((f"p_{a}", pa.float32()) for a in windows.activities),
    ]  # fmt: skip
    rows = 0
    with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
        for name, model in models.items():
            for job in sorted(model.done, key=lambda j: (j.seed, j.fold)):
                i, p = job.test_index, job.test_probabilities.astype(np.float32)
                if not len(i):
                    continue
                columns: list[Any] = [
                    [name] * len(i), np.full(len(i), job.seed), np.full(len(i), job.fold),
                    windows.recordings[i].tolist(), windows.subjects[i].tolist(),
                    windows.spans[i, 0], windows.spans[i, 1], windows.purity[i],
                    activities[windows.labels[i]].tolist(), activities[p.argmax(axis=1)].tolist(),
                    *p.T,
                ]  # fmt: skip
                arrays = [pa.array(c, type=t) for c, (_, t) in zip(columns, fields, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))
                rows += len(i)
    return rows


def evidence(
    windows: Windows,
    folds: Sequence[Mapping[str, Sequence[str]]],
    models: Mapping[str, ModelJobs],
) -> list[leakage.Evidence]:
    """What the proof looks at, from the artefacts of every finished job.

    Parameters
    ----------
    windows : Windows
    folds : sequence of {train, validation, test: subjects}
        The people who belong in each part; a job that used windows of others does not pass.
    models : mapping of ModelJobs
    """
    moments: dict[str, scaler.Moments] = {}
    k = len(windows.activities)
    out = []
    for model in models.values():
        for job in model.done:
            saved = scaler.saved_scaler(job.model_file) if job.model_file else None
            if saved is not None and saved.kind not in moments:
                moments[saved.kind] = scaler.moments(windows, saved.kind)
            stopping = None
            scores, best = job.history.get("val_macro_f1"), job.info.get("best_epoch")
            if scores and best is not None:
                stopping = (scores[best - 1], validation_macro_f1(job, windows.labels, k))
            out.append(
                leakage.Evidence(
                    model=model.name,
                    fold=job.fold,
                    seed=job.seed,
                    subjects=folds[job.fold],
                    record={p: job.info[p] for p in leakage.PARTS},
                    train=job.train_index,
                    validation=job.validation_index,
                    test=job.test_index,
                    scaler=saved,
                    moments=moments[saved.kind] if saved else None,
                    early_stopping=stopping,
                )
            )
    return out
