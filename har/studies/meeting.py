"""A fold model meets what it was never trained on: who notices, and what is let pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.export.outputs import both
from har.runtime import likeness, novelty
from har.runtime.interpreter import FEATURES, PROBABILITIES
from har.signal import window_files
from har.signal.windows import Windows
from har.training.job_files import MODEL, JobRecord

KNOWN = "its own activities"
ACCEPTED = 0.95
"""Share of validation people's windows that every rule lets pass."""

N_FITTED = 4000
"""Training windows that the distances are fitted on."""

N_MADE = 400
RULES = ("probability", "network", "window", "both")
"""What is asked: the largest probability; the distance in the network's last features; the same in
features of the window itself; the rarer of probability and network."""


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
    from har.models.saved import load_model

    windows = window_files.load(item.prepared)
    predictions = item.job.read().predictions
    rng = np.random.default_rng(0)
    train = predictions.train_index
    if len(train) > N_FITTED:
        train = np.sort(rng.choice(train, N_FITTED, replace=False))
    asked = Asked.of(load_model(item.job.path / MODEL), windows, train)
    validation = asked.scores(windows.gather(predictions.validation_index))
    known = asked.scores(windows.gather(predictions.test_index))
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
            mine = np.sort(rng.choice(mine, min(len(mine), N_FITTED), replace=False))
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
        name: _compare(validation, known, asked.scores(x), labels.get(name)) | {"kind": kind}
        for name, x in met.items()
        if len(x)
    }


@dataclass(frozen=True, eq=False)
class Asked:
    """A fold's network, and where its training windows are in two spaces."""

    network: Any
    lags: tuple[int, ...]
    of_network: novelty.Clouds
    of_window: novelty.Clouds

    @classmethod
    def of(cls, model: Any, windows: Windows, train: np.ndarray) -> Asked:
        network = both([model])
        lags = likeness.lags(windows.rate_hz, windows.n_raw)
        x, labels = windows.gather(train), windows.labels[train]
        features = np.asarray(network.predict(x, batch_size=512, verbose=0)[FEATURES], np.float64)
        k = len(windows.activities)
        return cls(
            network, lags, clouds(features, labels, k), clouds(novelty.describe(x, lags), labels, k)
        )

    def scores(self, x: np.ndarray) -> dict[str, np.ndarray]:
        found = self.network.predict(x, batch_size=512, verbose=0)
        p, features = found[PROBABILITIES], found[FEATURES]
        answers = np.asarray(p).argmax(1)
        return {
            "answers": answers,
            "probability": -np.asarray(p, np.float64).max(1),
            "network": self.of_network.distance(np.asarray(features, np.float64), answers),
            "window": self.of_window.distance(novelty.describe(x, self.lags), answers),
        }


def clouds(features: np.ndarray, labels: np.ndarray, k: int) -> novelty.Clouds:
    """Means of k activities and one covariance, shrunk as Ledoit and Wolf do."""
    from sklearn.covariance import LedoitWolf

    centre, spread = features.mean(0), features.std(0) + 1e-9
    x = (features - centre) / spread
    means = np.stack(
        [
            x[labels == i].mean(0) if (labels == i).any() else np.full(x.shape[1], np.inf)
            for i in range(k)
        ]
    )
    precision = LedoitWolf(assume_centered=True).fit(x - means[labels]).precision_
    whitening = np.linalg.cholesky(precision) / spread[:, None]
    return novelty.Clouds(means * spread + centre, whitening)


def _compare(
    validation: dict[str, np.ndarray],
    known: dict[str, np.ndarray],
    met: dict[str, np.ndarray],
    labels: np.ndarray | None,
) -> dict[str, Any]:
    """AUROC against test people's known windows; shares let pass at validation's threshold, and
    where there are labels, the share of those that is right."""
    from sklearn.metrics import roc_auc_score

    auroc, passed, kept, right = {}, {}, {}, {}
    for part in (validation, known, met):
        part["both"] = -np.minimum(
            novelty.tail(validation["probability"], part["probability"]),
            novelty.tail(validation["network"], part["network"]),
        )
    truth = np.repeat([0, 1], [len(known["both"]), len(met["both"])])
    for rule in RULES:
        limit = np.quantile(validation[rule], ACCEPTED)
        auroc[rule] = float(roc_auc_score(truth, np.concatenate([known[rule], met[rule]])))
        passed[rule] = float((met[rule] <= limit).mean())
        kept[rule] = float((known[rule] <= limit).mean())
        through = met[rule] <= limit
        if labels is not None and through.any():
            right[rule] = float((met["answers"] == labels)[through].mean())
    return {"n": len(met["both"]), "auroc": auroc, "passed": passed, "kept": kept, "right": right}


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
