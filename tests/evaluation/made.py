"""A small train output made by hand: recordings of noise, folds, jobs and their predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from har.config import Pipeline
from har.evaluation.results import Results
from har.pipeline_file import parse
from har.signal.windows import Windows, sliding_starts
from har.training import job_files
from har.training.job_files import JobRecord

ACTIVITIES = ("walk", "sit", "jump")
N_SAMPLES, STEP, TAPS = 16, 8, np.array([0.25, 0.5, 0.25])
N_RAW = N_SAMPLES + len(TAPS) - 1


def windows(people: int = 6, recordings: int = 3, length: int = 170, seed: int = 0) -> Windows:
    """Each person's recordings are noise around means of her own, one activity a recording."""
    rng = np.random.default_rng(seed)
    samples, starts, labels, subjects, names, spans = [], [], [], [], [], []
    at = 0
    for person in range(people):
        mean = rng.normal(size=3) * 2
        for r in range(recordings):
            samples.append((rng.normal(size=(length, 3)) + mean).astype(np.float32))
            local = sliding_starts(length, length=N_RAW, step=STEP)
            starts += (at + local).tolist()
            spans += [(s, s + N_RAW) for s in local.tolist()]
            labels += [r % len(ACTIVITIES)] * len(local)
            subjects += [str(person + 1)] * len(local)
            names += [f"{person + 1}/{r}/wrist"] * len(local)
            at += length
    n = len(starts)
    return Windows(
        samples=np.concatenate(samples),
        starts=np.array(starts, np.int64),
        n_samples=N_SAMPLES,
        taps=TAPS,
        labels=np.array(labels, np.int64),
        purity=np.ones(n, np.float32),
        subjects=np.array(subjects),
        recordings=np.array(names),
        spans=np.array(spans, np.int64),
        activities=ACTIVITIES,
        rate_hz=50.0,
        rejected={"mixed labels": 4},
    )


def folds(w: Windows, n: int = 3) -> list[dict[str, list[str]]]:
    people = sorted(set(w.subjects.tolist()), key=int)
    out = []
    for f in range(n):
        test = people[f::n]
        rest = [p for p in people if p not in test]
        out.append({"train": rest[1:], "validation": rest[:1], "test": test})
    return out


def of_people(w: Windows, names: list[str]) -> np.ndarray:
    return np.flatnonzero(np.isin(w.subjects, names))


def probabilities(w: Windows, index: np.ndarray, skill: float, seed: int) -> np.ndarray:
    """Right with probability `skill`, otherwise a random class."""
    rng = np.random.default_rng([seed, len(index), int(index[0])])
    guess = np.where(
        rng.random(len(index)) < skill, w.labels[index], rng.integers(3, size=len(index))
    )
    p = np.full((len(index), 3), 0.1)
    p[np.arange(len(index)), guess] = 0.8
    return p.astype(np.float32)


def write_job(
    folder: Path,
    w: Windows,
    people: dict[str, list[str]],
    *,
    skill: float,
    seed: int = 0,
    index: dict[str, np.ndarray] | None = None,
    **about,
) -> Path:
    """A job folder as training leaves it; `about` overrides `job.json`, `index` the windows."""
    folder.mkdir(parents=True)
    index = index or {p: of_people(w, people[p]) for p in ("train", "validation", "test")}
    arrays = {f"{part}_index": i for part, i in index.items()}
    for part in ("validation", "test"):
        arrays[f"{part}_probabilities"] = probabilities(w, index[part], skill, seed)
    predictions = job_files.Predictions(**arrays)
    from sklearn.metrics import f1_score

    score = f1_score(
        w.labels[index["validation"]],
        arrays["validation_probabilities"].argmax(axis=1),
        average="macro",
        labels=np.unique(w.labels[index["validation"]]),
    )
    record = job_files.About(**{
        "model": "cnn", "name": "cnn", "params": {}, "fold": 0, "seed": seed, **people,
        "parameters": 1234, "train_seconds": 1.5, "epochs_run": 3, "best_epoch": 2,
        "exportable": True, "backend": None, "n_train": len(index["train"]), "temperature": 1.0,
        "chosen_by": None, **about,
    })  # fmt: skip
    history = {
        "loss": [1.2, 0.8, 0.6],
        "val_loss": [1.1, 0.9, 1.0],
        "val_accuracy": [0.4, 0.7, 0.6],
        "val_macro_f1": [score / 2, float(score), score / 3],
        "learning_rate": [1e-3, 1e-3, 5e-4],
    }
    network = record.best_epoch is not None
    job_files.write(folder, record, history if network else {}, predictions)
    return folder


def train(
    root: Path, w: Windows, *, skills: dict[str, float], seeds: tuple[int, ...] = (0, 1), n: int = 3
) -> tuple[list[dict[str, list[str]]], list[JobRecord]]:
    """All jobs of some models; `extra_trees` is written as a classical model."""
    parts, records = folds(w, n), []
    for name, skill in skills.items():
        about = {"model": name, "name": name}
        if name == "extra_trees":
            about |= {"parameters": None, "best_epoch": None, "exportable": False}
        for seed in seeds:
            for f, fold in enumerate(parts):
                key = f"{name}-{f}-{seed}"
                folder = write_job(root / key, w, fold, skill=skill, seed=seed, fold=f, **about)
                records.append(JobRecord(name, f, seed, key, folder))
    return parts, records


def pipeline(
    models: list[str], seeds: tuple[int, ...] = (0, 1), name: str = "made", **more
) -> Pipeline:
    return parse(
        {
            "name": name,
            "dataset": "watch",
            "models": models,
            "training": {"seeds": list(seeds)},
            "split": {"scheme": "subject-folds", "folds": 3},
            **more,
        }
    )


NO_SCORES = {
    "accuracy": None, "macro_f1": None, "macro_f1_ci95": None, "macro_f1_seed_sd": None,
    "macro_f1_subject_sd": None, "fold_macro_f1": None, "validation_macro_f1": None,
    "exportable": True, "by_epochs": True, "backend": "tensorflow", "per_seed": [],
    "per_class": None, "per_subject": {}, "parameters": None, "train_seconds": 1.5,
    "failed_jobs": [], "confusion": None, "seed_ensemble": None, "export": {},
}  # fmt: skip
CLEAN = {
    "fold": 0, "shared_subjects": [], "shared_samples": 0, "duplicate_windows": 0,
    "scaler_max_abs_diff": None, "early_stopping_max_abs_diff": None,
}  # fmt: skip


def results(of: Pipeline, models: dict[str, dict], **changes) -> Results:
    """Results that nobody computed: the scores that are given, and what else must be there."""
    people = sorted({p for m in models.values() for p in m.get("per_subject", {})})
    return Results.model_validate(
        {
            "schema": "har/results/1",
            "pipeline": of.name,
            "dataset": of.dataset_name,
            "protocol": "made up",
            "headline": ["made up"],
            "statistics": [],
            "config": of,
            "config_key": "0123456789abcdef",
            "data_fingerprint": "fedcba9876543210",
            "code": "c0de",
            "versions": {},
            "subjects": people,
            "activities": list(ACTIVITIES),
            "seeds": [0],
            "folds": [{"train": people, "validation": [], "test": []}],
            "windows": {"kept": 100, "rejected": {}},
            "selected": None,
            "models": {name: NO_SCORES | scores for name, scores in models.items()},
            "comparisons": [],
            "critical_difference": None,
            "leakage": {"ok": True, "folds": [CLEAN]},
            **changes,
        }
    )
