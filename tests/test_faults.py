"""Faults of the world: damaged and unfinished outputs, raw files that change, runs side by side."""

import dataclasses
import errno
import json
import multiprocessing
import os
import shutil

import numpy as np
import pytest
import yaml

from har import faults, pipeline, session
from har.errors import ChangedError, DamagedError, WorldError
from har.fanout.outcome import Failed, attempt
from har.ingest import reading
from tests import in_process, unshared
from tests.test_store import flip

pytestmark = pytest.mark.usefixtures("plain_pictures")
STAGES = ("ingest", "prepare", "train", "compare", "report")


def record(path, seed, label):
    rng = np.random.default_rng(seed)
    t = np.arange(1000) / 50
    swing = {"walk": 3.0, "sit": 0.1}[label] * np.sin(2 * np.pi * 2 * t)
    xyz = np.stack([swing, np.zeros_like(t), np.full_like(t, 9.81)], 1)
    xyz += rng.normal(0, 0.2, xyz.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{s:.2f},{x:.4f},{y:.4f},{z:.4f}" for s, (x, y, z) in zip(t, xyz, strict=True)]
    path.write_text("t,ax,ay,az\n" + "\n".join(lines) + "\n")


def prepare_workspace(folder, **changes):
    """Four people, two activities, and a model that needs no network."""
    for person in range(4):
        for label in ("walk", "sit"):
            record(folder / f"my/p{person}/{label}_1.csv", 10 * person + len(label), label)
    own = {
        "path": "my/**/*.csv", "columns": {"time": "t", "x": "ax", "y": "ay", "z": "az"},
        "pattern": "my/{subject}/{activity}_{session}.csv", "time_unit": "s", "unit": "m/s2",
        "gravity": "present", "convention": "android", "placement": "wrist",
    }  # fmt: skip
    about = {
        "name": "own", "dataset": own, "split": {"folds": 2},
        "models": [{"extra_trees": {"trees": 5}}], **changes,
    }  # fmt: skip
    (folder / "own.yaml").write_text(yaml.safe_dump(about))
    return folder


def run(folder, *, jobs=1, without=("export",), **which):
    """The steps of a run, by stage."""
    steps = []
    context = session.open_context(folder, str(folder / "own.yaml"), jobs=jobs)
    with in_process.instead():
        pipeline.run(context, without=without, on_step=steps.append, **which)
    return {step.stage.name: step for step in steps}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = prepare_workspace(tmp_path_factory.mktemp("faults"))
    assert {s.state for s in run(folder).values()} == {"ran"}
    return folder


def output_of(folder, stage):
    """The folder of a stage's output that is in use; of jobs, the newest."""
    if stage != "job":  # tests before may have left others, some of them newer
        return run(folder, dry_run=True)[stage].output.path
    found = (folder / f"data/cache/{stage}").glob("[!.]*/meta.json")
    return max(found, key=lambda p: p.stat().st_mtime).parent


@pytest.mark.parametrize(
    ("stage", "file", "force"),
    [
        ("ingest", "samples.npy", "prepare"),
        ("ingest", "recordings.parquet", "prepare"),
        ("prepare", "samples.npy", "compare"),
        ("job", "predictions.npz", "compare"),
        ("train", "jobs.json", None),
        ("compare", "scores.json", None),
        ("report", "index.html", None),
    ],
)
@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(b"")])
def test_a_damaged_output_is_made_again_when_it_is_used(
    finished, capsys, stage, file, force, damage
):
    before = (finished / "reports/own/results.json").read_bytes()
    folder = output_of(finished, stage)
    good = json.loads((folder / "meta.json").read_text())["files"][file]
    damage(folder / file)
    steps = run(finished, force=(force,) if force else ())
    said = " ".join(capsys.readouterr().err.split())
    assert f"{file} is not what was stored" in said
    again = json.loads((folder / "meta.json").read_text())["files"]
    if file != "predictions.npz":  # its zip holds the time
        assert again[file] == good
    assert (folder.parent / f".damaged-{folder.name}" / file).is_file()
    assert list(steps) == list(STAGES)
    kept = json.loads((finished / "reports/own/results.json").read_bytes())
    assert scores(kept) == scores(json.loads(before))
    assert {s.state for s in run(finished).values()} == {"up to date"}


