"""The `train` stage: every model on every fold with every seed."""

from __future__ import annotations

from typing import Any

from har.config import Pipeline
from har.stages import Context, Stage
from har.store import Output, Writing


def _config(pipeline: Pipeline) -> dict[str, Any]:
    from har.training import backend

    config = pipeline.model_dump(include={"split", "models", "training"})
    # What it means here counts; of `auto`, what it means for long jobs, and which those are.
    wanted, device, _ = (config["training"].pop(name) for name in backend.WISHES)
    config["backends"] = {
        m.key: backend.described(backend.choose(wanted, m.name, device=device))
        for m in pipeline.models
    }
    config["long_from"] = backend.LONG if wanted == "auto" else None
    return config


def _run(context: Context, writing: Writing) -> None:
    from har.signal import window_files
    from har.training import splits
    from har.training.job_files import Trained
    from har.training.run import run_tasks
    from har.training.tasks import TaskMaker

    p = context.pipeline
    prepared = context.outputs["prepare"]
    windows = window_files.load(prepared.path)
    folds = splits.make(windows, p.split)
    tasks = TaskMaker(prepared, context.store, p.training).folds(p.models, folds)
    jobs = run_tasks(tasks, context.crew)
    Trained([fold.people() for fold in folds], jobs).write(writing.path)
    writing.note(jobs=len(jobs), failed=sorted(j.key for j in jobs if j.folder is None))


def _complete(output: Output) -> bool:
    from har.training.job_files import Trained

    return all(j.folder for j in Trained.read(output).jobs)


STAGE = Stage(
    name="train",
    summary="every model on every fold with every seed",
    needs=("prepare",),
    modules=("har.training.stage",),
    config=_config,
    run=_run,
    complete=_complete,
    shared=True,
)
