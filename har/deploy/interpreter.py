"""A `.tflite` file as a function on windows: the interpreter that phones have, and nothing else.

No TensorFlow here. What is measured (latency, memory) is measured in a process of its own, so that
nothing else that the caller holds is counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import ExportError


class LiteModel:
    """A classifier in a `.tflite` file, one window at a time on one thread.

    Recurrent models are exported with a batch of 1 (see `har.deploy.litert`), and a phone asks for
    one window at a time anyway.

    Parameters
    ----------
    source : Path or bytes
        The file, or what is in it.

    Raises
    ------
    ExportError
        If the file cannot be loaded by built-in operators alone.
    """

    def __init__(self, source: Path | bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.content = source if isinstance(source, bytes) else Path(source).read_bytes()
        self.name = "model" if isinstance(source, bytes) else Path(source).name
        try:
            with quiet():
                self._interpreter = Interpreter(model_content=self.content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as e:
            raise ExportError(f"{self.name} does not load in the LiteRT interpreter: {e}") from e
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    @property
    def input_shape(self) -> tuple[int, int]:
        """(n_raw, 3): the rows and channels of a window."""
        return tuple(int(n) for n in self._input["shape"][1:])  # type: ignore[return-value]

    @property
    def n_classes(self) -> int:
        return int(self._output["shape"][-1])

    @cached_property
    def operators(self) -> dict[str, int]:
        return operators(self.content)

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Probabilities of windows.

        Parameters
        ----------
        windows : ndarray of float32, shape (n, n_raw, 3)
            Raw m/s².

        Returns
        -------
        ndarray of float32, shape (n, k)

        Raises
        ------
        ExportError
            If the windows are not what the model takes.
        """
        if windows.ndim != 3 or windows.shape[1:] != self.input_shape:
            raise ExportError(
                f"{self.name} takes windows of shape (n, {self.input_shape[0]}, "
                f"{self.input_shape[1]}), got {windows.shape}. Resample to the model's rate first."
            )
        windows = np.ascontiguousarray(windows, np.float32)
        out = np.empty((len(windows), self.n_classes), np.float32)
        run, where, answer = self._interpreter, self._input["index"], self._output["index"]
        for i in range(len(windows)):
            run.set_tensor(where, windows[i : i + 1])
            run.invoke()
            out[i] = run.get_tensor(answer)[0]
        return out


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The libraries' C++ parts write to stderr, whatever the log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def operators(content: bytes) -> dict[str, int]:
    """The operators in a `.tflite` file and how often each stands there, over all subgraphs.

    A custom operator is listed as `CUSTOM:<its name>`; TensorFlow's own kernels (Flex) are custom
    operators whose name begins with `Flex`.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    counts: Counter[str] = Counter()
    for subgraph in model.subgraphs:
        for operator in subgraph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            # Old files know only the 8-bit field; new ones put 127 there.
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            if number == schema.BuiltinOperator.CUSTOM:
                custom = code.customCode
                text = custom.decode() if isinstance(custom, bytes) else str(custom)
                counts[f"CUSTOM:{text}"] += 1
            else:
                counts[names.get(number, str(number))] += 1
    return dict(sorted(counts.items()))


def refuse_custom(content: bytes, name: str) -> None:
    """Only built-in operators run in every LiteRT: on a phone, in a browser, on a board.

    Raises
    ------
    ExportError
        Naming the others.
    """
    if foreign := [o for o in operators(content) if o.startswith("CUSTOM:")]:
        raise ExportError(
            f"{name} needs operators that a phone does not have: {', '.join(foreign)}. "
            "Use layers that convert to LiteRT's built-in operators."
        )


PROCESSES = 3
"""The fastest of so many is kept: another program's turn on the processor is not the model's."""


def measure(path: Path, *, runs: int = 400) -> dict[str, Any]:
    """Latency and memory of a `.tflite` file, one thread, in a fresh process.

    Returns
    -------
    dict
        latency_ms_p50, latency_ms_p99 (of one window), peak_memory_bytes (what loading the file
        and running it adds to the process).
    """
    tries = [_measured(path.resolve(), runs) for _ in range(PROCESSES)]
    return min(tries, key=lambda t: t["latency_ms_p50"])


def _measured(path: Path, runs: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "har.deploy.interpreter", str(path), str(runs)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    if done.returncode:
        raise ExportError(
            f"{path.name} cannot be run (exit code {done.returncode}): {done.stderr[-500:]}"
        )
    return dict(json.loads(done.stdout))


def _measure_here(path: Path, runs: int) -> dict[str, Any]:
    # The interpreter's library is in every process that uses one: it is not the model's.
    import ai_edge_litert.interpreter  # noqa: F401
    import psutil

    process = psutil.Process()
    noise = np.random.default_rng(0).normal(0, 5, (64, *_input_shape(path))).astype(np.float32)
    seconds = np.zeros(runs)
    before = process.memory_info().rss
    model = LiteModel(path)
    model(noise[:20])
    for i in range(runs):
        start = time.perf_counter()
        model(noise[i % 64 : i % 64 + 1])
        seconds[i] = time.perf_counter() - start
    # The interpreter's arenas stay allocated: what it holds now is the most that it held.
    after = process.memory_info().rss
    p50, p99 = np.percentile(seconds * 1e3, [50, 99])
    return {
        "latency_ms_p50": round(float(p50), 4),
        "latency_ms_p99": round(float(p99), 4),
        "peak_memory_bytes": max(0, after - before),
    }


def _input_shape(path: Path) -> tuple[int, int]:
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0).subgraphs[0]
    n_raw, channels = graph.tensors[graph.inputs[0]].shape[1:]
    return int(n_raw), int(channels)


if __name__ == "__main__":
    json.dump(_measure_here(Path(sys.argv[1]), int(sys.argv[2])), sys.stdout)
