"""Items over processes of this machine.

A process of its own per worker, started fresh (`spawn`, never a fork of a process that may hold
TensorFlow). joblib and `concurrent.futures` give the whole pool up when one worker is killed; here
that fails the item it was working on, by name, and a new worker takes the next.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import Any

from har.fanout import gpus
from har.fanout.outcome import (
    Done,
    Environment,
    Failed,
    Kind,
    Work,
    attempt,
    end_with_parent,
    environment_of,
    obituary,
)

CHANGES_NO_RESULT = True

_NOTHING = object()
"""The kind of no item."""


def run(
    function: Work,
    items: Sequence[Any],
    *,
    jobs: int,
    env: Environment,
    on_report: Callable[[int, Any], None] | None,
    kind: Kind = lambda _item: None,
    per_gpu: int = 1,
) -> Iterator[tuple[int, Done | Failed]]:
    """See `har.fanout.run`.

    Items with one environment share workers; a worker makes way for another when only items of
    another environment are left. A worker that has a GPU keeps it until then.
    """
    environments = [environment_of(item, env) for item in items]
    kinds = [kind(item) for item in items]
    wants_gpu = [e.get(gpus.VISIBLE) == gpus.ANY for e in environments]
    seats = gpus.seats(per_gpu) if any(wants_gpu) else []
    waiting = list(range(len(items)))
    workers: list[_Worker] = []

    def first_of(candidates: Sequence[int], last: Any) -> int:
        """Of the kind that a worker had last; else of one that no other has; else the first."""
        taken = {w.kind for w in workers}
        same = (i for i in candidates if kinds[i] == last)
        free = (i for i in candidates if kinds[i] not in taken)
        return next(chain(same, free, candidates))

    def start(last: Any = _NOTHING) -> None:
        """A worker for a waiting item; none where all of them wait for a GPU."""
        if able := [i for i in waiting if seats or not wants_gpu[i]]:
            index = first_of(able, last)
            seat = seats.pop(0) if wants_gpu[index] else None
            workers.append(_Worker(function, environments[index], seat))
            give(workers[-1], index)

    def dismiss(worker: _Worker) -> None:
        worker.stop()
        workers.remove(worker)
        if worker.seat is not None:
            seats.append(worker.seat)

    def give(worker: _Worker, index: int) -> None:
        waiting.remove(index)
        worker.give(index, items[index], kinds[index])

    def next_for(worker: _Worker) -> None:
        """A waiting item of the worker's environment; another worker if there is none."""
        if mine := [i for i in waiting if environments[i] == worker.env]:
            give(worker, first_of(mine, worker.kind))
            return
        dismiss(worker)
        start()

    try:
        for _ in range(min(max(jobs, 1), len(items))):
            start()
        while busy := [w for w in workers if w.index is not None]:
            for ready in wait([w.pipe for w in busy]):
                worker = next(w for w in busy if w.pipe is ready)
                index = worker.index
                assert index is not None
                try:
                    what, payload = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join(timeout=10)  # its end of the pipe closes a little earlier
                    yield index, worker.obituary()
                    dismiss(worker)
                    start(worker.kind)
                    continue
                if what == "report":
                    if on_report:
                        on_report(index, payload)
                    continue
                worker.index = None
                if waiting:
                    next_for(worker)
                yield index, payload
    finally:
        for worker in workers:
            worker.stop()


@contextlib.contextmanager
def _script_hidden() -> Iterator[None]:
    """Have a new process not run the caller's script, of which a worker needs nothing.

    Spawned processes import the main module. A script that calls this package without
    `if __name__ == "__main__":` would begin anew in each of them.
    """
    main = vars(sys.modules["__main__"])
    names = ("__file__", "__spec__")
    hidden = {name: main[name] for name in names if name in main}
    main.pop("__file__", None)
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


class _Worker:
    """A process and the pipe to it."""

    def __init__(self, function: Work, env: dict[str, str], seat: str | None) -> None:
        self.env, self.seat = env, seat
        if seat is not None:
            env = env | {gpus.VISIBLE: seat}
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        # What libraries print would tear up the progress display; it is told when a process dies.
        handle, self.log_name = tempfile.mkstemp(prefix="har-worker-", suffix=".log")
        self.log = os.fdopen(handle, encoding="utf-8", errors="replace")
        given = (function, theirs, self.log_name, os.getpid())
        self.process = context.Process(target=_work, args=given, daemon=True)
        with _environment(env), _script_hidden():  # inherited
            self.process.start()
        theirs.close()
        self.index: int | None = None
        self.kind: Any = _NOTHING

    def give(self, index: int, item: Any, kind: Any) -> None:
        self.index, self.kind = index, kind
        # A worker that died while idle is found at the next recv.
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(item)

    def stop(self) -> None:
        if self.index is None:  # idle: it ends by itself when the pipe closes
            self.pipe.close()
            self.process.join(timeout=10)
        if self.process.is_alive():
            self.process.terminate()
        self.process.join(timeout=10)
        self.pipe.close()
        self.log.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log_name)

    def obituary(self) -> Failed:
        """What is known of a process that died, with the last that it printed."""
        self.log.seek(0)
        return obituary(self.process.exitcode, self.log.read())


def _work(function: Work, pipe: Connection, log: str, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    with contextlib.suppress(OSError):  # Windows: the parent does it
        os.unlink(log)  # it is there for as long as it is open, and nobody has to sweep it
    end_with_parent(parent)

    def report(message: Any) -> None:
        pipe.send(("report", message))

    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        pipe.send(("result", attempt(function, item, report)))


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = {k: os.environ.get(k) for k in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for k, v in before.items():
            if v is None:
                os.environ.pop(k, None)
            else:
                os.environ[k] = v
