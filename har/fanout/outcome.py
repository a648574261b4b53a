"""What an item of work came to, and what every process that works is started with."""

from __future__ import annotations

import os
import platform
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har import faults
from har.code import code_version
from har.fanout import gpus

CHANGES_NO_RESULT = True

# TensorFlow ignores OMP_NUM_THREADS; these must be set before it is imported.
ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    gpus.VISIBLE: "-1",
    "JAX_PLATFORMS": "cpu",
    "PJRT_NPROC": "1",  # the threads of JAX
    "KERAS_BACKEND": "tensorflow",  # whatever the user's own default is
}

ON_A_GPU = ONE_THREAD | {
    gpus.VISIBLE: gpus.ANY,
    "JAX_PLATFORMS": "cuda",  # and nothing else, if that cannot be had
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # others may share it
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_FLAGS": "--xla_gpu_deterministic_ops=true",
    "TF_DETERMINISTIC_OPS": "1",
}
"""Of a process that has a GPU, and one thread beside it."""


SHOWN_S = 5.0


@dataclass(frozen=True)
class Done:
    """An item's result."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """Why an item has no result.

    `details` is the traceback, where there was one. `died`: nothing was raised, its process ended.
    """

    reason: str
    details: str = ""
    died: bool = False


@dataclass(frozen=True)
class Terms:
    """What another machine must have in common with this one to come to the same results.

    Parameters
    ----------
    module : str
        Where the work is written.
    code : str
        Its code version here.
    mark : Path, optional
        A file that was written for it to see, in the folder that both share.
    """

    module: str
    code: str
    mark: Path | None

    @classmethod
    def of(cls, function: Work, mark: Path | None) -> Terms:
        module = function.__module__
        return cls(module, code_version(module), mark)

    def unmet(self) -> str | None:
        """Why this process cannot do the work, or None."""
        if self.mark is not None and not _seen(self.mark):
            folder = self.mark.parent
            there = "another folder" if folder.is_dir() else "no folder"
            return (
                f"There is {there} at {folder} on {platform.node()}. The workspace must be at the "
                "same path on every machine of the cluster: put it on a shared file system."
            )
        if code_version(self.module) != self.code:
            return (
                f"{self.module}, or what it imports, differs on {platform.node()}. Install the "
                "same har with the same numpy, scipy, keras and tensorflow on every machine of the "
                "cluster; if a source was edited since this run began, run again."
            )
        return None


def _seen(mark: Path) -> bool:
    """Whether it is there; a network's file system may take seconds to show a new file."""
    until = time.monotonic() + (SHOWN_S if mark.parent.is_dir() else 0)
    while not (found := mark.is_file()) and time.monotonic() < until:
        time.sleep(0.2)
    return found


Report = Callable[[Any], None]
Work = Callable[[Any, Report], Any]
Environment = Mapping[str, str] | Callable[[Any], Mapping[str, str]]
Kind = Callable[[Any], Any]


def end_with_parent(parent: int) -> None:
    """Have this process end within a second of the one that started it, however that ended: a
    training would otherwise go on for hours, for nobody.

    Parameters
    ----------
    parent : int
        Its process id.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment_of(item: Any, env: Environment) -> dict[str, str]:
    return dict(env(item) if callable(env) else env)


def attempt(function: Work, item: Any, report: Report) -> Done | Failed:
    """Call `function(item, report)`; what it raises fails the item."""
    try:
        return Done(function(item, report))
    except Exception as e:
        if (known := faults.explained(e)) is not None:
            return Failed(str(known))
        return Failed(f"{type(e).__name__}: {e}", traceback.format_exc())


def obituary(code: int | None, printed: str) -> Failed:
    """What is known of a process that died, with the last that it printed."""
    import signal

    if code is not None and code < 0:
        reason = f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
    else:
        reason = f"its process ended with exit code {code}"
    return Failed(reason, "".join(printed.splitlines(keepends=True)[-20:]), died=True)
