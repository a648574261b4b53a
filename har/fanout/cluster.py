"""Items over the workers of a Dask cluster, each in a process of its own.

A Dask worker is one process with many threads, and stays: what trains in it would share its
interpreter, its TensorFlow and its Keras backend with whatever else runs there, and could take it
down. So a task of the cluster starts a process, passes on what it reports, and waits for it. Dask
gives the task of a worker that dies to another.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from har.errors import ClusterError
from har.fanout import gpus
from har.fanout.outcome import (
    Done,
    Environment,
    Failed,
    Terms,
    Work,
    environment_of,
    obituary,
)

CHANGES_NO_RESULT = True

CONNECT_S = 10
WORKERS_S = 60.0
"""So long it is waited for a worker where there is none."""
LOST = {"lost", "cancelled"}
SILENT_S = 5.0
"""After so long without a word it is asked whether the scheduler is still there."""

_announced: set[str] = set()
"""Addresses of which this process has said where their dashboard is."""


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as e:
        raise ClusterError(
            "--dask needs Dask's distributed, which is not installed here. "
            "pip install 'har-accelerometer[cluster]'"
        ) from e
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as e:  # a time-out is an OSError
        raise ClusterError(
            f"No Dask scheduler answers at {address!r} ({e}). Start one with `dask scheduler` and "
            "workers with `dask worker ADDRESS`; the address is such as tcp://10.0.0.1:8786."
        ) from e
    with client:
        yield client


def threads(address: str, say: Callable[[str], None]) -> int:
    """Threads of the cluster's workers: so many items run at a time. Says first where the
    cluster can be watched.

    Raises
    ------
    ClusterError
        If it has no worker, and none comes within `WORKERS_S`.
    """
    with _client(address) as client:
        if address not in _announced:
            _announced.add(address)
            at = _dashboard(client)
            say(f"  {address}: " + (f"its dashboard is {at}" if at else "it has no dashboard"))
        if not client.nthreads():
            say(f"  {address} has no worker yet: waiting up to {WORKERS_S:g} s for one")
            _wait_for_a_worker(client, address)
        return sum(client.nthreads().values())


def _dashboard(client: Any) -> str | None:
    """Its address by Dask's own settings (`distributed.dashboard.link`)."""
    if "dashboard" not in client.scheduler_info()["services"]:
        return None
    link: str = client.dashboard_link
    return link


def _wait_for_a_worker(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as e:
        raise ClusterError(
            f"The Dask scheduler at {address} has no worker, and none came within {WORKERS_S:g} s. "
            f"Start some with `dask worker {address}` on machines that see this workspace. What "
            "is finished is kept: run again."
        ) from e


def run(
    function: Work,
    items: Sequence[Any],
    *,
    address: str,
    env: Environment,
    on_report: Callable[[int, Any], None] | None,
    shared: Path | None,
) -> Iterator[tuple[int, Done | Failed]]:
    """See `har.fanout.run`."""
    if not items:
        return
    inbox: queue.Queue[tuple[int, str, Any]] = queue.Queue()
    topic = f"har-{uuid.uuid4().hex}"
    with _client(address) as client, _mark(shared) as mark:
        terms = Terms.of(function, mark)
        _wait_for_a_worker(client, address)

        def heard(event: tuple[float, tuple[int, bytes]]) -> None:
            index, message = event[1]
            inbox.put((index, "report", message))

        client.subscribe_topic(topic, heard)
        futures = []
        for i, item in enumerate(items):
            work = pickle.dumps((function, item, terms))
            future = client.submit(
                _in_a_process, work, environment_of(item, env), topic, i, pure=False
            )
            future.add_done_callback(lambda f, i=i: inbox.put((i, "done", f)))
            futures.append(future)
        left = set(range(len(items)))
        try:
            while left:
                try:
                    index, kind, value = inbox.get(timeout=SILENT_S)
                except queue.Empty:
                    if client.status == "running":
                        if not client.nthreads():
                            _wait_for_a_worker(client, address)
                        continue
                    index, kind, value = -1, "gone", None
                ended = kind != "report" and (value is None or value.status in LOST)
                if ended and client.status != "running":
                    raise ClusterError(
                        f"The Dask scheduler at {address} is gone, with {len(left)} of "
                        f"{len(items)} left. What is finished is kept: start it and its workers, "
                        "and run again."
                    )
                if kind == "report":
                    if on_report and index in left:
                        on_report(index, pickle.loads(value))  # nosec B301  # from a worker
                    continue
                left.discard(index)
                yield index, _outcome(value)
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                client.cancel(futures)


@contextlib.contextmanager
def _mark(shared: Path | None) -> Iterator[Path | None]:
    """A file just written, which only a machine that shares the folder sees."""
    if shared is None:
        yield None
        return
    handle, name = tempfile.mkstemp(prefix=".seen-", dir=shared)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _outcome(future: Any) -> Done | Failed:
    if future.status == "finished":
        outcome: Done | Failed = future.result()
        return outcome
    if future.status == "error":
        error = future.exception()
        if isinstance(error, ClusterError):  # a machine that no item fares better on
            raise error
        return Failed(f"{type(error).__name__}: {error}", died=True)  # its workers did
    return Failed(f"the cluster lost it ({future.status})", died=True)


def _in_a_process(work: bytes, env: dict[str, str], topic: str, index: int) -> Done | Failed:
    """On a worker of the cluster: start a process, pass on its reports, return its result."""
    from distributed import get_worker

    worker = get_worker()
    path = os.pathsep.join(p for p in sys.path if p)
    if env.get(gpus.VISIBLE) == gpus.ANY:  # whoever starts the workers deals the GPUs out
        env = {name: value for name, value in env.items() if name != gpus.VISIBLE}
    result: Done | Failed | None = None
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "har.fanout.child", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **env, "PYTHONPATH": path},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(work)
            while result is None:
                try:
                    kind, value = pickle.load(process.stdout)  # nosec B301  # from a child
                except (EOFError, pickle.UnpicklingError):  # it died, perhaps in mid-word
                    break
                if kind == "unfit":
                    raise ClusterError(value)
                if kind == "result":
                    result = value
                else:
                    worker.log_event(topic, (index, pickle.dumps(value)))
        log.seek(0)
        printed = log.read().decode(errors="replace")
    return result or obituary(process.returncode, printed)
