"""The `prepare` stage: from recordings to windows."""

from __future__ import annotations

from typing import Any

from har.config import Pipeline
from har.stages import Context, Stage
from har.store import Writing


def _config(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.model_dump(include={"activities", "signal", "windows"})


def _run(context: Context, writing: Writing) -> None:
    from contextlib import closing

    import numpy as np

    from har.ingest import recording_files
    from har.signal import window_files
    from har.signal.prepare import prepare

    p = context.pipeline
    path = writing.path / window_files.SAMPLES
    with closing(recording_files.ArrayFile(path, np.float32, (3,))) as file:
        windows = prepare(
            recording_files.read(context.outputs["ingest"].path),
            signal=p.signal,
            windows=p.windows,
            activities=p.activities,
            file=file,
        )
    window_files.write(writing.path, windows)
    writing.note(windows=len(windows), subjects=len(set(windows.subjects)))


STAGE = Stage(
    name="prepare",
    summary="resample to one rate and cut windows",
    needs=("ingest",),
    modules=("har.signal.stage",),
    config=_config,
    run=_run,
)
