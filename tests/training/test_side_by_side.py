"""The same thing is never trained twice: two runs on one store, and jobs over a cluster."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from har import fanout
from har.cli.app import main
from har.config import ModelConfig, SplitConfig, Training
from har.fanout import Crew
from har.signal import window_files
from har.store import Store
from har.training import job, run
from har.training.job import Job, Task, run_job
from har.training.job_files import read_about
from har.training.splits import make
from tests import in_process
from tests.synthetic import make_windows

CNN = ModelConfig(name="cnn", params={"filters": 4, "blocks": 1})
QUIET = Console(quiet=True)
TREES = ModelConfig(name="extra_trees", params={"trees": 20})
FOREST = ModelConfig(name="extra_trees", params={"trees": 500})  # takes a while


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    window_files.write(folder, make_windows(subjects=6))
    return folder


def tasks(prepared, store, models=(CNN, TREES), seeds=(0,)):
    fold = make(window_files.load(prepared), SplitConfig(folds=3))[0]
    training = Training(epochs=3, batch_size=16, backend="tensorflow")
    return [
        Task(
            job=Job(model, 0, seed), training=training, train=fold.train,
            validation=fold.validation, test=fold.test, prepared=prepared,
            prepared_fingerprint="x", store=store,
        )
        for model in models
        for seed in seeds
    ]  # fmt: skip


@pytest.mark.processes
def test_two_runs_share_the_work_and_train_nothing_twice(prepared, tmp_path, monkeypatch):
    trained: Counter[str] = Counter()
    really = fanout.run

    def counting(function, items, *, on_report, **options):
        def heard(i, message):
            trained[items[i].key] += message["epoch"] == 3  # the last one of each training
            on_report(i, message)

        return really(function, items, on_report=heard, **options)

    monkeypatch.setattr(fanout, "run", counting)
    all_tasks = tasks(prepared, tmp_path, models=(FOREST,), seeds=range(4))
    outcome = {}

    def one(name):
        outcome[name] = run.run_tasks(all_tasks, Crew(1, QUIET))

    threads = [threading.Thread(target=one, args=(name,)) for name in "ab"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(record.folder for name in "ab" for record in outcome[name])
    assert all(t.find() for t in all_tasks)
    assert trained == {t.key: 1 for t in all_tasks}


def test_a_job_that_another_run_trains_is_left_to_it(prepared, tmp_path):
    import dataclasses

    [task] = tasks(prepared, tmp_path, models=(TREES,))
    reports = []
    with Store(tmp_path).claimed("job", task.key, wait=False):
        busy = dataclasses.replace(task, wait=False)
        assert run_job(busy, reports.append) is None
        assert reports == []
    assert run_job(task, reports.append) == task.key
    assert len(reports) == 1


def test_a_process_whose_sources_are_others_trains_nothing(prepared, tmp_path, monkeypatch):
    """As when a source was edited since a run began."""
    monkeypatch.setattr(job, "code_version", lambda *modules: "as it was when the run began")
    (record,) = run.run_tasks(tasks(prepared, tmp_path, (TREES,)), Crew(1, QUIET))
    assert record.folder is None
    assert "code differ on" in record.reason
    assert not list(tmp_path.glob("job/[!.]*"))


pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:distributed", "ignore::ResourceWarning"
)


@pytest.mark.tensorflow
def test_jobs_over_a_cluster_equal_those_of_this_machine(cluster, prepared, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()  # a run on a cluster has read and prepared into it
    near, cloud = Crew(1, QUIET), Crew(1, QUIET, cluster.scheduler_address)
    local, far = tasks(prepared, here), tasks(prepared, there)
    with in_process.instead():
        assert all(record.folder for record in run.run_tasks(local, near))
    assert all(record.folder for record in run.run_tasks(far, cloud))
    for a, b in zip(local, far, strict=True):
        assert a.key == b.key
        found = []
        for folder in (here, there):
            with np.load(folder / "job" / a.key / "predictions.npz") as z:
                found.append(z["test_probabilities"])
        np.testing.assert_array_equal(*found)
    first = {t.key: (there / "job" / t.key / "job.json").stat().st_mtime_ns for t in far}
    run.run_tasks(far, cloud)  # resumed: nothing to do
    again = {t.key: (there / "job" / t.key / "job.json").stat().st_mtime_ns for t in far}
    assert again == first
    assert read_about(there / "job" / far[0].key).backend == {"name": "tensorflow"}


@pytest.mark.processes
def test_the_command_line_takes_a_cluster(cluster, tmp_path):
    arguments = [
        "run", "watch", "--until", "train", "--dask", cluster.scheduler_address,
        "--set", "models=[{extra_trees: {trees: 10}}]", "--set", "split.folds=2",
    ]  # fmt: skip
    for said in (f"2 jobs; 2 at a time on {cluster.scheduler_address}", "train: up to date"):
        done = CliRunner().invoke(main, ["--workspace", str(tmp_path), *arguments])
        assert done.exit_code == 0, done.output
        assert said in " ".join(done.output.split())
