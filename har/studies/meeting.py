"""A fold model meets what it was never trained on: who notices, and what is let pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import TrainingError
from har.export import abstention, acquaintance, outputs
from har.runtime.familiarity import Ruler
from har.signal import window_files
from har.signal.windows import Windows
from har.training.job_files import MODEL, JobRecord

KNOWN = "its own activities"

N_ASKED = 4000
"""Windows of another placement, at most."""

N_MADE = 400
SURE = 0.5
"""What is answered with more is counted by activity."""

RULES = ("probability", "distance", "both")
"""What is asked: the largest probability, the distance that a bundle carries, the rarer of both."""


@dataclass(frozen=True, eq=False)
class Item:
    """A fold model and what it is asked about: windows of an activity that it was trained without,
    in `everything`, or made ones."""

    job: JobRecord
    prepared: Path
    everything: Path
    left_out: str | None
    elsewhere: tuple[str, Path] | None = None


def ask(item: Item, _report: Callable[[Any], None]) -> dict[str, dict[str, Any]]:
    """Scores of each rule on known and unknown windows: the higher, the less known."""
    windows = window_files.load(item.prepared)
    # The model that its validation people were never fitted to.
    predictions, file = item.job.read().predictions, item.job.chooser / MODEL
    rng = np.random.default_rng(0)
    k, size = len(windows.activities), file.stat().st_size
    network = outputs.load([file])
    ruler = acquaintance.ruler_of(
        network, windows, predictions.train_index, acquaintance.n_features(size, k)
    )
    if ruler is None:
        raise TrainingError(f"{file} has no features that vary.")
    validation = _scores(network, ruler, windows.gather(predictions.validation_index))
    right = validation["answers"] == windows.labels[predictions.validation_index]
    known = _scores(network, ruler, windows.gather(predictions.test_index))
    people = set(windows.subjects[predictions.test_index].tolist())
    labels: dict[str, np.ndarray] = {}
    if item.left_out is None:
        met = made(windows, rng)
        met[KNOWN] = windows.gather(predictions.test_index)
        labels[KNOWN] = windows.labels[predictions.test_index]
        if item.elsewhere:
            name, path = item.elsewhere
            other = window_files.load(path)
            ours = [windows.activities.index(a) if a in windows.activities else -1
                    for a in other.activities]  # fmt: skip
            mine = np.flatnonzero(np.array(ours)[other.labels] >= 0)
            mine = np.sort(rng.choice(mine, min(len(mine), N_ASKED), replace=False))
            met[name] = other.gather(mine)
            labels[name] = np.array(ours)[other.labels[mine]]
    else:
        whole = window_files.load(item.everything)
        its = whole.labels == whole.activities.index(item.left_out)
        met = {
            item.left_out: whole.gather(
                np.flatnonzero(its & np.isin(whole.subjects, sorted(people)))
            )
        }
    kind = "made" if item.left_out is None else "left out"
    return {
        name: _compare(validation, right, known, _scores(network, ruler, x), labels.get(name), k)
        | {"kind": kind, "activities": list(windows.activities)}
        for name, x in met.items()
        if len(x)
    }


def _scores(network: Any, ruler: Ruler, x: np.ndarray) -> dict[str, np.ndarray]:
    found = outputs.asked(network, x)
    p = found.probabilities.astype(np.float64)
    return {"answers": p.argmax(1), "probability": -p.max(1), "distance": ruler(found.features)}


def _compare(
    validation: dict[str, np.ndarray],
    right: np.ndarray,
    known: dict[str, np.ndarray],
    met: dict[str, np.ndarray],
    labels: np.ndarray | None,
    k: int,
) -> dict[str, Any]:
    """AUROC against test people's known windows; shares that are answered at limits chosen on
    validation people's right answers, as which of k activities, and where there are labels, the
    share of those that is right.
    """
    from sklearn.metrics import roc_auc_score

    chosen = {k: validation[k][right] for k in ("probability", "distance")}
    alone, _ = abstention.limits(-chosen["probability"], None)
    least, most = abstention.limits(-chosen["probability"], chosen["distance"])
    auroc, answered, kept, correct = {}, {}, {}, {}
    for rule in RULES:
        scores = [_rank(chosen, part, rule) for part in (known, met)]
        truth = np.repeat([0, 1], [len(x) for x in scores])
        auroc[rule] = float(roc_auc_score(truth, np.concatenate(scores)))
    for rule, limits in (("probability", (alone, np.inf)), ("both", (least, most))):
        own, through = (
            (-part["probability"] >= limits[0]) & (part["distance"] <= limits[1])
            for part in (known, met)
        )
        answered[rule], kept[rule] = float(through.mean()), float(own.mean())
        sure = through & (met["probability"] < -SURE)
        called = np.bincount(met["answers"][sure], minlength=k) / len(sure)
        if labels is not None and through.any():
            correct[rule] = float((met["answers"] == labels)[through].mean())
    return {
        "n": len(met["answers"]), "auroc": auroc, "answered": answered, "kept": kept,
        "right": correct, "called": called.tolist(),
    }  # fmt: skip


def _rank(chosen: dict[str, np.ndarray], part: dict[str, np.ndarray], rule: str) -> np.ndarray:
    """How unknown windows are: by `both`, how rare the rarer score is among validation people's."""
    if rule != "both":
        return part[rule]
    return np.maximum(*(abstention.ranks(chosen[k], part[k]) for k in ("probability", "distance")))


def made(windows: Windows, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Windows that nobody wore: at rest any way up, tones, noise, a constant."""
    shape = (N_MADE, windows.n_raw, 3)
    up = rng.normal(size=(N_MADE, 1, 3))
    up *= 9.81 / np.linalg.norm(up, axis=2, keepdims=True)
    t = np.arange(windows.n_raw)[None, :, None] / windows.rate_hz
    tone = np.sin(
        2 * np.pi * (rng.uniform(0.3, 8, (N_MADE, 1, 3)) * t + rng.uniform(size=(N_MADE, 1, 3)))
    )
    found = {
        "at rest, any way up": up + rng.normal(0, 0.03, shape),
        "tones": up + rng.uniform(0.5, 8, (N_MADE, 1, 3)) * tone,
        "white noise": up + rng.uniform(0.5, 8, (N_MADE, 1, 1)) * rng.normal(size=shape),
        "a constant": np.broadcast_to(rng.uniform(-20, 20, (N_MADE, 1, 3)), shape),
    }
    return {name: x.astype(np.float32) for name, x in found.items()}
