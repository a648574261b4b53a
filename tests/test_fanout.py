import os
import time

import psutil
import pytest

from har import fanout
from tests import fanout_work


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_item_comes_back_once(jobs):
    out = dict(fanout.run(fanout_work.square, [1, 2, 3, 4], jobs=jobs))
    assert out == {i: fanout.Done(x * x) for i, x in enumerate([1, 2, 3, 4])}


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
    run = fanout.run(fanout_work.slow, [0.01, 60, 60], jobs=2)
    _, done = next(run)
    begin = time.monotonic()
    run.close()
    assert time.monotonic() - begin < 15
    assert not psutil.pid_exists(done.value)


def test_the_environment_of_the_parent_is_left_alone(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    list(fanout.run(fanout_work.square, [1], jobs=1))
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ
