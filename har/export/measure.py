"""Latency and memory of a file, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import ExportError
from har.runtime.interpreter import LiteModel

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
    command = [sys.executable, "-m", "har.export.measure", str(path.resolve()), str(runs)]
    tries = []
    for _ in range(PROCESSES):
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
        )
        if done.returncode:
            raise ExportError(
                f"{path.name} cannot be run (exit code {done.returncode}): {done.stderr[-500:]}"
            )
        tries.append(dict(json.loads(done.stdout)))
    return min(tries, key=lambda t: t["latency_ms_p50"])


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
