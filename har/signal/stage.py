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
    from har.signal import batches, window_files
    from har.signal.prepare import Recipe, together

    p = context.pipeline
    ingested = context.outputs["ingest"].path
    recordings = recording_files.read(ingested)
    recipe = Recipe.of(recordings, p.signal, p.windows, p.activities)
    keys = batches.keys_of(recipe, ingested)
    path = writing.path / window_files.SAMPLES
    with closing(recording_files.ArrayFile(path, np.float32, (3,))) as file:
        each = batches.prepare(
            recipe,
            recordings,
            keys,
            file,
            ingested=ingested,
            earlier=batches.Earlier(context.store, writing.parts, keys),
            crew=context.crew,
        )
        windows = together(recipe, recordings, each, file.mapped(), batches.by_code)
    window_files.write(writing.path, windows)
    batches.keep(context.store, writing.parts, keys, each)
    people = {r.subject for r, of in zip(recordings, each, strict=True) if len(of.starts)}
    writing.note(windows=len(windows), subjects=len(people))


STAGE = Stage(
    name="prepare",
    summary="resample to one rate and cut windows",
    needs=("ingest",),
    modules=("har.signal.stage",),
    config=_config,
    run=_run,
)
