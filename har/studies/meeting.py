"""A fold model meets what it was never trained on: who notices, and what is let pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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

RULES = {"probability": 1.0, "distance": 0.0, "both": abstention.UNSURE}
"""What is asked, and the weight of the probability in it: the largest probability, the distance
that a bundle carries, the rarer of both as bundles weigh them."""


@dataclass(frozen=True, eq=False)
class Item:
    """A fold model and what it is asked about: windows of an activity that it was trained without,
    in `everything`, or made ones; with the windows of whom, `test` or `validation` people's, and by
    which rules, as `RULES`."""

    job: JobRecord
    prepared: Path
    everything: Path
    left_out: str | None
    elsewhere: tuple[str, Path] | None = None
    part: str = "test"
    rules: Mapping[str, float] = field(default_factory=lambda: RULES)


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
    asked, _ = predictions.of(item.part)
    known = _scores(network, ruler, windows.gather(asked))
    people = set(windows.subjects[asked].tolist())
    labels: dict[str, np.ndarray] = {}
    if item.left_out is None:
        met = made(windows, rng)
        met[KNOWN] = windows.gather(asked)
        labels[KNOWN] = windows.labels[asked]
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
        name: _compare(
            validation, right, known, _scores(network, ruler, x), labels.get(name), k, item.rules
        )
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
    rules: Mapping[str, float],
) -> dict[str, Any]:
    """By each rule: AUROC against known windows; shares that are answered at limits chosen on
    validation people's right answers, as which of k activities, and where there are labels, the
    share of those that is right.
    """
    from sklearn.metrics import roc_auc_score

    chosen = {name: of[right] for name, of in validation.items()}
    found: dict[str, Any] = {name: {} for name in ("auroc", "answered", "kept", "right", "called")}
    for rule, unsure in rules.items():
        scores = [_unknown(chosen, part, unsure) for part in (known, met)]
        truth = np.repeat([0, 1], [len(x) for x in scores])
        found["auroc"][rule] = float(roc_auc_score(truth, np.concatenate(scores)))
        least, most = abstention.limits(-chosen["probability"], chosen["distance"], unsure)
        own, through = (
            (-part["probability"] >= least) & (part["distance"] <= most) for part in (known, met)
        )
        found["answered"][rule], found["kept"][rule] = float(through.mean()), float(own.mean())
        sure = through & (met["probability"] < -SURE)
        called = np.bincount(met["answers"][sure], minlength=k) / len(sure)
        found["called"][rule] = called.tolist()
        if labels is not None and through.any():
            found["right"][rule] = float((met["answers"] == labels)[through].mean())
    return {"n": len(met["answers"]), **found}


def _unknown(
    chosen: dict[str, np.ndarray], part: dict[str, np.ndarray], unsure: float
) -> np.ndarray:
    """How unknown windows are: the higher, the less known."""
    if unsure in (0, 1):  # finer than ranks
        return part["probability" if unsure else "distance"]
    known, its = ((-of["probability"], of["distance"]) for of in (chosen, part))
    return -abstention.rarity(*known, *its, unsure)


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
