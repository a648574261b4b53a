import io
import itertools
import os
import re
import subprocess
import sys
import time

import psutil
import pytest
from rich.console import Console

from har import fanout
from har.errors import ClusterError, ConfigError
from tests import fanout_work

QUIET = Console(quiet=True)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_item_comes_back_once(jobs):
    out = dict(fanout.run(fanout_work.square, [1, 2, 3, 4], jobs=jobs))
    assert out == {i: fanout.Done(x * x) for i, x in enumerate([1, 2, 3, 4])}


@pytest.fixture(autouse=True)
def no_threads_of_the_parent(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)


def test_a_process_that_dies_fails_its_item_and_no_other():
    items = ["a", "die", "b", "raise", "exit", "har", "c"]
    reports = []
    out = dict(
        fanout.run(fanout_work.work, items, jobs=2, on_report=lambda i, m: reports.append((i, m)))
    )
    assert sorted(out) == list(range(7))
    assert "signal 9 (SIGKILL)" in out[1].reason
    assert out[3].reason == "ValueError: no such luck"
    assert "fanout_work.py" in out[3].details
    assert out[4].reason == "its process ended with exit code 3"
    assert out[5] == fanout.Failed("a file is not a file")
    for i in (0, 2, 6):
        threads, pid = out[i].value
        assert threads == "1"
        assert pid != os.getpid()
    assert sorted(reports) == [(0, "half of a"), (2, "half of b"), (6, "half of c")]


def test_stopping_early_ends_the_workers():
    run = fanout.run(fanout_work.slow, [0.01, 3600, 3600], jobs=2)
    _, done = next(run)
    run.close()
    assert not psutil.pid_exists(done.value)


def test_the_environment_of_the_parent_is_left_alone():
    list(fanout.run(fanout_work.square, [1], jobs=1))
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ


def backend_of(item):
    return fanout.ONE_THREAD | {"KERAS_BACKEND": item}


def test_items_get_the_environment_that_they_need():
    """Those of one environment share a process, those of two never."""
    items = ["jax", "tensorflow", "jax", "tensorflow", "jax"]
    out = dict(fanout.run(fanout_work.backend, items, jobs=1, env=backend_of))
    assert [out[i].value[0] for i in range(5)] == items
    by_pid = {out[i].value[1]: items[i] for i in range(5)}
    assert len(by_pid) == 2


def test_a_process_goes_on_with_its_kind_and_another_begins_elsewhere():
    items = [(kind, n) for kind in "abcd" for n in range(4)]
    out = dict(fanout.run(fanout_work.compiled, items, jobs=2, kind=lambda item: item[0]))
    by_pid = {}
    for i in sorted(out, key=lambda i: out[i].value[1]):
        by_pid.setdefault(out[i].value[0], []).append(items[i][0])
    first, second = by_pid.values()
    assert first[0] != second[0]
    for kinds in (first, second):
        changes = sum(a != b for a, b in itertools.pairwise(kinds))
        assert changes == len(set(kinds)) - 1  # none is left and come back to
    # In order, both would do some of each: eight compilations. Only the last kind may be shared.
    assert len(set(first)) + len(set(second)) <= 5


# GPUs --------------------------------------------------------------------------------------------


def device_of(item):
    return fanout.ON_A_GPU if item == "gpu" else fanout.ONE_THREAD


def at_most_at_once(spans):
    return max(sum(a <= t < b for a, b in spans) for t, _ in spans)


@pytest.mark.parametrize("per_gpu", [1, 2])
def test_jobs_share_the_gpus_and_the_others_see_none(monkeypatch, per_gpu):
    monkeypatch.setattr("har.fanout.gpus.visible", lambda: ("GPU-a", "GPU-b"))
    items = ["gpu", "gpu", "gpu", "gpu", "cpu", "gpu", "gpu", "cpu"]
    out = dict(fanout.run(fanout_work.device, items, jobs=6, env=device_of, per_gpu=per_gpu))
    assert sorted(out) == list(range(8))
    seen = {"cpu": set(), "gpu": set()}
    spans = {}
    for i, item in enumerate(items):
        begin, end, (gpu, platform, preallocate) = out[i].value
        seen[item].add(gpu)
        spans.setdefault(gpu, []).append((begin, end))
        assert (platform, preallocate) == (("cuda", "false") if item == "gpu" else ("cpu", None))
    assert seen == {"cpu": {"-1"}, "gpu": {"GPU-a", "GPU-b"}}
    for gpu in seen["gpu"]:
        assert at_most_at_once(spans[gpu]) <= per_gpu


def test_a_gpu_whose_job_died_is_used_again(monkeypatch):
    monkeypatch.setattr("har.fanout.gpus.visible", lambda: ("GPU-a",))
    items = ["die", "a", "die", "b"]
    out = dict(fanout.run(fanout_work.work, items, jobs=2, env=fanout.ON_A_GPU))
    assert [isinstance(out[i], fanout.Done) for i in range(4)] == [False, True, False, True]


def test_without_a_gpu_it_is_said(monkeypatch):
    monkeypatch.setattr("har.fanout.gpus.visible", lambda: ())
    with pytest.raises(ConfigError, match="training.device is gpu, and nvidia-smi shows none"):
        list(fanout.run(fanout_work.square, [1], jobs=1, env=fanout.ON_A_GPU))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("", ()), ("-1", ()), ("1, 0", ("1", "0")), ("GPU-b", ("GPU-b",)), ("0,-1,1", ("0",))],
)
def test_only_gpus_that_the_user_lets_it_see(monkeypatch, asked, expected):
    monkeypatch.setattr("har.fanout.gpus._ASKED", asked)
    assert fanout.gpus.visible.__wrapped__() == expected


