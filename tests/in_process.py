"""Work that would go to processes, done here: for tests that are not about processes.

Each new process costs five seconds of a processor for the import of TensorFlow. What needs JAX
still goes to processes, since this one has TensorFlow, and so does what may crash the converter.
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
    per_gpu: int = 1,
) -> Iterator[tuple[int, Done | Failed]]:
    """Stands in for `har.fanout.local.run`; items and results are pickled as they would be."""
    apart = [i for i, item in enumerate(items) if _needs_a_process(item, env)]
    others = in_processes(
        function,
        [items[i] for i in apart],
        jobs=jobs,
        env=env,
        on_report=on_report and (lambda n, message: on_report(apart[n], message)),
        kind=kind or (lambda _item: None),
        per_gpu=per_gpu,
    )
    yield from ((apart[n], outcome) for n, outcome in others)
    for i, item in enumerate(items):
        if i in apart:
            continue

        def report(message: Any, i: int = i) -> None:
            if on_report:
                on_report(i, pickle.loads(pickle.dumps(message)))

        work, copy = pickle.loads(pickle.dumps((function, item)))
        yield i, pickle.loads(pickle.dumps(attempt(work, copy, report)))


def _needs_a_process(item: Any, env: Environment) -> bool:
    crashes = getattr(item, "variants", ()) == ("int8",)
    return crashes or environment_of(item, env).get("KERAS_BACKEND") not in (None, "tensorflow")
