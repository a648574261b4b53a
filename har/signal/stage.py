"""The `prepare` stage: from recordings to windows."""

from __future__ import annotations

import json
from typing import Any

from har.config import Pipeline, Table
from har.stages import Context, Stage
from har.store import Output, Writing


def _config(pipeline: Pipeline) -> dict[str, Any]:
    return {
        **pipeline.model_dump(include={"activities", "signal", "windows"}),
        "keep_null": _keeps_null(pipeline),
    }


def _keeps_null(pipeline: Pipeline) -> bool:
    return isinstance(pipeline.dataset, Table) and pipeline.dataset.null_label == "keep"


def _run(context: Context, writing: Writing) -> None:
    from har.ingest import recording_files
    from har.signal import window_files
    from har.signal.prepare import prepare

    p = context.pipeline
    windows = prepare(
        recording_files.read(context.outputs["ingest"].path),
        signal=p.signal,
        windows=p.windows,
        activities=p.activities,
        keep_null=_keeps_null(p),
    )
    window_files.write(writing.path, windows)
    writing.note(windows=len(windows), subjects=len(set(windows.subjects)))


def _summarise(_: Context, output: Output) -> str:
    about = json.loads((output.path / "prepared.json").read_text(encoding="utf-8"))
    rejected = about["rejected"]
    lost = ", ".join(f"{n} {reason}" for reason, n in rejected.items()) or "none"
    return _aligned(about["aligned"]) + (
        f"{output.meta['windows']} windows of {about['n_samples']} samples "
        f"({about['n_samples'] / about['rate_hz']:g} s at {about['rate_hz']:g} Hz), "
        f"{len(about['activities'])} activities, {output.meta['subjects']} subjects; "
        f"rejected: {lost}"
    )


def _aligned(seconds: dict[str, int]) -> str:
    if not seconds:
        return ""
    lacking = [name for name, s in seconds.items() if not s]
    said = f"{len(seconds) - len(lacking)} of {len(seconds)} recordings turned by their walking"
    if lacking:
        some = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
        said += f" (as recorded, for want of it: {some})"
    return f"{said}; "


STAGE = Stage(
    name="prepare",
    summary="resample to one rate and cut windows",
    needs=("ingest",),
    modules=("har.signal.stage",),
    config=_config,
    run=_run,
    summarise=_summarise,
)
