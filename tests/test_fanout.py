import itertools
import os
import sys

import psutil
import pytest
from rich.console import Console

from har import fanout
from har.errors import ClusterError
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


# A cluster ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made


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


def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    pytest.importorskip("distributed", reason="distributed is not installed")
    monkeypatch.setattr("har.fanout.cluster.CONNECT_S", 0.5)
    with pytest.raises(ClusterError, match=r"No Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        list(fanout.run(fanout_work.square, [1], jobs=1, dask="tcp://127.0.0.1:9"))
    with pytest.raises(ClusterError, match="No Dask scheduler answers at 'ftp://nowhere'"):
        fanout.Crew(1, QUIET, "ftp://nowhere").slots()


def test_without_distributed_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'har-accelerometer\[cluster\]'"):
        list(fanout.run(fanout_work.square, [1], jobs=1, dask="tcp://127.0.0.1:9"))
