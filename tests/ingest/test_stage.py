"""The stage: the same from one process or several, up to date or not, and what stops it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from har import pipeline_file
from har.cli import summary
from har.errors import ConfigError, DataError, HarError
from har.files import digest
from har.ingest import reading, recording_files
from har.ingest.stage import STAGE
from har.stages import Context
from har.store import Store
from har.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import walk


def context(root: Path, dataset, *, jobs=1, **pipeline) -> Context:
    workspace = Workspace(root)
    return Context(
        workspace=workspace,
        pipeline=pipeline_file.parse(
            {"name": "t", "dataset": dataset, "models": ["cnn"], **pipeline}
        ),
        store=Store(workspace.cache),
        jobs=jobs,
        console=Console(quiet=True),
    )


def ingest(c: Context):
    parts = STAGE.parts(c)
    with c.store.writing(STAGE.name, digest(parts), parts, replace=True) as writing:
        STAGE.run(c, writing)
    return c.store.find(STAGE.name, digest(parts))


def people(root: Path, *, sessions=(1,), **changes) -> dict:
    """Six files of three people, and the mapping that reads them."""
    for number, subject in enumerate(("ann", "bob", "cy")):
        for k, activity in enumerate(("walk", "run")):
            for session in sessions:
                t, a = walk(seconds=6, seed=100 * number + 10 * k + session)
                rows = [(s, *xyz) for s, xyz in zip(t, a, strict=True)]
                path = root / "my" / subject / f"{activity}_{session}.csv"
                exports.table(path, "time,x,y,z", rows)
    return {
        "path": "my/**/*.csv", "pattern": "{subject}/{activity}_{session}.csv",
        "convention": "android", "placement": "wrist",
    } | changes  # fmt: skip


def test_own_recordings(tmp_path):
    output = ingest(context(tmp_path, people(tmp_path)))
    found = recording_files.read(output.path)
    assert [r.id for r in found[:3]] == ["ann/run-1/wrist", "ann/walk-1/wrist", "bob/run-1/wrist"]
    assert [r.annotations[0].label for r in found] == ["run", "walk"] * 3


@pytest.mark.processes
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_from_one_process_or_two(tmp_path, monkeypatch, jobs):
    monkeypatch.setattr(reading, "WORTH_PROCESSES_BYTES", 0)
    monkeypatch.setattr(reading, "BATCH", 2)
    output = ingest(context(tmp_path, people(tmp_path), jobs=jobs))
    found = recording_files.read(output.path)
    assert [r.provenance["source"] for r in found] == [
        f"my/{who}/{what}_1.csv" for who in ("ann", "bob", "cy") for what in ("run", "walk")
    ]
    summary = json.loads((output.path / "summary.json").read_text())
    assert summary["samples"] == {"in": 1800, "kept": 1800, "rejected": {}}
    assert summary["activities"]["walk"] == {"minutes": 0.3, "subjects": 3}
    assert not (output.path / "parts").exists()


@pytest.mark.parametrize(("removed", "said"), [(0, "present"), (3, "removed")])
def test_the_summary_says_whether_gravity_is_in_the_recordings(tmp_path, removed, said):
    output = ingest(context(tmp_path, phones(tmp_path, removed)))
    assert json.loads((output.path / "summary.json").read_text())["gravity"] == said


def test_gravity_in_some_files_only_is_refused(tmp_path):
    with pytest.raises(DataError, match="Some files contain gravity and some do not"):
        ingest(context(tmp_path, phones(tmp_path, removed=1)))


def phones(root, removed):
    """Walks of three people as phyphox exports them, some without gravity."""
    for i, who in enumerate(("ann", "bob", "cy")):
        without = i < removed
        t, a = walk(seconds=6, seed=i, gravity=not without)
        kind = "Linear Acceleration" if without else "Acceleration"
        exports.phyphox(root / "my" / who, t, a, "walk", kind=kind)
    return {"path": "my/**/*.csv", "pattern": "{subject}/{activity}.csv", "placement": "wrist"}


def test_without_a_session_the_files_name_stands_in(tmp_path):
    dataset = people(tmp_path, sessions=(1, 2)) | {"pattern": "{subject}/{activity}_{_}.csv"}
    found = recording_files.read(ingest(context(tmp_path, dataset)).path)
    assert len({r.id for r in found}) == 12


def test_two_recordings_of_one_name_are_refused(tmp_path):
    people(tmp_path, sessions=(1, 2))
    exports.table(tmp_path / "who.csv", "file,subject,activity,session",
                  [("my", "ann", "walk", "1")])  # fmt: skip
    dataset = {"path": "my/**/*.csv", "sidecar": "who.csv", "convention": "android"}
    with pytest.raises(DataError, match="Two recordings are called ann/walk-1"):
        ingest(context(tmp_path, dataset))


@pytest.mark.processes
def test_a_process_that_dies_takes_one_file_with_it(tmp_path, monkeypatch):
    from tests.ingest import dying

    monkeypatch.setattr(reading, "WORTH_PROCESSES_BYTES", 0)
    monkeypatch.setattr(reading, "BATCH", 3)
    monkeypatch.setattr(reading, "read_batch", dying.read_batch)
    output = ingest(context(tmp_path, people(tmp_path), jobs=2))
    assert len(recording_files.read(output.path)) == 5
    (rejected,) = json.loads((output.path / "account.json").read_text())["files_rejected"]
    assert rejected["file"] == "my/bob/run_1.csv"
    assert "SIGKILL" in rejected["reason"]


@pytest.mark.processes
def test_a_disk_that_fills_while_processes_read_ends_the_run_and_leaves_no_file_out(
    tmp_path, monkeypatch
):
    from tests.ingest import dying

    monkeypatch.setattr(reading, "WORTH_PROCESSES_BYTES", 0)
    monkeypatch.setattr(reading, "read_batch", dying.read_batch_that_fills_the_disk)
    of = context(tmp_path, people(tmp_path), jobs=2)
    with pytest.raises(DataError, match="The disk is full"):
        ingest(of)
    assert not list(of.store.root.glob("ingest/*/samples.npy"))


def test_what_must_be_known_stops_the_run_and_says_what_to_set(tmp_path):
    dataset = people(tmp_path)
    del dataset["convention"]
    with pytest.raises(DataError, match=r"Set dataset\.convention: android"):
        ingest(context(tmp_path, dataset))
    dataset = people(tmp_path) | {"pattern": "{activity}_{session}.csv"}
    with pytest.raises(DataError, match=r"Set dataset\.subject"):
        ingest(context(tmp_path, dataset))
    with pytest.raises(DataError, match=r"Set dataset\.unit: m/s2"):
        ingest(context(tmp_path, people(tmp_path) | {"unit": "g"}))
    with pytest.raises(ConfigError, match="no file matches"):
        ingest(context(tmp_path, people(tmp_path) | {"path": "elsewhere/*.csv"}))


def test_a_file_that_cannot_be_read_is_listed_and_the_others_kept(tmp_path):
    dataset = people(tmp_path)
    (tmp_path / "my" / "ann" / "walk_9.csv").write_text("when,what,why\na,b,c\n")
    output = ingest(context(tmp_path, dataset))
    account = json.loads((output.path / "account.json").read_text())
    (rejected,) = account["files_rejected"]
    assert rejected["file"] == "my/ann/walk_9.csv"
    assert "not read: my/ann/walk_9.csv" in summary.ingest(output)


def test_the_key_follows_the_content_of_the_files(tmp_path):
    dataset = people(tmp_path)
    before = digest(STAGE.parts(context(tmp_path, dataset)))
    assert digest(STAGE.parts(context(tmp_path, dataset))) == before
    path = tmp_path / "my" / "ann" / "walk_1.csv"
    path.write_text(path.read_text() + "9,0,9.8,0\n")
    assert digest(STAGE.parts(context(tmp_path, dataset))) != before


def test_activities_are_not_its_business(tmp_path):
    dataset = people(tmp_path)
    one = digest(STAGE.parts(context(tmp_path, dataset)))
    assert digest(STAGE.parts(context(tmp_path, dataset, activities=["walk"]))) == one


def test_watch_and_its_summary(tmp_path):
    c = context(tmp_path, "watch")
    output = ingest(c)
    assert summary.ingest(output).splitlines()[:6] == [
        "watch (wrist): 10 subjects, 140 recordings, 1.36 h; 50 Hz × 140",
        "",
        "  activity           minutes  subjects",
        "  abduction             13.3        10",
        "  external_rotation     12.5        10",
        "  forward_elevation     13.5        10",
    ]
    assert len(recording_files.read(output.path)) == 140


@pytest.mark.dataset
def test_a_set_that_is_not_there_is_fetched_from_the_mirror(tmp_path, data_mirror, monkeypatch):
    monkeypatch.setenv("HAR_DATA_MIRROR", str(data_mirror))
    output = ingest(context(tmp_path, "uci-hapt"))
    assert len(recording_files.read(output.path)) == 61
    assert (tmp_path / "data/raw/uci-hapt/HAPT Data Set.zip").is_file()


def test_a_dry_run_fetches_nothing(tmp_path):
    c = replace(context(tmp_path, "motionsense"), dry_run=True)
    assert STAGE.inputs(c)["files"].startswith("to be fetched")
    assert not (tmp_path / "data").exists()


def test_a_set_that_cannot_be_had_says_what_to_do(tmp_path, monkeypatch):
    from har.ingest import fetch

    def refuse(dataset, file, path, console):
        raise DataError("no network")

    monkeypatch.delenv("HAR_DATA_MIRROR", raising=False)
    monkeypatch.setattr(fetch, "_download", refuse)
    with pytest.raises(HarError, match="no network"):
        ingest(context(tmp_path, "motionsense"))


def test_memory_is_flat(tmp_path):
    """A part is written and let go before the next is read: nothing is kept but its table row."""
    import tracemalloc

    def peak(n):
        tracemalloc.start()
        with recording_files.Writer(tmp_path / str(n)) as writer:
            for i in range(n):
                t = np.zeros((20_000, 3), np.float32)
                writer.add(make(t, i))
            writer.finish()
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    def make(a, i):
        from har.recording import Recording

        return Recording("own", "ann", str(i), "wrist", 50.0, a)

    peak(5)
    assert peak(100) < 1.5 * peak(10)
