"""Our processes beside Dask's own for one machine: what starting them costs.

    python -m tests.benchmarks.local_cluster

Eight small items over two processes, from a fresh interpreter to the last result, the two ways in
turn. `distributed.LocalCluster` with nannies is set up as jobs would need it: one thread for each
worker, no memory limit, a task whose worker dies is not tried again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ITEMS = 8


def work(item: int, report: object = None) -> int:
    """Something too small to matter."""
    return item * item


def ours() -> None:
    from har import fanout

    done = dict(fanout.run(work, range(ITEMS), jobs=2))
    assert all(done[i].value == i * i for i in range(ITEMS))


def dask() -> None:
    from importlib import import_module

    config = import_module("dask").config
    config.set({"distributed.scheduler.allowed-failures": 0})
    config.set({"distributed.scheduler.worker-saturation": 1.0})
    distributed = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        futures = client.map(work, range(ITEMS), pure=False)
        assert client.gather(futures) == [i * i for i in range(ITEMS)]


def measure(way: str) -> dict[str, float]:
    """Seconds and the processor time of the whole tree of processes."""
    before, begin = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", __spec__.name, "--way", way], check=True)
    seconds, after = time.perf_counter() - begin, os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return {"seconds": round(seconds, 2), "processor_seconds": round(spent, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=["ours", "dask"])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.way:
        {"ours": ours, "dask": dask}[options.way]()
        return
    found: dict[str, list[dict[str, float]]] = {"ours": [], "dask": []}
    for _ in range(options.repeats):
        for way, taken in found.items():
            taken.append(measure(way))
    for way, taken in found.items():
        seconds = sorted(t["seconds"] for t in taken)
        spent = statistics.median(t["processor_seconds"] for t in taken)
        sys.stdout.write(
            f"{way}: {statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f}), "
            f"{spent:.2f} s of processor time\n"
        )
    ratios = [d["seconds"] / o["seconds"] for o, d in zip(*found.values(), strict=True)]
    sys.stdout.write(
        json.dumps({"ratio": round(statistics.median(ratios), 2), "raw": found}) + "\n"
    )


if __name__ == "__main__":
    main()