def test_gpus_are_those_that_the_driver_lists(monkeypatch, tmp_path):
    monkeypatch.setattr("har.fanout.gpus._ASKED", None)
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\nprintf 'GPU-1\\nGPU-2\\n'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert fanout.gpus.visible.__wrapped__() == ("GPU-1", "GPU-2")
    smi.write_text("#!/bin/sh\nexit 9\n")  # no driver is loaded
    assert fanout.gpus.visible.__wrapped__() == ()


def test_this_process_sees_no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    fanout.gpus.hide()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"


# A cluster ---------------------------------------------------------------------------------------


@pytest.mark.processes
def test_a_cluster_does_the_same_as_processes_here(cluster):
    items = ["a", "die", "b", "raise", "exit", "har", "c"]
    reports = []
    out = dict(
        fanout.run(
            fanout_work.work, items, jobs=1, dask=cluster.scheduler_address,
            on_report=lambda i, m: reports.append((i, m)),
        )
    )  # fmt: skip
    assert sorted(out) == list(range(7))
    assert "signal 9 (SIGKILL)" in out[1].reason
    assert out[3].reason == "ValueError: no such luck"
    assert out[4].reason == "its process ended with exit code 3"
    assert out[5] == fanout.Failed("a file is not a file")
    workers = {w["pid"] for w in cluster.scheduler_info["workers"].values() if "pid" in w}
    for i in (0, 2, 6):
        threads, pid = out[i].value
        assert threads == "1"
        assert pid not in {os.getpid(), *workers}  # a process of its own, not a thread of a worker
    assert sorted(reports) == [(0, "half of a"), (2, "half of b"), (6, "half of c")]
    assert fanout.Crew(1, QUIET, cluster.scheduler_address).slots() == 2


@pytest.mark.processes
def test_a_cluster_over_tls_by_dasks_own_settings():
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    import dask

    made = distributed.Security.temporary()
    settings = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": made.tls_ca_file,
        "distributed.comm.tls.client.cert": made.tls_client_cert,
        "distributed.comm.tls.client.key": made.tls_client_key,
    }
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", security=made
        ) as cluster,
        dask.config.set(settings),
    ):
        assert cluster.scheduler_address.startswith("tls://")
        address = cluster.scheduler_address
        out = dict(fanout.run(fanout_work.square, [3], jobs=1, dask=address))
    assert out == {0: fanout.Done(9)}


def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    pytest.importorskip("distributed", reason="distributed is not installed")
    monkeypatch.setattr("har.fanout.cluster.CONNECT_S", 0.5)
    with pytest.raises(ClusterError, match=r"No Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        list(fanout.run(fanout_work.square, [1], jobs=1, dask="tcp://127.0.0.1:9"))
    with pytest.raises(ClusterError, match="No Dask scheduler answers at 'ftp://nowhere'"):
        fanout.Crew(1, QUIET, "ftp://nowhere").slots()


def started(*arguments, until):
    """A process of `dask`, once it has said something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    for line in process.stderr:
        if match := re.search(until, line):
            return process, match[0]
    raise AssertionError(process.wait())


@pytest.fixture
def scheduler():
    pytest.importorskip("distributed", reason="distributed is not installed")
    process, address = started(
        "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        until=r"tcp://[\d.]+:\d+",
    )  # fmt: skip
    yield process, address
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.processes
def test_a_scheduler_without_workers_is_waited_for_and_said(scheduler, monkeypatch):
    monkeypatch.setattr("har.fanout.cluster.WORKERS_S", 0.5)
    _, address = scheduler
    console = Console(file=io.StringIO(), width=200)
    with pytest.raises(ClusterError, match=r"has no worker, and none came within 0.5 s"):
        fanout.Crew(1, console, address).slots()
    assert "waiting up to 0.5 s for one" in console.file.getvalue()
    with pytest.raises(ClusterError, match=f"dask worker {address}"):
        list(fanout.run(fanout_work.square, [1], jobs=1, dask=address))


@pytest.mark.processes
def test_a_scheduler_that_dies_is_said_and_leaves_no_process(scheduler):
    process, address = scheduler
    worker, _ = started(
        "dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
        "--death-timeout", "5", until="Registered to",
    )  # fmt: skip
    try:
        reports = []

        def heard(_, pid):
            reports.append(pid)
            process.kill()

        with pytest.raises(ClusterError, match=r"is gone, with 2 of 2 left\. What is finished"):
            list(
                fanout.run(fanout_work.endless, [1, 2], jobs=1, dask=address, on_report=heard)
            )  # fmt: skip
    finally:
        worker.kill()
        worker.wait()
        worker.stderr.close()
    assert gone(*reports)


def gone(*pids, within_s=10):
    end = time.monotonic() + within_s
    while any(psutil.pid_exists(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


ALONE = """
import os, signal
from har import fanout
from tests import fanout_work
def heard(_, pid):
    print(pid, flush=True)
list(fanout.run(fanout_work.endless, [1, 2], jobs=2, on_report=heard))
"""


@pytest.mark.processes
def test_workers_end_with_their_parent_and_leave_nothing(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", ALONE], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    pids = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(*pids)
    assert not list(tmp_path.glob("har-*"))


def test_without_distributed_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'har-accelerometer\[cluster\]'"):
        list(fanout.run(fanout_work.square, [1], jobs=1, dask="tcp://127.0.0.1:9"))
