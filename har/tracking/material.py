"""What a finished comparison left on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from har.evaluation.results import Results
from har.evaluation.stage import scores
from har.files import FileHashes, digest
from har.report.stage import published
from har.store import Output
from har.training.job_files import MODEL, JobRecord, Trained

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Material:
    """results : as published, or the scores before there is a report. jobs : the finished ones.
    report : folder with `index.html` and `confusion/`, None before there is a report. bundle :
    folder with a folder per exported model, or None. keras : by exported model, the files of its
    final fits. prepared : the windows. hashes : of files, remembered.
    """

    results: Results
    jobs: Sequence[JobRecord]
    report: Path | None
    bundle: Path | None
    keras: Mapping[str, Sequence[Path]]
    prepared: Path
    hashes: FileHashes

    @cached_property
    def labels(self) -> np.ndarray:
        """Of the windows, int64."""
        from har.signal import window_files

        return window_files.load(self.prepared).labels

    @property
    def comparison(self) -> str:
        """The key of the comparison; an export and a study add to one and do not make another."""
        results = self.results.model_dump(
            mode="json",
            exclude={"optimism": True, "models": {"__all__": {"train_seconds", "export", "cost"}}},
        )
        return digest([results, [j.key for j in self.jobs]])

    @property
    def additions(self) -> str:
        """Hash of what may come later: the report and the bundle."""
        models = ((n, m.as_json()) for n, m in self.results.models.items())
        export = {n: (m["export"], m.get("cost")) for n, m in models}
        files = {
            path: path.relative_to(folder).as_posix()
            for folder in filter(None, (self.report, self.bundle))
            for path in folder.rglob("*")
            if path.is_file()
        }
        known = self.hashes.of(files)
        return digest([export, sorted([name, known[str(path)]] for path, name in files.items())])


def material(outputs: Mapping[str, Output], hashes: FileHashes) -> Material | None:
    """What the finished stages of a pipeline left; None before `compare` is done."""
    if "compare" not in outputs or "train" not in outputs:
        return None
    report, export = outputs.get("report"), outputs.get("export")
    return Material(
        results=published(report) if report else scores(outputs["compare"]),
        jobs=[j for j in Trained.read(outputs["train"]).jobs if j.folder],
        report=report.path if report else None,
        bundle=export.path / "bundle" if export else None,
        keras=_keras(export) if export else {},
        prepared=outputs["prepare"].path,
        hashes=hashes,
    )


def _keras(export: Output) -> dict[str, list[Path]]:
    jobs = export.path.parents[1] / "job"
    return {
        name: [jobs / key / MODEL for key in keys]
        for name, keys in export.meta.get("keras", {}).items()
    }
