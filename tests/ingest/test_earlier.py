"""A recording that is added costs its own reading; what is put together is what would be read."""

import shutil
from collections import Counter

import pytest

from har.files import contents
from har.ingest import reading
from tests.test_faults import output_of, prepare_workspace, record, run


@pytest.fixture
def counted(monkeypatch):
    read = Counter()
    real = reading.read_source

    def counting(spec, source):
        read[source.extra["shown"]] += 1
        return real(spec, source)

    monkeypatch.setattr(reading, "read_source", counting)
    return read


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    folder = prepare_workspace(tmp_path_factory.mktemp("earlier"))
    run(folder, until="ingest")
    return folder


@pytest.fixture
def workspace(ingested, tmp_path):
    return shutil.copytree(ingested, tmp_path / "w")


def same_as_read_anew(folder):
    """Whether the newest output is what a workspace without a cache comes to."""
    mine = contents(output_of(folder, "ingest"))
    anew = shutil.copytree(folder, folder.with_name("anew"), ignore=shutil.ignore_patterns("data"))
    run(anew, until="ingest")
    theirs = contents(output_of(anew, "ingest"))
    shutil.rmtree(anew)
    return mine == theirs


def test_an_added_recording_costs_its_own_reading(workspace, counted):
    record(workspace / "my/p1/sit_0.csv", 99, "sit")  # in the midst of the others
    record(workspace / "my/p9/walk_1.csv", 98, "walk")
    run(workspace, until="ingest")
    assert counted == {"my/p1/sit_0.csv": 1, "my/p9/walk_1.csv": 1}
    assert same_as_read_anew(workspace)


def test_a_recording_that_changes_or_goes_is_read_again_or_gone(workspace, counted):
    record(workspace / "my/p0/sit_1.csv", 97, "sit")
    (workspace / "my/p2/walk_1.csv").unlink()
    run(workspace, until="ingest")
    assert counted == {"my/p0/sit_1.csv": 1}
    assert same_as_read_anew(workspace)


def test_another_way_of_reading_reads_everything(workspace, counted):
    text = (workspace / "own.yaml").read_text()
    (workspace / "own.yaml").write_text(text.replace("placement: wrist", "placement: hip"))
    run(workspace, until="ingest")
    assert set(counted.values()) == {1}
    assert len(counted) == 8


def test_what_is_damaged_is_not_taken_over(workspace, counted):
    samples = output_of(workspace, "ingest") / "samples.npy"
    data = bytearray(samples.read_bytes())
    data[5000] ^= 1
    samples.write_bytes(data)
    record(workspace / "my/p9/walk_1.csv", 98, "walk")
    run(workspace, until="ingest")
    assert len(counted) == 9
    assert same_as_read_anew(workspace)