def scores(results):
    return {name: m["macro_f1"] for name, m in results["models"].items()}


def test_what_is_not_used_is_not_read(finished, monkeypatch):
    read = []
    monkeypatch.setattr("har.damage._checked", {})
    monkeypatch.setattr("har.damage.contents", lambda f: read.append(f.parent.name) or {})
    with pytest.raises(DamagedError):  # these contents are nobody's
        run(finished, dry_run=True)
    assert read == ["train"]
    (set_aside,) = (finished / "data/cache/train").glob(".damaged-*")
    os.rename(set_aside, set_aside.with_name(set_aside.name.removeprefix(".damaged-")))


def test_an_output_without_its_meta_data_is_made_again(finished):
    for stage in ("prepare", "compare"):
        (output_of(finished, stage) / "meta.json").unlink()
        assert run(finished)[stage].state == "ran"


@pytest.mark.parametrize("name", ["results.json", "windows.parquet", "confusion/extra_trees.png"])
def test_a_damaged_published_file_is_published_again(finished, name):
    path = finished / "reports/own" / name
    good = path.read_bytes()
    for damage in (flip, lambda p: p.write_bytes(b""), lambda p: p.unlink()):
        damage(path)
        run(finished)
        assert path.read_bytes() == good
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x")
    (path.parent / "confusion").mkdir(exist_ok=True)
    (path.parent / "confusion" / "old.png").write_text("x")
    run(finished)
    assert path.read_bytes() == good
    assert not (path.parent / "confusion" / "old.png").exists()


def changing(monkeypatch, change, times):
    """Change a file each time that all of them have been read."""
    real, left = reading.ingest, [times]

    def ingest(*args, **kwargs):
        summary = real(*args, **kwargs)
        if left[0]:
            left[0] -= 1
            change()
        return summary

    monkeypatch.setattr(reading, "ingest", ingest)


def test_a_raw_file_that_changes_while_it_is_read_is_read_again(tmp_path, monkeypatch, capsys):
    folder = prepare_workspace(tmp_path)
    path = folder / "my/p0/walk_1.csv"
    first = path.read_text()

    def there_and_back():
        path.write_text(first.replace("9.8", "9.9"))
        path.write_text(first)

    changing(monkeypatch, there_and_back, 1)
    run(folder, until="ingest")
    assert "Changed while it was read: " in (said := " ".join(capsys.readouterr().err.split()))
    assert "walk_1.csv" in said
    assert len(list(folder.glob("data/cache/ingest/[!.]*"))) == 1


def test_a_raw_file_that_does_not_stop_to_change_is_refused_by_name(tmp_path, monkeypatch):
    folder = prepare_workspace(tmp_path)
    path = folder / "my/p0/walk_1.csv"

    def written():
        with path.open("a") as f:
            f.write("20.00,0.0,0.0,9.81\n")

    changing(monkeypatch, written, 9)
    with pytest.raises(ChangedError, match=r"walk_1.csv.*Stop the program that writes it"):
        run(folder, until="ingest")
    assert not list(folder.glob("data/cache/ingest/[!.]*"))


def _one_run(folder, without, begin, queue):
    begin.wait()
    queue.put({name: step.state for name, step in run(folder, without=without).items()})


def side_by_side(folder, without):
    """The states of each stage in three runs that begin at the same moment."""
    spawn = multiprocessing.get_context("spawn")
    begin, queue = spawn.Barrier(3), spawn.Queue()
    runs = [spawn.Process(target=_one_run, args=(folder, without, begin, queue)) for _ in range(3)]
    for process in runs:
        process.start()
    states = [queue.get(timeout=500) for _ in runs]
    for process in runs:
        process.join()
    assert not list((folder / "reports").rglob(".*"))
    return {stage: sorted(s[stage] for s in states) for stage in states[0]}


ONCE = ["ran", "up to date", "up to date"]


