"""Work that would go to processes, done here: for tests that are not about processes.

Each new process costs five seconds of a processor for the import of TensorFlow. What needs JAX
still goes to a process, since this one has TensorFlow.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from har.fanout.local import run as in_processes
from har.fanout.outcome import Done, Environment, Failed, Work, attempt, environment_of


@contextmanager
def instead() -> Iterator[None]:
    """No process is started for a job, a conversion or a file that is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("har.fanout.local.run", run)
        yield


def run(
    function: Work,
    items: Sequence[Any],
    *,
    jobs: int,
    env: Environment,
    on_report: Callable[[int, Any], None] | None,
    kind: Any = None,
) -> Iterator[tuple[int, Done | Failed]]:
    """Stands in for `har.fanout.local.run`; items and results are pickled as they would be."""
    del jobs, kind
    for i, item in enumerate(items):

        def report(message: Any, i: int = i) -> None:
            if on_report:
                on_report(i, pickle.loads(pickle.dumps(message)))

        if environment_of(item, env).get("KERAS_BACKEND", "tensorflow") != "tensorflow":
            alone = in_processes(
                function, [item], jobs=1, env=env, on_report=lambda _, m: report(m)
            )
            yield from ((i, outcome) for _, outcome in alone)
            continue
        work, copy = pickle.loads(pickle.dumps((function, item)))
        yield i, pickle.loads(pickle.dumps(attempt(work, copy, report)))
