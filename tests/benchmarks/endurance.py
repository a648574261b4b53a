"""How long stages take, and how much memory, for recordings of one's own of some size.

    python -m tests.benchmarks.endurance FOLDER RECORDINGS SAMPLES_EACH [STAGE…]

writes the recordings if they are not there and runs each stage by itself; then one recording is
added, and read and prepared. Memory is anonymous: what is mapped from files is the system's to take
back. Processor seconds are those of all processes; other work on the machine stretches the others.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml

LABELS = np.array(["walk", "sit", "run", "lie"])
MOVING = np.array([2, 0.1, 5, 0])
COLUMNS = {"time": "t", "x": "ax", "y": "ay", "z": "az", "label": "what"}


def record(folder: Path, person: int, n: int) -> None:
    """A recording at 50 Hz, with a minute of each activity in turn."""
    rng = np.random.default_rng(person)
    t = np.arange(n) / 50
    which = (np.arange(n) // 3000 + person) % 4
    xyz = rng.normal((0, 0, 9.81), 0.3, (n, 3))
    xyz[:, 0] += MOVING[which] * np.sin(2 * np.pi * 2 * t)
    x, y, z = xyz.round(3).T
    table = pd.DataFrame({"t": t.round(2), "ax": x, "ay": y, "az": z, "what": LABELS[which]})
    path = folder / f"my/p{person:04d}/rec_1.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


def write_pipeline(folder: Path) -> None:
    own = {
        "path": "my/**/*.csv", "columns": COLUMNS, "pattern": "my/{subject}/rec_{session}.csv",
        "time_unit": "s", "unit": "m/s2", "gravity": "present", "convention": "android",
        "placement": "wrist",
    }  # fmt: skip
    about = {
        "name": "big", "dataset": own, "split": {"folds": 2}, "models": ["cnn"],
        "training": {"steps": 200, "patience": 200},
    }  # fmt: skip
    (folder / "big.yaml").write_text(yaml.safe_dump(about))


def anonymous(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - memory.shared)


def measure(folder: Path, *arguments: str) -> tuple[float, float, float, float]:
    """Seconds, seconds of processors, MB of the largest process and of all together."""
    command = [sys.executable, "-m", "har", "--workspace", str(folder), *arguments]
    begin, before = time.monotonic(), used()
    running = psutil.Popen([*command, str(folder / "big.yaml"), "--jobs", "2"])
    one = of_all = 0
    while running.poll() is None:
        try:
            tree = [running, *running.children(recursive=True)]
        except psutil.Error:
            break
        sizes = [anonymous(p) for p in tree]
        one, of_all = max(one, *sizes), max(of_all, sum(sizes))
        time.sleep(0.05)
    if running.wait():
        raise subprocess.CalledProcessError(running.returncode, command)
    return time.monotonic() - begin, used() - before, one / 1e6, of_all / 1e6


def used() -> float:
    """Seconds that all children took of processors, once they ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def show(n: float, name: str, values: tuple[float, ...]) -> None:
    sys.stdout.write(f"| {n / 1e6:.1f} million | {name} | ")
    sys.stdout.write(" | ".join(f"{v:.0f}" for v in values) + " |\n")
    sys.stdout.flush()


def main() -> None:
    folder, n, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for person in range(len(list(folder.glob("my/*"))), n):
        record(folder, person, each)
    write_pipeline(folder)
    for stage in sys.argv[4:] or ["ingest", "prepare", "train"]:
        show(n * each, stage, measure(folder, stage))
    record(folder, n, each)
    for stage in ("ingest", "prepare"):
        show(n * each, f"{stage}, one more", measure(folder, stage))


if __name__ == "__main__":
    main()
