"""Fetching: mirror first, partial files never taken for whole, archives that cannot hurt."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import os
import random
import threading
import zipfile

import pytest
from rich.console import Console

from har.errors import DataError
from har.ingest import archives, content, datasets, discovery, fetch
from har.ingest.datasets.dataset import Dataset, PublishedFile
from har.ingest.raw import Source
from har.own_recordings import Table

QUIET = Console(quiet=True)


def dataset(url="", checksum=None):
    return Dataset(
        name="toy", title="", page="https://example.org/toy", licence="", citation="", subjects=1,
        rate_hz=50.0, placements=("wrist",), files=(PublishedFile("toy.zip", url, checksum),),
        sources=lambda folder, placement: [], read=lambda source: [],
    )  # fmt: skip


def archive(path, names=("a.csv",), content=b"1,2,3\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name in names:
            z.writestr(name, content)
    return path


@pytest.fixture
def server(tmp_path):
    """A web server that can be told to break off in the middle."""
    body = archive(tmp_path / "web" / "toy.zip").read_bytes()
    state = {"body": body, "break_at": None, "hits": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state["hits"] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(state["body"])))
            self.end_headers()
            self.wfile.write(state["body"][: state["break_at"]])

        def log_message(self, *_):
            pass

    httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    state["url"] = f"http://127.0.0.1:{httpd.server_port}/toy.zip"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv(fetch.MIRROR, raising=False)


def test_mirror_is_looked_in_first(tmp_path, monkeypatch):
    archive(tmp_path / "mirror" / "toy" / "toy.zip")
    monkeypatch.setenv(fetch.MIRROR, str(tmp_path / "mirror"))
    (path,) = fetch.ensure(dataset("http://127.0.0.1:1/never"), tmp_path / "raw", console=QUIET)
    assert path.read_bytes() == (tmp_path / "mirror/toy/toy.zip").read_bytes()
    facts = fetch.records(path.parent)["toy.zip"]
    assert facts["from"].startswith("local copy")
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_from_a_folder_or_a_file(tmp_path):
    source = archive(tmp_path / "downloads" / "toy.zip")
    for given in (source, source.parent):
        (path,) = fetch.ensure(dataset(), tmp_path / "raw", console=QUIET, source=given)
        assert path.is_file()
    with pytest.raises(DataError, match=r"contains neither toy\.zip"):
        fetch.ensure(dataset(), tmp_path / "raw", console=QUIET, source=tmp_path)


def test_download_is_recorded_and_held_to(tmp_path, server):
    (path,) = fetch.ensure(dataset(server["url"]), tmp_path / "raw", console=QUIET)
    facts = fetch.records(path.parent)["toy.zip"]
    assert facts["checksum"] == "unknown"
    fetch.ensure(dataset(server["url"]), tmp_path / "raw", console=QUIET)
    assert server["hits"] == 1
    path.unlink()
    server["body"] = archive(tmp_path / "web" / "other.zip", ["b.csv"]).read_bytes()
    with pytest.raises(DataError, match="first download"):
        fetch.ensure(dataset(server["url"]), tmp_path / "raw", console=QUIET)
    assert not path.exists()


def test_published_checksum_is_checked(tmp_path, server):
    good = "sha256:" + hashlib.sha256(server["body"]).hexdigest()
    fetch.ensure(dataset(server["url"], good), tmp_path / "a", console=QUIET)
    with pytest.raises(DataError, match="its publisher"):
        fetch.ensure(dataset(server["url"], "md5:" + "0" * 32), tmp_path / "b", console=QUIET)
    assert not (tmp_path / "b/toy/toy.zip").exists()


def test_an_interrupted_download_is_never_taken_for_whole(tmp_path, server):
    server["break_at"] = 40
    with pytest.raises(DataError, match="--from FOLDER"):
        fetch.ensure(dataset(server["url"]), tmp_path / "raw", console=QUIET)
    assert [p.name for p in (tmp_path / "raw/toy").iterdir()] == []
    (tmp_path / "raw/toy/.toy.zip.part-999999999-x").write_bytes(b"half")  # its writer was killed
    living = tmp_path / f"raw/toy/.toy.zip.part-{os.getppid()}-x"
    living.write_bytes(b"half")
    server["break_at"] = None
    (path,) = fetch.ensure(dataset(server["url"]), tmp_path / "raw", console=QUIET)
    assert path.read_bytes() == server["body"]
    assert list(path.parent.glob(".toy.zip.part-*")) == [living]


def test_no_network_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="HAR_DATA_MIRROR"):
        fetch.ensure(dataset("http://127.0.0.1:1/toy.zip"), tmp_path, console=QUIET)
    with pytest.raises(DataError, match="cannot be downloaded directly"):
        fetch.ensure(dataset(""), tmp_path, console=QUIET)


@pytest.mark.parametrize(
    "name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "..\\out.csv", "C:\\out.csv"]
)
def test_a_member_may_not_leave_its_folder(tmp_path, name):
    path = archive(tmp_path / "toy.zip", [name])
    with pytest.raises(DataError, match="unpacked outside its folder"):
        archives.check_zip(path, "toy.zip")


def test_links_and_bombs_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as z:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        z.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        archives.check_zip(path, "link.zip")
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1000)
    bomb = archive(tmp_path / "bomb.zip", content=b"0" * 2000)
    with pytest.raises(DataError, match="bomb"):
        archives.check_zip(bomb, "bomb.zip")


def test_members_are_bounded_in_number_and_each_in_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL_BYTES", 1000)
    tight = archive(tmp_path / "tight.zip", content=b"0" * 1_000_000)
    with zipfile.ZipFile(tight, "a", zipfile.ZIP_STORED) as z:
        z.writestr("noise", random.Random(0).randbytes(100_000))  # hides the ratio of the whole
    with pytest.raises(DataError, match=r"member 'a\.csv' is .* bomb"):
        archives.check_zip(tight, "tight.zip")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    many = archive(tmp_path / "many.zip", ["a.csv", "b.csv", "c.csv"])
    with pytest.raises(DataError, match="3 members; the most is 2"):
        archives.check_zip(many, "many.zip")


def test_what_is_compressed_unpacks_to_so_much(tmp_path, monkeypatch):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 1_000_000))
    assert len(content.read_bytes(Source(path))) == 1_000_000
    monkeypatch.setattr(archives, "SMALL_BYTES", 1000)
    with pytest.raises(DataError, match="more than 0.0 GB, which is refused"):
        content.read_bytes(Source(path))


def test_an_archive_is_opened_once_for_all_its_members(tmp_path, monkeypatch):
    opened = []
    real = zipfile.ZipFile
    monkeypatch.setattr(zipfile, "ZipFile", lambda *a, **k: opened.append(a) or real(*a, **k))
    path = archive(tmp_path / "toy.zip", [f"{i}.csv" for i in range(50)])
    opened.clear()
    found = discovery.find(Table(path="toy.zip"), tmp_path)
    assert found.headers.total() == 50
    assert {content.read_bytes(Source(path, n)) for n in content.members(path)} == {b"1,2,3\n"}
    assert len(opened) == 2  # once to look what is in it
    archive(path, ["c.csv"], content=b"4\n")
    assert content.members(path) == ["c.csv"]


def test_a_harmless_archive_passes(tmp_path):
    path = archive(tmp_path / "toy.zip", ["d/a.csv", "b.csv"])
    found = archives.check_zip(path, "toy.zip")
    assert sorted(info.filename for info in found) == ["b.csv", "d/a.csv"]


def test_a_damaged_archive_is_not_kept(tmp_path):
    bad = tmp_path / "downloads" / "toy.zip"
    bad.parent.mkdir()
    bad.write_bytes(b"PK but not really")
    with pytest.raises(DataError, match="an incomplete zip archive"):
        fetch.ensure(dataset(), tmp_path / "raw", console=QUIET, source=bad)
    assert not (tmp_path / "raw/toy/toy.zip").exists()


def test_dataset_is_a_value():
    assert dataclasses.replace(dataset(), name="other").name == "other"


def test_a_set_that_was_unpacked_is_packed_again(tmp_path):
    """As its readers take it, out of a folder that holds other things too."""
    rows = (
        "gravity.x,gravity.y,gravity.z,userAcceleration.x,userAcceleration.y,userAcceleration.z\n"
    )
    downloads = tmp_path / "Downloads"
    for trial in ("dws_1", "sit_5"):
        file = downloads / "A_DeviceMotion_data" / trial / "sub_3.csv"
        file.parent.mkdir(parents=True)
        file.write_text(rows + "".join(f"0,0,-1,{i % 2},{i % 3},0\n" for i in range(9)))
    (downloads / "holiday.jpg").write_bytes(b"x" * 99)
    motionsense = datasets.get("motionsense")
    (path,) = fetch.ensure(motionsense, tmp_path / "raw", console=QUIET, source=downloads)
    with zipfile.ZipFile(path) as packed:
        assert [n.rpartition("A_Dev")[2] for n in packed.namelist()] == [
            "iceMotion_data/dws_1/sub_3.csv", "iceMotion_data/sit_5/sub_3.csv",
        ]  # fmt: skip
    found = list(motionsense.recordings(path.parent))
    assert [(r.subject, r.session, r.n_samples) for r in found] == [
        ("3", "dws_1", 9),
        ("3", "sit_5", 9),
    ]
    assert fetch.records(path.parent)[path.name]["from"].endswith("Downloads, unpacked")


def test_a_tar_that_was_unpacked(tmp_path):
    folder = tmp_path / "WISDM_ar_v1.1"
    folder.mkdir()
    lines = (
        f"33,Walking,{49_105_962_326_000 + i * 50_000_000},{i % 2},{9 + i % 3},{i % 5};"
        for i in range(60)
    )
    (folder / "WISDM_ar_v1.1_raw.txt").write_text("\n".join(lines) + "\n")
    wisdm = datasets.get("wisdm-v1.1")
    (path,) = fetch.ensure(wisdm, tmp_path / "raw", console=QUIET, source=folder)
    assert [r.n_samples for r in wisdm.recordings(path.parent)] == [60]


def test_a_folder_with_nothing_of_the_set(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    for name in ("motionsense", "uci-hapt", "capture24", "dsads"):
        with pytest.raises(DataError, match="nor its unpacked files"):
            fetch.ensure(datasets.get(name), tmp_path / "raw", console=QUIET, source=tmp_path)
