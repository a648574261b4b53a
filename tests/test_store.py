import json
import os
import re
import subprocess
import sys
import time

import pytest

from har import files
from har.errors import ChangedError, DamagedError
from har.files import FileHashes, digest
from har.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def test_an_output_appears_whole(store):
    with store.writing("stage", "k", {"config": 1}) as w:
        (w.path / "a.txt").write_text("a")
        assert store.find("stage", "k") is None
        w.note(rows=3)
    found = store.find("stage", "k")
    assert (found.path / "a.txt").read_text() == "a"
    assert found.meta["rows"] == 3
    assert found.meta["parts"] == {"config": 1}


def test_an_exception_leaves_nothing(store):
    with pytest.raises(RuntimeError), store.writing("stage", "k", {}) as w:
        (w.path / "a.txt").write_text("a")
        raise RuntimeError
    assert store.find("stage", "k") is None
    assert not list((store.root / "stage").iterdir())


KILLED = """
import sys, time
from pathlib import Path
from har.store import Store
with Store(Path(sys.argv[1])).writing("stage", "k", {}) as w:
    for i in range(10_000):
        (w.path / f"{i}.bin").write_bytes(bytes(100_000))
        print(i, flush=True)
"""


@pytest.mark.parametrize("after", [0, 3, 40])
def test_a_killed_writer_leaves_nothing_that_is_read_and_the_next_run_sweeps(store, after):
    p = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store.root)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    while int(p.stdout.readline()) < after:
        pass
    p.kill()
    p.wait()
    p.stdout.close()
    assert store.find("stage", "k") is None
    assert [f.name.startswith(".partial-") for f in (store.root / "stage").iterdir()] == [True]
    with store.writing("stage", "k", {}) as w:
        (w.path / "a.txt").write_text("a")
    assert [f.name for f in (store.root / "stage").iterdir()] == ["k"]


def test_what_is_made_again_the_same_has_the_same_fingerprint(store):
    for key, text in (("k1", "a"), ("k2", "a"), ("k3", "b")):
        with store.writing("stage", key, {"code": key}) as w:
            (w.path / "a.txt").write_text(text)
    prints = [store.find("stage", k).fingerprint for k in ("k1", "k2", "k3")]
    assert prints[0] == prints[1] != prints[2]


def test_two_writers_of_one_key_leave_one_output(store):
    with store.writing("stage", "k", {}) as first:
        (first.path / "a.txt").write_text("a")
        with store.writing("stage", "k", {}) as second:
            (second.path / "a.txt").write_text("a")
    assert (store.find("stage", "k").path / "a.txt").read_text() == "a"
    assert len(list((store.root / "stage").iterdir())) == 1


def test_replace_puts_the_new_output_in_place_of_the_old(store):
    for text in ("old", "new"):
        with store.writing("stage", "k", {}, replace=True) as w:
            (w.path / "a.txt").write_text(text)
    assert (store.find("stage", "k").path / "a.txt").read_text() == "new"
    assert len(list((store.root / "stage").iterdir())) == 1


def test_a_miss_says_what_changed(store):
    inputs = {"ingest": "a", "reader": "x"}
    parts = {"config": {"rate_hz": 50, "filter": "none"}, "inputs": inputs, "code": "x"}
    assert store.why_missing("stage", parts) == "nothing stored yet"
    with store.writing("stage", digest(parts), parts):
        pass
    assert store.why_missing("stage", {**parts, "code": "y"}) == "code changed"
    code = {**parts, "code": "y", "inputs": {**inputs, "reader": "y"}}
    assert store.why_missing("stage", code) == "code changed"
    other = {**parts, "config": {"rate_hz": 25, "filter": "none"}}
    assert store.why_missing("stage", other) == "rate_hz 50 → 25"


def made(store, key="k"):
    with store.writing("stage", key, {"config": key}) as w:
        (w.path / "a.bin").write_bytes(bytes(1000))
        (w.path / "in").mkdir()
        (w.path / "in" / "b.txt").write_text("b")
    return store.root / "stage" / key


