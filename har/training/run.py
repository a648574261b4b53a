"""All jobs of a comparison over processes, with one progress display and an estimate."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from har import fanout
from har.models import registry
from har.training.job import Task, run_job

CHANGES_NO_RESULT = True

WINDOWS_PER_S = 4000.0
"""Guess for a model that was never trained here."""


def run_tasks(
    tasks: Sequence[Task], *, jobs: int, console: Console, dask: str | None = None
) -> dict[int, str]:
    """Train what is not stored yet.

    Parameters
    ----------
    tasks : sequence of Task
    jobs : int
        Processes at a time.
    console : Console
        For progress.
    dask : str, optional
        Address of a Dask scheduler whose workers train; they see the same workspace.

    Returns
    -------
    dict
        Reasons by index of the tasks that failed; the others are in the store.
    """
    todo = [i for i, task in enumerate(tasks) if task.find() is None]
    # The same training may stand twice under two labels.
    first = {tasks[i].key: i for i in reversed(todo)}
    if not first:
        return {}
    todo = sorted(first.values())
    took = dict(zip(todo, estimate([tasks[i] for i in todo]), strict=True))
    todo = longest_first(tasks, took)
    slots = min(fanout.slots(jobs, dask), len(todo))
    about = roughly(sum(took.values()) / slots)
    already = f", {len(tasks) - len(todo)} stored already" if len(todo) < len(tasks) else ""
    where = f" on {dask}" if dask else ""
    console.print(f"  {len(todo)} jobs{already}; {slots} at a time{where}, about {about}")
    epochs = [tasks[i].epochs or tasks[i].training.epochs for i in todo]
    reached = [0] * len(todo)
    failed: dict[int, str] = {}
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(f"0 of {len(todo)} jobs", total=sum(epochs))

        def advance(n: int, epoch: int) -> None:
            progress.advance(bar, epoch - reached[n])
            reached[n] = epoch

        outcomes = _outcomes(
            [tasks[i] for i in todo],
            jobs=jobs,
            dask=dask,
            on_report=lambda n, message: advance(n, message["epoch"]),
            say=progress.console.print,
        )
        for finished, (n, outcome) in enumerate(outcomes, start=1):
            advance(n, epochs[n])  # early stopping ends before the last epoch
            progress.update(bar, description=f"{finished} of {len(todo)} jobs")
            task = tasks[todo[n]]
            if isinstance(outcome, fanout.Failed):
                progress.console.print(f"  [red]failed[/red]: {task.job}: {outcome.reason}")
                if outcome.details:
                    progress.console.print(outcome.details, style="dim", markup=False)
                for i, other in enumerate(tasks):
                    if other.key == task.key:
                        failed[i] = outcome.reason
    return failed


def longest_first(tasks: Sequence[Task], took: Mapping[int, float]) -> list[int]:
    """The keys of `took`, in order of training: nobody is left with a long job at the end.

    Jobs of one model stay together, since a process keeps what it compiled for the last.

    Parameters
    ----------
    tasks : sequence of Task
    took : mapping of int to float
        Seconds of some of them, by index.
    """
    longest: dict[str, float] = {}
    for i, seconds in took.items():
        model = tasks[i].job.model.key
        longest[model] = max(longest.get(model, 0.0), seconds)
    place = {model: n for n, model in enumerate(sorted(longest, key=lambda m: -longest[m]))}
    return sorted(took, key=lambda i: (place[tasks[i].job.model.key], i))


def _outcomes(
    tasks: Sequence[Task],
    *,
    jobs: int,
    dask: str | None,
    on_report: Callable[[int, Any], None],
    say: Callable[[str], None],
) -> Iterator[tuple[int, fanout.Done | fanout.Failed]]:
    """Each task's outcome, once; those that another run is training come last, when it has."""
    todo = list(enumerate(tasks))
    for wait in (False, True):
        later = []
        numbers = [n for n, _ in todo]
        for i, outcome in fanout.run(
            run_job,
            [dataclasses.replace(task, wait=wait) for _, task in todo],
            jobs=jobs,
            env=environment,
            kind=_network,
            on_report=lambda i, message, of=numbers: on_report(of[i], message),  # type: ignore[misc]
            dask=dask,
        ):
            if isinstance(outcome, fanout.Done) and outcome.value is None:
                later.append(todo[i])
            else:
                yield todo[i][0], outcome
        if not later:
            return
        say(f"  waiting for {len(later)} jobs that another run is training")
        todo = sorted(later, key=lambda pair: pair[0])


def _network(task: Task) -> str:
    """What a process compiles once for all folds and seeds."""
    return task.job.model.key


def environment(task: Task) -> dict[str, str]:
    """Of a process that runs the task."""
    return fanout.ONE_THREAD | ({"KERAS_BACKEND": task.backend} if task.backend else {})


def estimate(tasks: Iterable[Task]) -> list[float]:
    """Seconds of each, from the speed of the newest stored job of its model."""
    out = []
    known: dict[str, float] = {}
    for task in tasks:
        name = task.job.model.name
        if name not in known:
            known[name] = _windows_per_s(task.store, name) or WINDOWS_PER_S
        # What is not trained by epochs passes its windows once.
        once = not registry.get(name).by_epochs
        epochs = 1 if once else task.epochs or task.training.epochs
        out.append(len(task.train) * epochs / known[name] + 2)
    return out


def _windows_per_s(store: Path, name: str) -> float | None:
    files = sorted(store.glob("job/[!.]*/job.json"), key=lambda p: -p.stat().st_mtime)
    for path in files[:200]:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["name"] == name:
            return float(about["n_train"] * (about["epochs_run"] or 1) / about["train_seconds"])
    return None


def roughly(seconds: float) -> str:
    """`40 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 10):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
