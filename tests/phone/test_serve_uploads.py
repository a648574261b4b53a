"""Recordings from a phone: exactly once, checked, bounded, and nowhere else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.phone.intake import Limits, Refused, check_about, check_rows, finite_json, slug
from har.phone.uploads import Uploads
from tests.phone.serving import request, small_server

ID = "0123456789abcdef" * 2
ABOUT = {"name": "Ada L.", "activity": "Walking upstairs", "placement": "trouser pocket"}
AT = f"/api/recordings/{ID}"
LIMITS = {"chunk_bytes": 20_000, "chunk_samples": 200, "chunks": 20}


def rows(n: int, start: int = 0) -> list[list[float]]:
    t = np.arange(start, start + n) / 50
    return np.column_stack([t, np.sin(t), np.cos(t), 9.81 + 0 * t]).tolist()


@pytest.fixture(scope="module")
def one_server(tmp_path_factory):
    with small_server(tmp_path_factory.mktemp("serve"), **LIMITS) as s:
        yield s


@pytest.fixture
def server(one_server, tmp_path):
    """With an inbox of its own for each test."""
    one_server.uploads = Uploads(tmp_path / "raw", Limits(**LIMITS))
    return one_server


def files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_a_recording_lands_as_a_table_and_its_sidecar(server, tmp_path):
    assert request(server, "PUT", AT, ABOUT)[0] == 201
    for n in (1, 0):  # order does not matter
        status, body, _ = request(
            server, "PUT", f"{AT}/chunks/{n}", {"samples": rows(100, 100 * n)}
        )
        assert (status, body) == (201, {"received": n})
    assert request(server, "GET", AT)[1] == {"id": ID, "state": "under way", "chunks": [0, 1]}
    status, body, _ = request(server, "PUT", f"{AT}/finish", {"chunks": 2})
    assert (status, body["state"], body["n_samples"]) == (201, "landed", 200)
    base = tmp_path / "raw" / "recorded" / "ada-l" / f"walking-upstairs_{ID}"
    assert files(tmp_path / "raw") == [
        f"recorded/ada-l/walking-upstairs_{ID}{end}" for end in (".csv", ".json")
    ]
    table = pd.read_csv(base.with_suffix(".csv"))
    assert list(table.columns) == ["time_s", "x", "y", "z"]
    np.testing.assert_allclose(table.to_numpy(), rows(200), atol=1e-6)
    side = json.loads(base.with_suffix(".json").read_text())
    assert side["subject"] == "ada-l"
    assert side["placement"] == "trouser-pocket"
    assert side["as_typed"] == {k: ABOUT[k] for k in ("name", "activity", "placement")}
    assert side["rate_hz"] == 50
    assert side["length_s"] == 4.0
    assert side["sha256"] == hashlib.sha256(base.with_suffix(".csv").read_bytes()).hexdigest()
    assert request(server, "GET", "/api/recordings")[1] == {
        "recordings": 1,
        "people": {"ada-l": {"walking-upstairs": 4.0}},
    }


def test_everything_may_be_sent_again(server, tmp_path):
    """The phone does not know whether a request whose answer was lost had arrived."""
    requests = [
        (AT, ABOUT),
        (f"{AT}/chunks/0", {"samples": rows(50)}),
        (f"{AT}/chunks/1", {"samples": rows(50, 50)}),
        (f"{AT}/finish", {"chunks": 2}),
    ]
    for path, body in requests:
        assert request(server, "PUT", path, body)[0] == 201
        assert request(server, "PUT", path, body)[0] == 200
    before = {f: (tmp_path / "raw" / f).read_bytes() for f in files(tmp_path / "raw")}
    for path, body in requests:  # a phone that starts over altogether
        status, answer, _ = request(server, "PUT", path, body)
        assert (status, answer["state"]) == (200, "landed")
    assert {f: (tmp_path / "raw" / f).read_bytes() for f in files(tmp_path / "raw")} == before


def test_finish_names_what_is_missing(server):
    request(server, "PUT", AT, ABOUT)
    request(server, "PUT", f"{AT}/chunks/2", {"samples": rows(10, 20)})
    status, body, _ = request(server, "PUT", f"{AT}/finish", {"chunks": 4})
    assert (status, body["missing"]) == (409, [0, 1, 3])
    status, body, _ = request(server, "PUT", f"{AT}/finish", {"chunks": 2})
    assert (status, "missing" in body) == (409, True)


def test_the_same_number_with_other_samples_is_refused(server):
    request(server, "PUT", AT, ABOUT)
    request(server, "PUT", f"{AT}/chunks/0", {"samples": rows(10)})
    assert request(server, "PUT", f"{AT}/chunks/0", {"samples": rows(11)})[0] == 409
    assert request(server, "PUT", AT, {**ABOUT, "name": "Bob"})[0] == 409


def test_two_that_finish_at_once_land_one(tmp_path):
    uploads = Uploads(tmp_path)
    uploads.begin(ID, ABOUT)
    uploads.put(ID, 0, {"samples": rows(200)})
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(uploads.finish(ID, {"chunks": 1})[0]))
        for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(statuses) == [200] * 7 + [201]
    assert len(files(tmp_path)) == 2


def test_a_crash_between_the_two_files_is_mended_by_trying_again(tmp_path, monkeypatch):
    from har.phone import uploads as module

    uploads = Uploads(tmp_path)
    uploads.begin(ID, ABOUT)
    uploads.put(ID, 0, {"samples": rows(20)})
    write = module.replace_file

    def dies(path, data):
        if path.suffix == ".json":
            raise OSError("no space left")
        write(path, data)

    with monkeypatch.context() as m:
        m.setattr(module, "replace_file", dies)
        with pytest.raises(OSError, match="no space"):
            uploads.finish(ID, {"chunks": 1})
    assert uploads.summary()["recordings"] == 0
    assert uploads.finish(ID, {"chunks": 1})[0] == 201
    assert uploads.summary()["recordings"] == 1


def test_discarding(server, tmp_path):
    request(server, "PUT", AT, ABOUT)
    request(server, "PUT", f"{AT}/chunks/0", {"samples": rows(10)})
    assert request(server, "DELETE", AT)[0] == 200
    assert files(tmp_path / "raw") == []
    assert request(server, "PUT", f"{AT}/chunks/1", {"samples": rows(10)})[0] == 404
    request(server, "PUT", AT, ABOUT)
    request(server, "PUT", f"{AT}/chunks/0", {"samples": rows(10)})
    request(server, "PUT", f"{AT}/finish", {"chunks": 1})
    assert request(server, "DELETE", AT)[0] == 409
    assert len(files(tmp_path / "raw")) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"samples": [[0, NaN, 0, 0]]}', 400),
        (b'{"samples": [[0, 1e999, 0, 0]]}', 422),
        (b"[" * 15_000, 400),
        ({}, 422),
        ([], 422),
        ({"samples": []}, 422),
        ({"samples": {"0": 1}}, 422),
        ({"samples": [[0, 0, 0]]}, 422),
        ({"samples": [[0, 0, 0, "1"]]}, 422),
        ({"samples": [[0, 0, 0, True]]}, 422),
        ({"samples": [[-1, 0, 0, 0]]}, 422),
        ({"samples": [[0, 0, 0, 5000]]}, 422),
        ({"samples": [[0, 0, 0, 0], [0, 0, 0, 0]]}, 422),
        ({"samples": rows(201)}, 413),
    ],
)
def test_bad_pieces(server, tmp_path, body, status):
    request(server, "PUT", AT, ABOUT)
    before = files(tmp_path / "raw")
    got, answer, _ = request(server, "PUT", f"{AT}/chunks/0", body)
    assert (got, "error" in answer) == (status, True)
    assert files(tmp_path / "raw") == before


@pytest.mark.parametrize(
    "about",
    [
        None, [], {}, {**ABOUT, "name": ""}, {**ABOUT, "name": 3}, {**ABOUT, "name": "x" * 61},
        {**ABOUT, "path": "/etc"}, {**ABOUT, "name": "../.."}, {**ABOUT, "activity": "..."},
        {**ABOUT, "negated": "yes"},
    ],
)  # fmt: skip
def test_bad_descriptions(server, tmp_path, about):
    assert request(server, "PUT", AT, about if about is not None else b"null")[0] == 422
    assert files(tmp_path / "raw") == []


@pytest.mark.parametrize("chunks", [0, -1, 21, 1.5, "2", None, True])
def test_bad_finish(server, chunks):
    request(server, "PUT", AT, ABOUT)
    assert request(server, "PUT", f"{AT}/finish", {"chunks": chunks})[0] == 422


def test_bounds(server, tmp_path):
    request(server, "PUT", AT, ABOUT)
    big = b'{"samples": [' + b" " * 30_000 + b"]}"
    assert request(server, "PUT", f"{AT}/chunks/0", big)[0] == 413
    assert request(server, "PUT", f"{AT}/chunks/0", b"", {"Content-Length": "9" * 11})[0] == 413
    assert request(server, "PUT", f"{AT}/chunks/0", b"", {"Content-Length": "-1"})[0] == 400
    assert request(server, "PUT", f"{AT}/chunks/20", {"samples": rows(2)})[0] == 413
    chunked = {"Transfer-Encoding": "chunked", "Content-Length": "3"}
    assert request(server, "PUT", f"{AT}/chunks/0", b"{}\n", chunked)[0] == 411
    kind = {"Content-Type": "text/plain"}
    assert request(server, "PUT", f"{AT}/chunks/0", {"samples": rows(2)}, kind)[0] == 415
    assert request(server, "PUT", f"{AT}/chunks/0x1", {"samples": rows(2)})[0] == 404
    assert request(server, "PUT", "/bundle/model.tflite", {})[0] == 405
    assert request(server, "DELETE", "/bundle/model.tflite")[0] == 405
    assert files(tmp_path / "raw") == [f"recorded/.partial/{ID}/about.json"]


def test_the_inbox_is_bounded(tmp_path):
    uploads = Uploads(tmp_path, Limits(recordings=4, client_recordings=2, total_bytes=3000))
    for i in range(2):
        uploads.begin(f"{i:032x}", ABOUT, "192.168.1.7")
    with pytest.raises(Refused, match="2 recordings are under way") as refused:
        uploads.begin(f"{2:032x}", ABOUT, "192.168.1.7")
    assert refused.value.status == 507
    for i in (2, 3):  # another's
        uploads.begin(f"{i:032x}", ABOUT, "192.168.1.8")
    with pytest.raises(Refused, match="4 recordings are under way"):
        uploads.begin(f"{4:032x}", ABOUT, "192.168.1.9")
    uploads.put(f"{0:032x}", 0, {"samples": rows(20)})
    with pytest.raises(Refused, match="No room"):
        uploads.put(f"{0:032x}", 1, {"samples": rows(100, 20)})
    uploads.discard(f"{1:032x}")
    assert uploads.begin(f"{4:032x}", ABOUT, "192.168.1.7")[0] == 201


def test_a_recording_of_which_nothing_comes_keeps_no_place(tmp_path):
    uploads = Uploads(tmp_path, Limits(client_recordings=2))
    for i in range(2):
        uploads.begin(f"{i:032x}", ABOUT)
    uploads.put(f"{0:032x}", 0, {"samples": rows(20)})
    an_hour_ago = time.time() - 3600
    for folder in (tmp_path / "recorded" / ".partial").iterdir():
        os.utime(folder, (an_hour_ago, an_hour_ago))
    assert uploads.begin(f"{2:032x}", ABOUT)[0] == 201
    assert uploads.state(f"{0:032x}")[1]["chunks"] == [0]
    with pytest.raises(Refused, match="begin it first"):  # what the page does then
        uploads.put(f"{1:032x}", 0, {"samples": rows(20)})


def test_what_a_kill_while_finishing_left_is_cleared_away(tmp_path, monkeypatch):
    uploads = Uploads(tmp_path)
    uploads.begin(ID, ABOUT)
    uploads.put(ID, 0, {"samples": rows(20)})
    with monkeypatch.context() as m:
        m.setattr("har.phone.uploads.shutil.rmtree", lambda *_, **__: None)
        uploads.finish(ID, {"chunks": 1})
    assert (tmp_path / "recorded" / ".partial" / ID).exists()
    assert uploads.finish(ID, {"chunks": 1})[1]["state"] == "landed"
    assert list((tmp_path / "recorded" / ".partial").iterdir()) == []


def test_a_full_disk_is_said_and_passes(server, tmp_path, monkeypatch):
    from har.phone import uploads as module

    def full(path, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(module, "replace_file", full)
        status, body, _ = request(server, "PUT", AT, ABOUT)
        assert (status, "No space left" in body["error"]) == (507, True)
    assert request(server, "PUT", AT, ABOUT)[0] == 201


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["name", "activity", "placement", "samples", "x"]), inner)
    ),
    max_leaves=20,
)


@given(JSON, st.lists(st.lists(st.floats() | st.integers(), min_size=3, max_size=5), max_size=4))
@settings(max_examples=300)
def test_whatever_is_sent_is_taken_or_refused(about, samples):
    """Never another error, and what is taken is finite, rising and has safe names."""
    with contextlib.suppress(Refused):
        checked = check_about(about)
        assert all(slug(checked[k]) for k in ("name", "activity", "placement"))
    with contextlib.suppress(Refused):
        rows = np.array(check_rows(samples, Limits()))
        assert np.isfinite(rows).all()
        assert (np.diff(rows[:, 0]) > 0).all()
    with contextlib.suppress(Refused):
        check_rows(about, Limits())


@given(st.text(max_size=80))
@settings(max_examples=300)
def test_a_name_never_leaves_its_folder(text):
    name = slug(text)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not name.startswith("-")
    assert len(name) <= 40
    assert slug(name) == name


def test_names_of_many_scripts():
    assert slug("Zoë O'Neil") == "zoe-o-neil"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("走る") == ""


def test_json_that_python_takes_and_json_has_not():
    for text in (b"NaN", b"Infinity", b"[-Infinity]"):
        with pytest.raises(Refused):
            finite_json(text)
    assert finite_json(b'{"a": [1.5, 2]}') == {"a": [1.5, 2]}