@pytest.mark.processes
def test_three_runs_side_by_side_make_each_output_once(tmp_path):
    states = side_by_side(prepare_workspace(tmp_path), without=("export",))
    assert states.pop("train")  # shared out job by job
    assert states == dict.fromkeys(("ingest", "prepare", "compare", "report"), ONCE)


SMALL_NETWORK = {
    "models": [{"cnn": {"filters": 4, "blocks": 1}}],
    "training": {"epochs": 1, "backend": "tensorflow"},
    "export": {"quantization": ["none"]},
}


@pytest.mark.tensorflow
def test_three_runs_side_by_side_export_once(tmp_path):
    folder = prepare_workspace(tmp_path, **SMALL_NETWORK)
    assert side_by_side(folder, without=())["export"] == ONCE
    jobs = [p.name for p in folder.glob("data/cache/job/[!.]*")]
    assert len(jobs) == 3, "two folds and a final fit"


def test_a_forced_stage_is_forced_once(finished, monkeypatch):
    ran = []
    real = pipeline.stages()
    told = [
        dataclasses.replace(s, run=lambda c, w, s=s: (ran.append(s.name), s.run(c, w))[1])
        for s in real
    ]
    monkeypatch.setattr(pipeline, "stages", lambda: told)
    flip(output_of(finished, "report") / "index.html")
    run(finished, force=("compare",))
    assert ran == ["compare", "report"]


@pytest.fixture(scope="module")
def on_small_disks(tmp_path_factory):
    """See `tests.small_disk`."""
    return json.loads(unshared.run("tests.small_disk", str(tmp_path_factory.mktemp("small"))))


@pytest.mark.processes
def test_a_full_disk_is_said_wherever_it_ends_a_run(on_small_disks):
    ended = set()
    for size, came_to in on_small_disks["full"].items():
        assert came_to["crash"] is None, size
        assert came_to["exit"] == 1, size
        assert "The disk is full" in came_to["said"]
        assert "What was finished is kept" in came_to["said"]
        assert came_to["left"] == []
        ended.add(tuple(came_to["stages"]))
    assert len(ended) >= 4, ended  # at so many stages
    assert on_small_disks["more"]["exit"] == 0, on_small_disks["more"]
    assert "ingest: up to date" in on_small_disks["more"]["said"]


@pytest.mark.processes
def test_a_workspace_that_nobody_may_write_to_is_said(on_small_disks):
    done = on_small_disks["read_only"]
    for command, came_to in done.items():
        assert came_to["crash"] is None, command
        fine = command == "train" or "--dry-run" in command
        assert came_to["exit"] == (0 if fine else 1), command
        if not fine:
            assert "Read-only file system" in came_to["said"], command
            assert "--workspace" in came_to["said"]


@pytest.mark.parametrize(
    "target", ["reports", "reports/own", "reports/own/confusion", "data/cache/compare"]
)
def test_a_file_in_the_way_of_a_folder_is_said(finished, tmp_path, target):
    folder = tmp_path / "w"
    shutil.copytree(finished, folder)
    path = folder / target
    shutil.rmtree(path)
    path.write_text("in the way")
    with pytest.raises(WorldError, match=rf"{target}.*Move or delete what is there"):
        session.run(folder, str(folder / "own.yaml"), jobs=1, without=("export",))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/a/b"), "while /a/b was written"),
        (OSError("24000 requested and 992 written"), "The disk is full"),
        (OSError("Unable to write (file write failed: errno = 28)"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "/a: Permission denied. Change"),
        (OSError(errno.EIO, "Input/output error", "/a"), "Check the disk"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/a"), "was deleted in the meantime"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in"), "TMPDIR"),
        (MemoryError("8 GiB"), "not enough memory (8 GiB)"),
        (KeyError("a"), None),
        (OSError("of no kind"), None),
    ],
)
def test_what_is_wrong_with_the_world_is_told_from_mistakes(error, said):
    known = faults.explained(error)
    assert (said in str(known)) if said else known is None
    closing = ValueError("the file cannot be closed now")
    closing.__context__ = error
    behind = faults.explained(closing)
    assert str(behind) == str(known)
    done = attempt(lambda _item, _report: (_ for _ in ()).throw(error), 1, print)
    assert said is None or done == Failed(str(known))
