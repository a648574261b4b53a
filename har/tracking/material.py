"""What a finished comparison left on disk, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har.files import digest
from har.stages import Context
from har.training.job_files import JobRecord, Trained


@dataclass(frozen=True)
class Material:
    """What a finished comparison left on disk.

    results : as in `results.json`. jobs : the finished ones. report : folder with `index.html` and
    `confusion/`, None before there is a report. bundle : folder with a folder per exported model,
    or None.
    """

    results: Mapping[str, Any]
    jobs: Sequence[JobRecord]
    report: Path | None
    bundle: Path | None

    @property
    def comparison(self) -> str:
        """The key of the comparison; an export adds to a comparison and does not make another."""
        models = {
            n: {k: v for k, v in m.items() if k not in ("train_seconds", "export")}
            for n, m in self.results["models"].items()
        }
        return digest([{**self.results, "models": models}, [j.key for j in self.jobs]])

    @property
    def additions(self) -> str:
        """Hash of what may come later: the report and the bundle."""
        export = {n: m["export"] for n, m in self.results["models"].items()}
        files = []
        for folder in filter(None, (self.report, self.bundle)):
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                stat = path.stat()
                files.append([str(path), stat.st_size, stat.st_mtime_ns])
        return digest([export, files])


def material(context: Context) -> Material | None:
    """What the finished stages of a pipeline left; None before `compare` is done."""
    outputs = context.outputs
    if "compare" not in outputs or "train" not in outputs:
        return None
    latest = [outputs[n].path for n in ("export", "report", "compare") if n in outputs]

    def newest(name: str) -> Path | None:
        return next((folder for folder in latest if (folder / name).exists()), None)

    source = newest("results.json")
    assert source is not None
    bundle = newest("bundle")
    return Material(
        results=json.loads((source / "results.json").read_text(encoding="utf-8")),
        jobs=[j for j in Trained.read(outputs["train"], context.store).jobs if j.folder],
        report=newest("index.html"),
        bundle=bundle / "bundle" if bundle else None,
    )
