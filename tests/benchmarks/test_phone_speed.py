"""The paths that a phone and `har predict` are on all day, and the speed that is asked of them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.recording import Chunk
from har.runtime.bundle import Bundle
from har.runtime.streaming import Aligner, uniform
from har.signal.resampling import Resampler
from tests.benchmarks import untrained

MODELS = {"cnn": 5000, "gru": 2500, "lstm": 2500, "bilstm": 2500, "rocket": 2500}
"""Times real time that the whole of `har predict` must reach on one core."""

HOURS = 24.0


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return {name: untrained.write(folder / name, name) for name in MODELS}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day at 100 Hz with jitter: 8,640,000 rows of time, x, y, z."""
    import pyarrow as pa
    from pyarrow import csv

    n = int(HOURS * 3600 * 100)
    rng = np.random.default_rng(0)
    time_s = np.round((np.arange(n) + rng.uniform(-0.2, 0.2, n)) / 100, 4)
    axes = {c: np.round(rng.normal(9.8 * (c == "z"), 3, n), 4) for c in "xyz"}
    path = tmp_path_factory.mktemp("day") / "day.csv"
    csv.write_csv(pa.table({"time": time_s, **axes}), path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_a_window(benchmark: Any, bundles: dict[str, Path], name: str) -> None:
    model = Bundle.open(bundles[name]).model()
    window = np.random.default_rng(0).normal(0, 3, (1, *model.input_shape)).astype(np.float32)
    benchmark(model, window)


@pytest.mark.parametrize("rate_hz", [50.0, 100.0])
def test_resampling_ten_minutes(benchmark: Any, rate_hz: float) -> None:
    rng = np.random.default_rng(0)
    n = int(600 * rate_hz)
    time_s = (np.arange(n) + rng.uniform(-0.2, 0.2, n)) / rate_hz
    chunk = Chunk(time_s - time_s[0], rng.normal(0, 3, (n, 3)).astype(np.float32))
    benchmark(lambda: list(Resampler(target_hz=50.0, max_gap_s=0.25).push(chunk)))


def test_waiting_for_walking_costs_little_beside_resampling(benchmark: Any) -> None:
    """Two hours in which nobody walks, the worst there is: every second is looked at."""
    rng = np.random.default_rng(0)
    time_s = np.arange(2 * 3600 * 100) / 100
    chunk = Chunk(time_s, rng.normal(0, 0.1, (len(time_s), 3)).astype(np.float32) + np.float32(5))

    def seconds(aligner: Aligner | None) -> float:
        begin = time.process_time()
        for _ in uniform([chunk], rate_hz=50.0, max_gap_s=0.25, aligner=aligner):
            pass
        return time.process_time() - begin

    plain = [seconds(None) for _ in range(3)]
    benchmark.pedantic(
        lambda: seconds(Aligner(rate_hz=50.0, seconds=20, axis="y")), rounds=3, iterations=1
    )
    ratio = benchmark.stats.stats.median / float(np.median(plain))
    benchmark.extra_info["times resampling alone"] = round(ratio, 2)
    assert ratio < 1.3


@pytest.mark.parametrize("name", MODELS)
def test_a_day(benchmark: Any, bundles: dict[str, Path], day: Path, name: str) -> None:
    """The whole command, starting Python and reading 284 MB included, held to one core."""
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None

    def run() -> None:
        subprocess.run(
            [sys.executable, "-m", "har", "predict", str(bundles[name]), str(day)],
            check=True,
            capture_output=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if core is not None else None,
        )

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    benchmark.pedantic(run, rounds=1)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The core's own time: another program on the machine is not har's slowness.
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    benchmark.extra_info |= {"wall_s": wall, "busy_s": busy, "real_time": HOURS * 3600 / busy}
    assert HOURS * 3600 / busy >= MODELS[name], f"{busy:.1f} s of {wall:.1f} s"
