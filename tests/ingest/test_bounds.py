"""Files that would take for ever, or give an answer that is none: refused in two seconds."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from har.cli.app import main
from har.ingest import content
from har.ingest.raw import Source

ROWS = [f"{i / 50:.2f},{np.sin(i / 3):.4f},{i % 2}.9,9.81" for i in range(600)]


def table(head: str, rows: list[str]) -> str:
    return "\n".join([head, *rows]) + "\n"


FILES = {
    "overflow.csv": table(
        "time_s,x,y,z", [f"{i / 50:.2f},{np.sin(i / 99) * 1e300},2,9.81" for i in range(600)]
    ),
    "beyond-float32.csv": table("time_s,x,y,z", [f"{i / 50:.2f},{i}e38,2,9" for i in range(600)]),
    "one-nanosecond.csv": table("time_s,x,y,z", [f"{i}e-09,{i % 7},2,9.81" for i in range(600)]),
    "one-picosecond.csv": table("time_s,x,y,z", [f"{i}e-12,{i % 7},2,9.81" for i in range(600)]),
    **{
        f"header-{name}.csv": table(f"time,{start}{part * (12_000 // len(part))},y,z", ROWS)
        for name, start, part in [
            ("signs", "acceleration", " _.-"),
            ("words", "", "accX "),
            ("letters", "a", "a"),
            ("capitals", "", "aA"),
            ("digits", "x", "1"),
            ("brackets", "x", " (g"),
            ("dates", "date", "2020-01-01 "),
            ("rotation", "", "rotation_"),
            ("user", "", "user linear "),
            ("spaces", "acc x", "  "),
        ]
    },
}


@pytest.mark.timeout(120)  # it is refused or read at once, or never
@pytest.mark.parametrize("name", FILES)
def test_it_is_refused_or_read(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    done = CliRunner().invoke(main, ["data", "check", str(tmp_path / name)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    if not name.startswith("header"):
        assert done.exit_code == 1
        assert "rejected: " in done.output


def test_one_bad_value_costs_its_row(tmp_path):
    rows = [*ROWS[:300], "6.00,1e300,1.9,9.81", *ROWS[301:]]
    (tmp_path / "a.csv").write_text(table("time_s,x,y,z", rows))
    done = CliRunner().invoke(main, ["data", "check", str(tmp_path / "a.csv")])
    assert "600 samples in = 599 kept + rejected: 1 too large" in done.output


@pytest.mark.parametrize("at", ["member", "list"])
def test_a_name_in_no_code_in_an_archive_is_said(tmp_path, at):
    """Found by tests/fuzz: zipfile raises what it raises for text, not for archives."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann/walk.csv", table("time_s,x,y,z", ROWS))
    data = bytearray(path.read_bytes())
    flags, name = {"member": (6, 30), "list": (8, 46)}[at]
    header = 0 if at == "member" else data.index(b"PK\x01\x02")
    data[header + flags + 1] |= 0x08  # the name is in UTF-8,
    data[header + name] = 0xCC  # which this is not
    path.write_bytes(data)
    done = CliRunner().invoke(main, ["data", "check", str(path)])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert "utf-8" in done.output


def test_a_tar_archive_is_opened_once_for_all_its_members(tmp_path, monkeypatch):
    path, names = tmp_path / "a.tar.gz", [f"{i:04d}.csv" for i in range(2000)]
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(name[:4].encode()))
    opened, really = [], tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda *a, **k: (opened.append(a), really(*a, **k))[1])
    assert content.members(path) == names
    began = time.process_time()
    assert [content.read_bytes(Source(path, n)).decode() for n in names] == [n[:4] for n in names]
    assert time.process_time() - began < 2
    assert len(opened) == 1
