"""Bytes to text, and text to columns."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from har.errors import DataError
from har.ingest import content, text
from har.ingest.raw import Source
from har.own_recordings import Table
from tests.ingest import opened

sys.path.insert(0, str(Path(__file__).parent))
from exports import walk

CODED = {
    "utf-16-le": lambda t: ("\ufeff" + t).encode("utf-16-le"),
    "utf-16-be": lambda t: ("\ufeff" + t).encode("utf-16-be"),
    "utf-16-le without a mark": lambda t: t.encode("utf-16-le"),
    "utf-16-be without a mark": lambda t: t.encode("utf-16-be"),
    "utf-8-sig": lambda t: t.encode("utf-8-sig"),
    "gzip": lambda t: gzip.compress(t.encode()),
    "gzip of utf-16": lambda t: gzip.compress(t.encode("utf-16")),
}


def table_text() -> tuple[str, np.ndarray]:
    t, a = walk()
    rows = [f"{s:.2f},{x:.6f},{y:.6f},{z:.6f}" for s, (x, y, z) in zip(t, a, strict=True)]
    return "\n".join(["time,x,y,z", *rows, ""]), a


@pytest.mark.parametrize("coding", CODED)
def test_coded_text_reads_as_plain_text_does(tmp_path, coding):
    plain, a = table_text()
    (tmp_path / "walk.csv.gz").write_bytes(CODED[coding](plain))
    said = Table(path="", convention="android", subject="s")
    (recording,) = opened.read(tmp_path, said)
    np.testing.assert_allclose(recording.acceleration, a, atol=1e-5)


def test_a_gzip_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "walk.csv.gz"
    path.write_bytes(gzip.compress(table_text()[0].encode())[:-9000])
    with pytest.raises(DataError, match="truncated"):
        content.read_bytes(Source(path))


@pytest.mark.parametrize(
    ("data", "names", "kept", "skipped"),
    [
        ("0,1,2,3\n1,1,2,3,\n2,1,2,3,,\n", "txyz", [0, 1, 2], 0),
        ("0,1,2,3,\n1,1,2,3\n", ["t", "x", "y", "z", "_4"], [0, 1], 0),
        ("0,1,2,3\n1,1,2\n2,1,2,3,4\n", "txyz", [0], 2),
        ("0,1,2,\n1,1,2,3\n2,1,2,3,\n", "txyz", [0, 1, 2], 0),
    ],
)
def test_an_empty_last_field_is_no_other_number_of_fields(data, names, kept, skipped):
    columns, lines = text.read_columns(data.encode(), names=list(names), types={"z": "float64"})
    assert columns["t"].tolist() == kept
    assert lines == skipped
    assert isinstance(lines, text.Lines)
    assert len(lines.first) == skipped


def test_a_line_without_end_is_refused_by_name():
    with pytest.raises(DataError, match=r"a\.csv: a line longer than 1,048,576 bytes"):
        text.read_columns(b"x,y\n1,2\n" + b"1" * (3 << 20), where="a.csv")
