"""All jobs of a comparison over processes, with one progress display and an estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from har import fanout
from har.plural import counted
from har.progress import roughly
from har.store import Store
from har.training import backend, pace
from har.training.job import Task, run_job
from har.training.job_files import JobRecord

CHANGES_NO_RESULT = True


def run_tasks(tasks: Sequence[Task], crew: fanout.Crew) -> list[JobRecord]:
    """Train what is not stored yet; for each task, where its result is, or why it failed."""
    todo = [i for i, task in enumerate(tasks) if task.find() is None]
    # The same training may stand twice under two labels.
    first = sorted({tasks[i].key: i for i in reversed(todo)}.values())
    known = pace.seconds([tasks[i] for i in first])
    took = {i: s or pace.guessed(tasks[i]) for i, s in zip(first, known, strict=True)}
    order = [tasks[i] for i in longest_first(tasks, took)]
    seconds = None if None in known else sum(took.values())
    failed = _train(order, seconds, len(tasks), crew) if order else {}
    return [_record(task, failed.get(task.key)) for task in tasks]


def _record(task: Task, reason: str | None) -> JobRecord:
    found = task.find() if reason is None else None
    return JobRecord(
        model=task.job.model.key,
        fold=task.job.fold,
        seed=task.job.seed,
        key=task.key,
        folder=found.folder if found else None,
        reason=reason or ("" if found else "it left no result"),
    )


def _train(
    tasks: Sequence[Task], seconds: float | None, of: int, crew: fanout.Crew
) -> dict[str, str]:
    """Train tasks in order, with a display of how far they are; reasons of those that fail, by key.

    All of them take `seconds` one after the other, if that is known, and are `of` with those that
    are stored.
    """
    console = crew.console
    slots = min(crew.slots(), len(tasks))
    already = f", {of - len(tasks)} stored already" if len(tasks) < of else ""
    where = f" on {crew.dask}" if crew.dask else ""
    about = "" if seconds is None else f", about {roughly(seconds / slots)}"
    jobs = counted(len(tasks), "job")
    console.print(f"  {jobs}{already}; {slots} at a time{where}{about}")
    epochs = [task.epochs_at_most for task in tasks]
    reached = [0] * len(tasks)
    failed: dict[str, str] = {}
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
        bar = progress.add_task(f"0 of {jobs}", total=sum(epochs))

        def advance(n: int, epoch: int) -> None:
            progress.advance(bar, epoch - reached[n])
            reached[n] = epoch

        outcomes = _outcomes(
            tasks,
            crew,
            on_report=lambda n, message: advance(n, message["epoch"]),
            say=console.print,
        )
        for finished, (n, outcome) in enumerate(outcomes, start=1):
            advance(n, epochs[n])  # early stopping ends before the last epoch
            progress.update(bar, description=f"{finished} of {jobs}")
            if not console.is_terminal:  # where no display is drawn anew
                left = progress.tasks[0].time_remaining
                more = f", about {roughly(left)} left" if left else ""
                console.print(f"  {finished} of {jobs}: {tasks[n].job}{more}")
            if isinstance(outcome, fanout.Failed):
                failed[tasks[n].key] = outcome.reason
                console.print(f"  [red]failed[/red]: {tasks[n].job}: {outcome.reason}")
                if outcome.details:
                    console.print(outcome.details, style="dim", markup=False)
    return failed


def longest_first(tasks: Sequence[Task], took: Mapping[int, float]) -> list[int]:
    """Tasks in order of training, by index, of those whose seconds are in `took`: nobody is left
    with a long job at the end.

    Jobs of one model stay together, since a process keeps what it compiled for the last.
    """
    longest: dict[str, float] = {}
    for i, seconds in took.items():
        model = tasks[i].job.model.key
        longest[model] = max(longest.get(model, 0.0), seconds)
    place = {model: n for n, model in enumerate(sorted(longest, key=lambda m: -longest[m]))}
    return sorted(took, key=lambda i: (place[tasks[i].job.model.key], i))


def _outcomes(
    tasks: Sequence[Task],
    crew: fanout.Crew,
    *,
    on_report: Callable[[int, Any], None],
    say: Callable[[str], None],
) -> Iterator[tuple[int, fanout.Done | fanout.Failed]]:
    """Each task's outcome, once; those that another run is training come last, when it has."""
    try:
        yield from _rounds(tasks, crew, on_report, say)
    finally:  # interrupted, its processes are ended in the midst of their work
        for store in {task.store for task in tasks}:
            Store(store).sweep("job")


def _rounds(
    tasks: Sequence[Task],
    crew: fanout.Crew,
    on_report: Callable[[int, Any], None],
    say: Callable[[str], None],
) -> Iterator[tuple[int, fanout.Done | fanout.Failed]]:
    todo = list(enumerate(tasks))
    for wait in (False, True):
        later = []
        numbers = [n for n, _ in todo]
        for i, outcome in crew.run(
            run_job,
            [task.sent(wait=wait) for _, task in todo],
            shared=tasks[0].store,
            env=environment,
            kind=lambda task: task.job.model.key,  # compiled once for all folds and seeds
            per_gpu=tasks[0].training.jobs_per_gpu,
            on_report=lambda i, message, of=numbers: on_report(of[i], message),
        ):
            if isinstance(outcome, fanout.Done) and outcome.value is None:
                later.append(todo[i])
            else:
                yield todo[i][0], outcome
        if not later:
            return
        say(f"  waiting for {counted(len(later), 'job')} that another run is training")
        todo = sorted(later, key=lambda pair: pair[0])


def environment(task: Task) -> dict[str, str]:
    """Of a process that runs the task."""
    return backend.environment(task.backend)
