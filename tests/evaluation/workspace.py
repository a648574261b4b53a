"""A workspace whose `prepare` and `train` are made by hand, with `compare` and `report` run."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from rich.console import Console

from har.evaluation import stage as compare
from har.evaluation.results import Results
from har.report import stage as report
from har.signal import window_files
from har.stages import Context
from har.store import Store
from har.training.job_files import JobRecord, Trained
from har.workspace import Workspace
from tests import dots
from tests.evaluation import made


def context(
    root: Path, skills: dict[str, float], *, seeds: tuple[int, ...] = (0,), name: str = "made"
) -> Context:
    """As `har.pipeline` has it before `compare`; `console` writes into a string."""
    workspace = Workspace(root)
    store = Store(workspace.cache)
    w = made.windows()
    parts = {"config": {}, "inputs": {}, "code": "c0de"}
    with store.writing("prepare", "p0", parts) as writing:
        window_files.write(writing.path, w)
    jobs = root / "jobs"
    if not jobs.exists():
        made.train(jobs, w, skills=skills, seeds=seeds)
    records = []
    for model in skills:
        for seed in seeds:
            for fold in range(3):
                key = f"{model}-{fold}-{seed}"
                with store.writing("job", key, {}) as writing:
                    for file in (jobs / key).iterdir():
                        (writing.path / file.name).write_bytes(file.read_bytes())
                records.append(JobRecord(model, fold, seed, key, jobs / key))
    with store.writing("train", f"t-{name}", parts) as writing:
        Trained(made.folds(w), records).write(writing.path)
    return reopen(root, skills, seeds=seeds, name=name)


def reopen(
    root: Path, skills: dict[str, float], *, seeds: tuple[int, ...] = (0,), name: str = "made"
) -> Context:
    """The context of what is there already, with the outputs that are finished."""
    workspace = Workspace(root)
    found = Context(
        workspace,
        made.pipeline(list(skills), seeds, name=name),
        Store(workspace.cache),
        jobs=1,
        console=Console(file=io.StringIO(), width=200),
    )
    keys = {"prepare": "p0", "train": f"t-{name}", "compare": "k", "report": "k"}
    for stage_name, key in keys.items():
        if output := found.store.find(stage_name, key):
            found = found.with_output(stage_name, output)
    return found


def run(found: Context, key: str = "k", *, pictures: bool = False) -> Context:
    """Run `compare` and `report`, whose pictures are dots unless they are asked for."""
    with contextlib.nullcontext() if pictures else dots.instead():
        for each in (compare.STAGE, report.STAGE):
            with found.store.writing(each.name, key, each.parts(found)) as writing:
                each.run(found, writing)
            output = found.store.find(each.name, key)
            assert output is not None
            found = found.with_output(each.name, output)
    return found


def results(found: Context) -> Results:
    return report.published(found.outputs["report"])
