"""What a train output holds: who was in which fold, and where each job's results are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.store import Output, Store


@dataclass(frozen=True)
class JobRecord:
    """A job as the comparison sees it. `folder` is None, and `reason` says why, if it failed."""

    model: str
    fold: int
    seed: int
    key: str
    folder: Path | None
    reason: str = ""

    @property
    def status(self) -> str:
        return "done" if self.folder else "failed"

    def about(self) -> dict[str, Any]:
        return self._json("job.json")

    def history(self) -> dict[str, list[float]]:
        return self._json("history.json")

    def predictions(self) -> dict[str, np.ndarray]:
        assert self.folder is not None
        with np.load(self.folder / "predictions.npz", allow_pickle=False) as z:
            return {name: z[name] for name in z.files}

    def _json(self, name: str) -> dict[str, Any]:
        assert self.folder is not None
        out: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return out


@dataclass(frozen=True)
class Trained:
    """The folds, as lists of subjects by part, and one record for each job."""

    folds: list[dict[str, list[str]]]
    jobs: list[JobRecord]


def load(output: Output, store: Store) -> Trained:
    folds = json.loads((output.path / "folds.json").read_text(encoding="utf-8"))
    records = json.loads((output.path / "jobs.json").read_text(encoding="utf-8"))
    jobs = []
    for r in records:
        found = store.find("job", r["key"]) if r["status"] == "done" else None
        reason = r["reason"] if r["status"] == "failed" else ""
        if r["status"] == "done" and found is None:
            reason = "its stored result was deleted; run har train"
        jobs.append(
            JobRecord(
                r["model"], r["fold"], r["seed"], r["key"], found.path if found else None, reason
            )
        )
    return Trained(folds, jobs)
