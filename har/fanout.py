"""Many independent items over processes: the only module that knows processes and clusters.

A process of its own per worker, started fresh (`spawn`, never a fork of a process that may hold
TensorFlow). joblib and `concurrent.futures` give the whole pool up when one worker is killed; here
that fails the item it was working on, by name, and a new worker takes the next.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from har.errors import HarError

# TensorFlow ignores OMP_NUM_THREADS; these must be set before it is imported.
ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
}


@dataclass(frozen=True)
class Done:
    """An item's result."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """Why an item has no result; `details` is the traceback, where there was one."""

    reason: str
    details: str = ""


Report = Callable[[Any], None]
Work = Callable[..., Any]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    function: Work,
    items: Sequence[Any],
    *,
    jobs: int,
    env: Mapping[str, str] = ONE_THREAD,
    on_report: Callable[[int, Any], None] | None = None,
) -> Iterator[tuple[int, Done | Failed]]:
    """Call `function(item, report)` for each item, each in one of `jobs` processes.

    Parameters
    ----------
    function : callable
        Importable by name. `report(message)` sends any picklable progress to `on_report`.
    items : sequence
        Picklable; handed out in order.
    jobs : int
        How many processes at most.
    env : mapping
        Environment of the workers, set before they import anything.
    on_report : callable, optional
        Called in this process with the item's index and the message.

    Yields
    ------
    index, Done or Failed
        In the order in which they finish, exactly one for each item.

    Notes
    -----
    Closing the iterator early (also by Ctrl-C) ends the workers.
    """
    waiting = deque(enumerate(items))
    workers: list[_Worker] = []
    try:
        with _environment(env):  # inherited by the workers started below, and after a death
            for _ in range(min(max(jobs, 1), len(items))):
                workers.append(_Worker(function))
        for worker in workers:
            worker.give(waiting.popleft())
        while busy := [w for w in workers if w.index is not None]:
            for ready in wait([w.pipe for w in busy]):
                worker = next(w for w in busy if w.pipe is ready)
                index = worker.index
                assert index is not None
                try:
                    kind, payload = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join(timeout=10)  # its end of the pipe closes a little earlier
                    yield index, worker.obituary()
                    worker.stop()
                    workers.remove(worker)
                    if waiting:
                        with _environment(env):
                            workers.append(worker := _Worker(function))
                        worker.give(waiting.popleft())
                    continue
                if kind == "report":
                    if on_report:
                        on_report(index, payload)
                    continue
                worker.index = None
                if waiting:
                    worker.give(waiting.popleft())
                yield index, payload
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process and the pipe to it."""

    def __init__(self, function: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        # What libraries print would tear up the progress display; it is told when a process dies.
        handle, self.log = tempfile.mkstemp(prefix="har-worker-", suffix=".log")
        os.close(handle)
        self.process = context.Process(target=_work, args=(function, theirs, self.log), daemon=True)
        self.process.start()
        theirs.close()
        self.index: int | None = None

    def give(self, numbered: tuple[int, Any]) -> None:
        self.index = numbered[0]
        # A worker that died while idle is found at the next recv.
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(numbered[1])

    def stop(self) -> None:
        if self.index is None:  # idle: it ends by itself when the pipe closes
            self.pipe.close()
            self.process.join(timeout=10)
        if self.process.is_alive():
            self.process.terminate()
        self.process.join(timeout=10)
        self.pipe.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log)

    def obituary(self) -> Failed:
        """What is known of a process that died, with the last that it printed."""
        code = self.process.exitcode
        if code is not None and code < 0:
            reason = f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
        else:
            reason = f"its process ended with exit code {code}"
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return Failed(reason, "".join(deque(f, maxlen=20)))


def _work(function: Work, pipe: Connection, log: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)

    def report(message: Any) -> None:
        pipe.send(("report", message))

    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        result: Done | Failed
        try:
            result = Done(function(item, report))
        except HarError as e:
            result = Failed(str(e))
        except Exception as e:
            result = Failed(f"{type(e).__name__}: {e}", traceback.format_exc())
        pipe.send(("result", result))


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