def flip(path):
    """One bit, and the time of the last change as it was."""
    data, at = bytearray(path.read_bytes()), path.stat().st_mtime_ns
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(at, at))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda f: flip(f / "a.bin"), "a.bin"),
        (lambda f: (f / "a.bin").write_bytes(b""), "a.bin"),
        (lambda f: (f / "in/b.txt").unlink(), "in/b.txt"),
        (lambda f: (f / "more.txt").write_text("x"), "more.txt"),
        (lambda f: (f / "meta.json").write_text("{"), "meta.json"),
        (lambda f: (f / "meta.json").write_bytes(b""), "meta.json"),
        (lambda f: (f / "meta.json").write_bytes(b"\xff\xfe"), "meta.json"),
        (lambda f: (f / "meta.json").write_text("[1]"), "meta.json"),
        (lambda f: (f / "meta.json").write_text(
            (f / "meta.json").read_text().replace('fingerprint": "', 'fingerprint": "0')
        ), "meta.json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("used_before", [False, True])
def test_what_is_damaged_is_named_and_set_aside_and_made_again(store, damage, named, used_before):
    folder = made(store)
    if used_before:
        assert store.find("stage", "k").path == folder
    damage(folder)
    with pytest.raises(DamagedError, match=re.escape(f"{folder}: {named} is not what was stored")):
        store.find("stage", "k").path  # noqa: B018
    assert store.find("stage", "k") is None
    assert (store.root / "stage/.damaged-k").is_dir()
    made(store)
    assert (store.find("stage", "k").path / "a.bin").read_bytes() == bytes(1000)


def test_files_are_compared_once_in_a_process(store, monkeypatch):
    made(store)
    calls = []
    real = files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda p: (calls.append(p), real(p))[1])
    for _ in range(3):
        store.find("stage", "k").path  # noqa: B018
    assert len(calls) == 3  # two files and the meta data


def test_an_output_without_meta_data_is_replaced(store):
    folder = made(store)
    (folder / "meta.json").unlink()
    assert store.find("stage", "k") is None
    made(store)
    assert (store.find("stage", "k").path / "in/b.txt").read_text() == "b"


def test_a_damaged_neighbour_does_not_keep_a_miss_from_its_reason(store):
    (made(store, "other") / "meta.json").write_text("{")
    made(store)
    assert store.why_missing("stage", {"config": "l"}) == 'config "k" → "l"'


def test_key_order_does_not_matter():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": (1, 2), "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_hashes_are_remembered_until_the_file_changes(tmp_path, monkeypatch):
    file, memory = tmp_path / "a.bin", tmp_path / "hashes.json"
    file.write_bytes(b"one")
    calls = []
    real = files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda p: (calls.append(p), real(p))[1])
    first = FileHashes(memory).of([file])
    assert FileHashes(memory).of([file]) == first
    assert len(calls) == 1
    time.sleep(0.01)
    file.write_bytes(b"two")
    assert FileHashes(memory).of([file]) != first
    memory.write_text("{")
    assert len(FileHashes(memory).of([file])) == 1  # a damaged memory only costs time
    assert json.loads(memory.read_text())


def test_a_file_that_was_changed_and_changed_back_is_known(tmp_path):
    file, hashes = tmp_path / "a.bin", FileHashes(tmp_path / "hashes.json")
    file.write_bytes(b"one")
    known = {file: hashes.of([file])[str(file)]}
    assert FileHashes(tmp_path / "hashes.json").changed(known) == []
    at = file.stat().st_mtime_ns
    for text in (b"two", b"one"):
        time.sleep(0.01)
        file.write_bytes(text)
        os.utime(file, ns=(at, at))
        assert FileHashes(tmp_path / "hashes.json").changed(known) == [file]
    file.unlink()
    assert hashes.changed(known) == [file]


def test_a_file_that_never_stands_still_is_refused_by_name(tmp_path, monkeypatch):
    file = tmp_path / "a.bin"
    file.write_bytes(b"one")
    real = files.sha256_file

    def written_meanwhile(path):
        with path.open("ab") as f:
            f.write(b"more")
        return real(path)

    monkeypatch.setattr(files, "sha256_file", written_meanwhile)
    with pytest.raises(ChangedError, match="a.bin changes while it is read"):
        FileHashes(tmp_path / "hashes.json").of([file])


def test_a_miss_is_told_in_the_words_of_the_pipeline_file(store):
    def parts(epochs, *models):
        of = {"training": {"epochs": epochs}, "models": [{"name": m} for m in models]}
        return {"config": of, "inputs": {}, "code": "x"}

    with store.writing("train", digest(parts(2, "cnn", "gru")), parts(2, "cnn", "gru")):
        pass
    why = store.why_missing("train", parts(3, "gru", "lstm"))
    assert why == "models.cnn removed; models.lstm added; training.epochs 2 → 3"
