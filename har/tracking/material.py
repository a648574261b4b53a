"""What a finished comparison left on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from har.evaluation.results import Results
from har.evaluation.stage import scores
from har.files import digest
from har.report.stage import published
from har.store import Output
from har.training.job_files import JobRecord, Trained


@dataclass(frozen=True)
class Material:
    """results : as published, or the scores before there is a report. jobs : the finished ones.
    report : folder with `index.html` and `confusion/`, None before there is a report. bundle :
    folder with a folder per exported model, or None.
    """

    results: Results
    jobs: Sequence[JobRecord]
    report: Path | None
    bundle: Path | None

    @property
    def comparison(self) -> str:
        """The key of the comparison; an export and a study add to one and do not make another."""
        results = self.results.model_dump(
            mode="json",
            exclude={"optimism": True, "models": {"__all__": {"train_seconds", "export"}}},
        )
        return digest([results, [j.key for j in self.jobs]])

    @property
    def additions(self) -> str:
        """Hash of what may come later: the report and the bundle."""
        export = {n: m.as_json()["export"] for n, m in self.results.models.items()}
        files = [
            [str(path), path.stat().st_size, path.stat().st_mtime_ns]
            for folder in filter(None, (self.report, self.bundle))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
        return digest([export, files])


def material(outputs: Mapping[str, Output]) -> Material | None:
    """What the finished stages of a pipeline left; None before `compare` is done."""
    if "compare" not in outputs or "train" not in outputs:
        return None
    report, export = outputs.get("report"), outputs.get("export")
    return Material(
        results=published(report) if report else scores(outputs["compare"]),
        jobs=[j for j in Trained.read(outputs["train"]).jobs if j.folder],
        report=report.path if report else None,
        bundle=export.path / "bundle" if export else None,
    )
