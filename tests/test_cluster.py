"""A whole run on a cluster of one scheduler and two workers, which are killed while they work."""

import contextlib
import dataclasses
import io
import json
import shutil
import threading
import time
from pathlib import Path

import psutil
import pytest
import yaml
from rich.console import Console

from har import fanout, pipeline, session
from har.errors import ClusterError
from har.fanout.cluster import _mark
from har.fanout.outcome import Terms
from har.runtime.bundle import Bundle
from har.signal import batches
from tests import fanout_work
from tests.test_faults import output_of, prepare_workspace, run

CNN = {"cnn": {"filters": 4, "blocks": 2}}


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    folder = prepare_workspace(tmp_path_factory.mktemp("local"))
    about = yaml.safe_load((folder / "own.yaml").read_text())
    about |= {
        "models": [CNN, {"extra_trees": {"trees": 5}}],
        "signal": {"rate_hz": 40},
        "split": {"subjects": {"test": ["p0", "p3"]}},
        "training": {"epochs": 2, "backend": "tensorflow"},
        "export": {"fit": "fold", "quantization": ["none", "float16"]},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(about))
    run(folder, until="prepare")
    return folder


def copy_of(local, folder):
    """The same files, of which nothing was read."""
    return shutil.copytree(local, folder, ignore=shutil.ignore_patterns("data"))


def fingerprints(folder):
    metas = (output_of(folder, stage) / "meta.json" for stage in ("ingest", "prepare"))
    return [json.loads(path.read_text())["fingerprint"] for path in metas]


@contextlib.contextmanager
def killing(cluster, stages):
    """Kills a worker in each stage, once it works; yields what is to be told of finished stages."""
    left, killed, over = list(stages), [], threading.Event()

    def busy():
        for nanny in cluster.workers.values():
            with contextlib.suppress(psutil.Error):
                worker = psutil.Process(nanny.pid)
                for child in worker.children():
                    old = time.time() - child.create_time()
                    if "har.fanout.child" in child.cmdline() and old > 0.3:
                        return worker
        return None

    def watch():
        while not over.wait(0.02):
            if left and left[0] not in killed and (worker := busy()):
                worker.kill()
                killed.append(left[0])

    def told(step):
        if left and step.stage.name == left[0]:
            left.pop(0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield told, killed
    finally:
        over.set()
        thread.join()


@pytest.fixture
def several_batches(monkeypatch):
    """Eight recordings as short as these are prepared by three processes."""
    monkeypatch.setattr(batches, "WORTH_PROCESSES", 8 * 4 * 2500)


@pytest.mark.timeout(1800)  # half a dozen processes import TensorFlow
@pytest.mark.tensorflow
@pytest.mark.usefixtures("plain_pictures", "several_batches")
def test_a_worker_killed_in_each_stage_changes_nothing(cluster, local, tmp_path):
    folder = copy_of(local, tmp_path / "w")
    context = session.open_context(
        folder, str(folder / "own.yaml"), jobs=1, dask=cluster.scheduler_address
    )
    stages = ["ingest", "prepare", "train", "export"]
    with killing(cluster, stages) as (told, killed):
        context = pipeline.run(context, on_step=told)
    assert killed == stages
    assert fingerprints(folder) == fingerprints(local)
    assert session.Run(context, []).require() is None  # no job failed
    results = json.loads((folder / "reports/own/results.json").read_text())
    assert results["models"]["cnn"]["export"]["float32"]["label_agreement"] == 1
    assert Bundle.open(folder / "reports/own/bundle/cnn").manifest.variants.keys() == {
        "float32",
        "float16",
    }
    assert not list(folder.glob("data/cache/*/*/converting-*"))
    assert not list(folder.glob("data/cache/*/*/batches-*"))
    assert not list(folder.glob("data/cache/*/*/parts"))


@pytest.mark.processes
def test_without_kills_it_is_the_same_too(cluster, local, tmp_path):
    folder = copy_of(local, tmp_path / "w")
    console = Console(file=io.StringIO(), width=200)
    context = session.open_context(folder, str(folder / "own.yaml"), dask=cluster.scheduler_address)
    before = threading.active_count()
    pipeline.run(dataclasses.replace(context, console=console), until="prepare")
    assert fingerprints(folder) == fingerprints(local)
    assert threading.active_count() <= before + 2  # its clients are closed


@pytest.mark.processes
def test_where_the_cluster_can_be_watched_is_said_once(cluster, monkeypatch):
    monkeypatch.setattr("har.fanout.cluster._announced", set())
    console = Console(file=io.StringIO(), width=200)
    crew = fanout.Crew(1, console, cluster.scheduler_address)
    assert crew.slots() == 2
    assert crew.slots() == 2
    assert console.file.getvalue().count(cluster.dashboard_link) == 1


@pytest.mark.processes
def test_a_machine_that_does_not_see_the_workspace_ends_the_run(cluster, monkeypatch, tmp_path):
    crew = fanout.Crew(1, Console(quiet=True), cluster.scheduler_address)
    elsewhere = contextlib.nullcontext(Path("/nowhere/.seen-1"))
    monkeypatch.setattr("har.fanout.cluster._mark", lambda _shared: elsewhere)
    with pytest.raises(ClusterError, match=r"no folder at /nowhere on .*shared file system"):
        list(crew.run(fanout_work.square, [1], shared=tmp_path))


def test_a_folder_of_the_same_name_is_not_the_workspace(tmp_path, monkeypatch):
    monkeypatch.setattr("har.fanout.outcome.SHOWN_S", 0.0)
    with _mark(tmp_path) as mark:
        assert Terms.of(fanout_work.square, mark).unmet() is None
    assert not list(tmp_path.iterdir())
    assert f"another folder at {tmp_path} on" in Terms.of(fanout_work.square, mark).unmet()


@pytest.mark.processes
def test_a_machine_with_other_code_ends_the_run(cluster, monkeypatch, tmp_path):
    monkeypatch.setattr("har.fanout.outcome.code_version", lambda _module: "another")
    crew = fanout.Crew(1, Console(quiet=True), cluster.scheduler_address)
    with pytest.raises(ClusterError, match=r"fanout_work, or what it imports, differs on"):
        list(crew.run(fanout_work.square, [1], shared=tmp_path))
