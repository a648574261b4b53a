"""The `train` stage: every model on every fold with every seed."""

from __future__ import annotations

import json
from typing import Any

from har.config import ModelConfig, Pipeline
from har.files import write_json
from har.stages import Context, Stage
from har.store import Output, Writing
from har.training.job import FINAL, Job, Task


def _config(pipeline: Pipeline) -> dict[str, Any]:
    from har.training import backend

    config = pipeline.model_dump(include={"split", "models", "training"})
    # What it means here counts; of `auto`, what it means for long jobs, and which those are.
    wanted = config["training"].pop("backend")
    config["backends"] = {
        m.key: backend.described(backend.choose(wanted, m.name)) for m in pipeline.models
    }
    config["long_from"] = backend.LONG if wanted == "auto" else None
    return config


def _run(context: Context, writing: Writing) -> None:
    from har.models import registry
    from har.signal import window_files
    from har.training import splits
    from har.training.run import run_tasks

    p = context.pipeline
    for model in p.models:  # a wrong parameter is refused before anything is trained
        registry.get(model.name).resolve(model.params)
        registry.get(model.name).require()
    prepared = context.outputs["prepare"]
    windows = window_files.load(prepared.path)
    folds = splits.make(windows, p.split)
    jobs = [
        Job(model, fold, seed)
        for model in p.models
        for seed in p.training.seeds
        for fold in range(len(folds))
    ]
    tasks = [
        Task(
            job=job,
            training=p.training,
            train=folds[int(job.fold)].train,
            validation=folds[int(job.fold)].validation,
            test=folds[int(job.fold)].test,
            prepared=prepared.path,
            prepared_fingerprint=prepared.fingerprint,
            store=context.store.root,
        )
        for job in jobs
    ]
    failed = run_tasks(tasks, jobs=context.jobs, console=context.console, dask=context.dask)
    write_json(
        writing.path / "folds.json",
        [{part: f.subjects(part) for part in ("train", "validation", "test")} for f in folds],
    )
    write_json(
        writing.path / "jobs.json",
        [
            {
                "model": task.job.model.key,
                "fold": task.job.fold,
                "seed": task.job.seed,
                "key": task.key,
                "status": "failed" if i in failed else "done",
                "reason": failed.get(i, ""),
            }
            for i, task in enumerate(tasks)
        ],
    )
    writing.note(jobs=len(tasks), failed=sorted(tasks[i].key for i in failed))


def final_task(
    context: Context, model: ModelConfig, seed: int, epochs: int, temperature: float
) -> Task:
    """The fit of a recipe on all people, for what ships.

    Parameters
    ----------
    context : Context
        With the output of `prepare`.
    model : ModelConfig
    seed, epochs : int
        Epochs: the median of the best epochs that the folds' validation people chose.
    temperature : float
        The median of the folds'.
    """
    import numpy as np

    from har.signal import window_files

    prepared = context.outputs["prepare"]
    windows = window_files.load(prepared.path)
    nobody = np.empty(0, np.int64)
    return Task(
        job=Job(model, FINAL, seed),
        training=context.pipeline.training,
        train=np.flatnonzero(~np.isin(windows.subjects, context.pipeline.split.exclude)),
        validation=nobody,
        test=nobody,
        prepared=prepared.path,
        prepared_fingerprint=prepared.fingerprint,
        store=context.store.root,
        epochs=epochs,
        temperature=temperature,
    )


def _complete(output: Output) -> bool:
    store_root = output.path.parent.parent
    records = json.loads((output.path / "jobs.json").read_text(encoding="utf-8"))
    return not output.meta["failed"] and all(
        (store_root / "job" / r["key"] / "meta.json").is_file() for r in records
    )


def _summarise(_: Context, output: Output) -> str:
    n = len(output.meta["failed"])
    return f"{output.meta['jobs']} jobs trained" + (f", {n} of them failed" if n else "")


STAGE = Stage(
    name="train",
    summary="every model on every fold with every seed",
    needs=("prepare",),
    modules=("har.training.stage",),
    config=_config,
    run=_run,
    summarise=_summarise,
    complete=_complete,
)
