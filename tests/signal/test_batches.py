"""Recordings prepared a little at a time, over processes, or taken over: the same windows."""

import shutil
import tracemalloc
from contextlib import closing

import numpy as np
import pytest

from har.config import Align, Filter, Signal, WindowsConfig
from har.errors import WindowError
from har.files import contents
from har.ingest.recording_files import ArrayFile
from har.recording import Annotation, Recording
from har.signal import batches, prepare, resampling
from tests.test_faults import output_of, prepare_workspace, record, run
from tests.test_store import flip


def made(n, rate=100.0, *, gaps=False, seed=0):
    rng = np.random.default_rng(seed)
    time = np.sort(np.arange(n) / rate + rng.uniform(-0.3, 0.3, n) / rate)
    if gaps:
        time += np.cumsum(rng.random(n) < 20 / n) * 2.0
    xyz = rng.normal((0, 0, 9.81), (2, 2, 2), (n, 3)).astype(np.float32)
    notes = (Annotation("walk", 0, n // 2), Annotation("sit", n // 2, n))
    return Recording(
        "test", "ann", str(seed), "wrist", rate, xyz, notes, time_s=time - time[0] if gaps else None
    )


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("rate", [25.0, 50.0, 99.3, 200.0])
@pytest.mark.parametrize("align", ["none", "walking"])
def test_a_little_at_a_time_is_the_whole_to_the_bit(monkeypatch, gaps, rate, align):
    recording = made(30_000, rate, gaps=gaps)
    how = {"signal": Signal(filter=Filter(), align=Align(kind=align)), "windows": WindowsConfig()}
    found = []
    for size in (1 << 40, 7001, 64):
        monkeypatch.setattr(resampling, "AT_A_TIME", size)
        monkeypatch.setattr(prepare, "AT_A_TIME", size)
        found.append(prepare.prepare([recording], **how))
    whole, *others = found
    assert len(whole) > 50
    for other in others:
        np.testing.assert_array_equal(other.samples, whole.samples)
        np.testing.assert_array_equal(other.starts, whole.starts)
        np.testing.assert_array_equal(other.spans, whole.spans)
        np.testing.assert_array_equal(other.purity, whole.purity)


def test_memory_grows_with_the_labels_of_one_recording_and_nothing_else(tmp_path):
    n = 3_000_000
    recordings = [made(n, gaps=True, seed=s) for s in (0, 1)]
    recipe = prepare.Recipe.of(recordings, Signal(), WindowsConfig(), "all")
    with closing(ArrayFile(tmp_path / "samples.npy", np.float32, (3,))) as file:
        tracemalloc.start()
        for recording in recordings:
            recipe.prepare(recording, file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert file.rows == pytest.approx(n, rel=0.01)  # both, at half the rate
    # Held whole, the samples alone are 6 bytes for each of one recording at 100 Hz, and their
    # interpolation hundreds.
    assert peak < 130e6


def prepared(folder, jobs=1):
    run(folder, until="prepare", jobs=jobs)
    return contents(output_of(folder, "prepare"))


def anew(folder):
    """What a workspace without a cache comes to."""
    other = shutil.copytree(folder, folder.with_name("anew"), ignore=shutil.ignore_patterns("data"))
    found = prepared(other)
    shutil.rmtree(other)
    return found


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = prepare_workspace(tmp_path_factory.mktemp("first"))
    prepared(folder)
    return folder


@pytest.fixture
def workspace(first, tmp_path):
    return shutil.copytree(first, tmp_path / "w")


@pytest.fixture
def done(monkeypatch):
    """Recordings that were prepared."""
    ids, real = [], prepare.Recipe.prepare

    def counting(self, recording, samples):
        ids.append(recording.id)
        return real(self, recording, samples)

    monkeypatch.setattr(prepare.Recipe, "prepare", counting)
    return ids


def test_an_added_recording_costs_its_own_preparing(workspace, done):
    record(workspace / "my/p1/sit_0.csv", 99, "sit")  # in the midst of the others
    record(workspace / "my/p9/walk_1.csv", 98, "walk")
    found = prepared(workspace)
    assert done == ["p1/sit-0/wrist", "p9/walk-1/wrist"]
    assert found == anew(workspace)


def test_a_recording_that_changes_or_goes_is_prepared_again_or_gone(workspace, done):
    record(workspace / "my/p0/sit_1.csv", 97, "sit")
    (workspace / "my/p2/walk_1.csv").unlink()
    found = prepared(workspace)
    assert done == ["p0/sit-1/wrist"]
    assert found == anew(workspace)


@pytest.mark.parametrize("change", ["signal: {rate_hz: 25}", "windows: {overlap: 0.75}"])
def test_another_way_of_preparing_prepares_everything(workspace, done, change):
    with (workspace / "own.yaml").open("a") as f:
        f.write(change + "\n")
    prepared(workspace)
    assert len(done) == 8


def test_another_pipeline_in_between_costs_nothing(workspace, done):
    text = (workspace / "own.yaml").read_text()
    (workspace / "own.yaml").write_text(text + "windows: {overlap: 0.75}\n")
    prepared(workspace)
    (workspace / "own.yaml").write_text(text)
    done.clear()
    record(workspace / "my/p9/walk_1.csv", 98, "walk")
    prepared(workspace)
    assert done == ["p9/walk-1/wrist"]


@pytest.mark.parametrize("file", ["prepare/*/samples.npy", "pieces/*/pieces.parquet"])
def test_what_is_damaged_is_not_taken_over(workspace, done, file):
    (path,) = (workspace / "data/cache").glob(file)
    flip(path)
    record(workspace / "my/p9/walk_1.csv", 98, "walk")
    assert prepared(workspace) == anew(workspace)
    assert len(done) == 9 + 9


def test_over_processes_it_is_the_same(first, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "WORTH_PROCESSES", 0)
    workspace = shutil.copytree(first, tmp_path / "w", ignore=shutil.ignore_patterns("prepare"))
    shares, real = [], batches._batches

    def batched(sized, share):
        shares.append(share)
        return real(sized, 3 * 4 * 1000)  # three recordings each

    monkeypatch.setattr(batches, "_batches", batched)
    assert prepared(workspace, jobs=2) == contents(output_of(first, "prepare"))
    assert shares == [4 * 1000]


def test_batches_are_in_order_and_several_for_each_process():
    sized = [(0, 5), (2, 5), (3, 100), (4, 1), (7, 1)]
    assert batches._batches(sized, 40) == [[0, 2], [3], [4, 7]]
    assert batches._batches(sized, 0) == [[0], [2], [3], [4], [7]]


def test_what_fails_in_a_process_is_said(first, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "WORTH_PROCESSES", 0)
    workspace = shutil.copytree(first, tmp_path / "w", ignore=shutil.ignore_patterns("prepare"))
    with (workspace / "own.yaml").open("a") as f:
        f.write("signal: {rate_hz: 25, max_gap_s: 0.01}\n")
    with pytest.raises(WindowError, match="too slow for it"):
        run(workspace, until="prepare", jobs=2)
