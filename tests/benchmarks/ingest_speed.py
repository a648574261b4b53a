"""How fast recordings are read, beside pyarrow alone and the readers that tutorials use.

python tests/benchmarks/ingest_speed.py --out reports/ingest-speed.md
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "columns": {"time": "t", "x": "ax", "y": "ay", "z": "az", "label": "activity"},
    "time_unit": "ms", "unit": "m/s2", "gravity": "present", "convention": "android",
    "placement": "wrist", "pattern": "{subject}_{session}.csv",
}  # fmt: skip


def write(path: Path, n: int, seed: int = 0) -> Path:
    """A table of n samples at 50 Hz: jittery milliseconds, three axes, a label."""
    rng = np.random.default_rng(seed)
    t = 1_600_000_000_000 + np.arange(n) * 20 + rng.integers(-4, 5, n)
    a = rng.normal([0, 9.8, 0], 1, (n, 3))
    with path.open("w") as f:
        f.write("t,ax,ay,az,activity\n")
        for i in range(n):
            label = "walk" if (i // 5000) % 2 else "sit"
            f.write(f"{t[i]},{a[i, 0]:.6f},{a[i, 1]:.6f},{a[i, 2]:.6f},{label}\n")
    return path


def readers(path: Path) -> dict[str, Callable[[], object]]:
    """Ways to read one table, by name."""
    import pandas as pd
    import pyarrow.csv as arrow

    from har.ingest import discovery, resolution
    from har.ingest.repair import recordings
    from har.own_recordings import Table

    table = Table(path=path.name, **SETTINGS)
    (source,) = discovery.find(table, path.parent).sources
    one_thread = arrow.ReadOptions(use_threads=False)

    def by_hand() -> list[list[float]]:
        with path.open() as f:
            return [[float(v) for v in row[:4]] for row in csv.reader(f) if row[0] != "t"]

    return {
        "pyarrow.csv alone": lambda: arrow.read_csv(path, read_options=one_thread),
        "har: read": lambda: list(resolution.read(source, table)),
        "har: read, examined, cleaned": lambda: list(recordings(resolution.read(source, table))),
        "pandas.read_csv": lambda: pd.read_csv(path),
        "csv.reader and float()": by_hand,
        "numpy.genfromtxt": lambda: np.genfromtxt(
            path, delimiter=",", skip_header=1, usecols=(0, 1, 2, 3)
        ),
    }


def cpu_seconds(function: Callable[[], object], repeats: int) -> float:
    """The least processor time of some calls: other work on the machine does not count."""
    best = np.inf
    for _ in range(repeats):
        begin = time.process_time()
        function()
        best = min(best, time.process_time() - begin)
    return float(best)


def check_seconds(files: int, n: int = 500) -> tuple[float, float]:
    """Processor seconds of a check of a folder of so many small files, and of pandas alone."""
    import pandas as pd

    from har.ingest.check import check

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        paths = [write(folder / f"p{i % 20}_{i}.csv", n, seed=i) for i in range(files)]

        def read() -> None:
            for path in paths:
                pd.read_csv(path)

        checked = cpu_seconds(lambda: check(folder, root=folder), 3)
        return checked, cpu_seconds(read, 3)


GROWTH = """
import json, sys, time
from pathlib import Path
from rich.console import Console
from har.fanout import Crew
sys.path.insert(0, {root!r})
from har.own_recordings import Table
from har.ingest import reading
from har.workspace import Workspace
crew = Crew(1, Console(quiet=True))
table, workspace = Table(**{dataset!r}), Workspace(Path({folder!r}))
Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the process that started us
begin = time.process_time()
reading.ingest(table, Path({folder!r}) / "out", workspace=workspace, crew=crew)
seconds = time.process_time() - begin
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([seconds, int(status["VmHWM"].split()[0]) / 1024]))
"""


def growth(files: int, n: int) -> tuple[float, float]:
    """Processor seconds and peak memory (MB) of an ingest of so many files, in a new process."""
    import json

    with tempfile.TemporaryDirectory() as folder:
        first = write(Path(folder) / "p0_0.csv", n)
        content = first.read_bytes()
        for i in range(1, files):
            path = Path(folder) / f"p{i % 5}_{i}.csv"
            path.write_bytes(content.replace(b"9.", b"8.", i))  # not the same recording again
        code = GROWTH.format(root=str(ROOT), folder=folder, dataset={"path": "*.csv", **SETTINGS})
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        )
        seconds, peak = json.loads(done.stdout)
    return seconds, peak


def measure(n: int = 400_000) -> str:
    """The tables, in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "p_1.csv", n)
        megabytes = path.stat().st_size / 1e6
        rows = []
        base = None
        for name, function in readers(path).items():
            seconds = cpu_seconds(function, 7 if "har" in name or "py" in name else 3)
            base = base or seconds
            rows.append(
                f"| {name} | {megabytes / seconds:,.0f} | {n / seconds / 1e6:.2f} "
                f"| {seconds / base:.2f} |"
            )
    growing = [(files, *growth(files, 100_000)) for files in (6, 60)]
    (_, s1, m1), (_, s2, m2) = growing
    return "\n".join(
        [
            "# How fast recordings are read",
            "",
            "Made by `python tests/benchmarks/ingest_speed.py`: one table of "
            f"{n:,} samples ({megabytes:.0f} MB: ms timestamps, three axes, a label), one thread, "
            "least processor time of several calls.",
            "",
            "| reader | MB/s | million samples/s | times pyarrow alone |",
            "| --- | ---: | ---: | ---: |",
            *rows,
            "",
            "A whole ingest (read, examined, cleaned, stored), one process, files of 100,000 "
            "samples:",
            "",
            "| files | processor s | peak memory, MB |",
            "| ---: | ---: | ---: |",
            *(f"| {files} | {s:.2f} | {m:.0f} |" for files, s, m in growing),
            "",
            f"Ten times the files: {s2 / s1:.1f} times the time, {m2 / m1:.2f} times the memory.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = measure()
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
