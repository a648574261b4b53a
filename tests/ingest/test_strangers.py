"""Files such as strangers bring: each is made of one known movement, which must come out."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from har.ingest import discovery, opening, resolution
from har.ingest.check import check
from har.ingest.raw import ANOTHER_SENSOR, REPEATED_HEADER
from har.ingest.repair import repair
from har.own_recordings import Table

sys.path.insert(0, str(Path(__file__).parent))
from exports import G, walk

T, A = walk()
TURNS = np.random.default_rng(1).normal(0, 1.2, A.shape)
BEGIN = datetime.datetime(2023, 11, 5, 9)


def row(*values, by=",", form="{:.4f}", point="."):
    return by.join(v if isinstance(v, str) else form.format(v).replace(".", point) for v in values)


def stamps(form, cut=None):
    return [f"{BEGIN + datetime.timedelta(seconds=round(float(t), 3)):{form}}"[:cut] for t in T]


def table(names, times, values=A, above=(), **more):
    rows = [row(t, *v, **more) for t, v in zip(times, values, strict=True)]
    return "\n".join([*above, names, *rows, ""])


def unusual_long_form():
    lines = ["Zeit;Sensor;X;Y;Z"]
    for t, a, w in zip(T, A, TURNS, strict=True):
        ms = 1_700_000_000_000 + round(t * 1000)
        lines.append(row(str(ms), "Beschleunigung", *a, by=";", point=","))
        lines.append(row(str(ms + 3), "Drehrate", *w, by=";", point=","))
    return "\r\n".join(lines).encode("utf-16")


def packed_ticks_that_wrap():
    ticks = [str((2**32 - 5_000_000 + round(t * 1e6)) % 2**32) for t in T]
    both = np.hstack([A / G * 1000, TURNS])
    names = "tick;ax;ay;az;gx;gy;gz"
    return gzip.compress(table(names, ticks, both, ["us;mg;mg;mg;dps;dps;dps"], by=";").encode())


def disordered():
    lines = [row(f"{i},{i * 20}", *a * 1000 / G) + "," for i, a in enumerate(A)]
    names = "sample,time [ms],X [mg],Y [mg],Z [mg],"
    lines[300:350] = [*lines[325:350], *lines[300:325]]  # a packet that came late
    return "\n".join(["# Logger 3", names, *lines[:500], names, *lines[500:], ""])


def grouped_thousands():
    ms = [f"{round(t * 1000):,}".replace(",", ".") for t in T]
    names = "Zeit (ms);ax [m/s²];ay [m/s²];az [m/s²]"
    return table(names, ms, by=";", point=",").encode("cp1252")


QUOTED = '"Time (s)", "Acceleration x (m/s^2)", "Acceleration y (m/s^2)", "Acceleration z (m/s^2)"'
FILES = {
    "german_long.csv": unusual_long_form,
    "wrap.csv.gz": packed_ticks_that_wrap,
    "disordered.csv": disordered,
    "thousands.csv": grouped_thousands,
    "quoted.csv": lambda: "\r".join(
        [QUOTED, *(row(*(f'"{v:.4f}"' for v in (t, *a)), by=", ")
                   for t, a in zip(T, A, strict=True))]),
    "clock.csv": lambda: table("clock;ax;ay;az", stamps("%H:%M:%S:%f", -3), by=";"),
    "when.csv": lambda: table("when,x,y,z", stamps("%d.%m.%Y %H:%M:%S.%f", -3)),
    "comma_in_seconds.csv": lambda: table(
        "datetime;x;y;z", [s + "+0100" for s in stamps("%Y-%m-%dT%H:%M:%S,%f", -3)], by=";"),
    "day_apart.csv": lambda: table("Datum;Uhrzeit;x;y;z", stamps("05. Nov 2023;%H:%M:%S.%f", -3),
                                   by=";"),
}  # fmt: skip


def read(path):
    (source,) = discovery.find(Table(path=path.name, subject="ann"), path.parent).sources
    (raw,) = resolution.read(source, Table(path=path.name, subject="ann"))
    done = repair(raw, {"convention": "android"})
    (recording,) = done.recordings
    return recording, done.account


@pytest.mark.parametrize("name", FILES)
def test_the_movement_comes_out(tmp_path, name):
    content = FILES[name]()
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    recording, account = read(tmp_path / name)
    np.testing.assert_allclose(recording.acceleration, A, atol=2e-3)
    assert recording.rate_hz == pytest.approx(50, rel=1e-3)
    np.testing.assert_allclose(np.diff(recording.time_s), 0.02, atol=2e-3)
    known = {"german_long.csv": {ANOTHER_SENSOR: len(A)}, "disordered.csv": {REPEATED_HEADER: 1}}
    assert dict(account.rejected) == known.get(name, {})
    assert check(tmp_path / name, root=tmp_path).errors() == 0


def test_points_that_set_thousands_apart_are_told_from_the_whole_file(tmp_path, monkeypatch):
    """Of a part of a long file alone, 12.340 and 12.360 would be fractions."""
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 5000)
    (tmp_path / "a.csv").write_bytes(grouped_thousands())
    (one,) = opening.open_path(tmp_path / "a.csv")
    times = np.concatenate([chunk.time_s for chunk in one.chunks])
    np.testing.assert_allclose(times, T, atol=2e-3)


def test_counts_below_a_preamble_of_numbers_and_spaces(tmp_path):
    rows = [row(*(2048 + a / G * 410), str(i), by=" ", form="{:.0f}") for i, a in enumerate(A)]
    above = ["3 100 12", "2048 2048 2048 1", "ax ay az n"]
    (tmp_path / "a.txt").write_text("\n".join([*above, *rows, ""]))
    said = Table(path="a.txt", subject="ann", rate_hz=50, counts_per_g=410, zero=2048)
    (source,) = discovery.find(said, tmp_path).sources
    (raw,) = resolution.read(source, said)
    (recording,) = repair(raw, {"convention": "android"}).recordings
    np.testing.assert_allclose(recording.acceleration, A, atol=0.02)


REFUSED = {
    "axis_rows.csv": (
        "\n".join(["time,sensor,axis,value",
                   *(f"{i * 20},accelerometer,{x},0.{i}" for i in range(99) for x in "xyz")]),
        "a row for each axis (column 'axis')",
    ),
    "cells.csv": (table("time;accel", (f"{t:.2f};[0.1, 0.2, 9.8]" for t in T), A[:, :0]),
                  "several values in one cell, such as '[0.1, 0.2, 9.8]'"),
    "lines.json": ("\n".join(json.dumps({"ts": i, "x": 1, "y": 2, "z": 9}) for i in range(99)),
                   "JSON, which cannot be read"),
    "book.xlsx": ("PK\3\4" + "\0" * 200, "a spreadsheet, which cannot be read: save it as CSV"),
    "readme.txt": ("Hip, 50 Hz.", "neither a table with three axes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path, name):
    content, reason = REFUSED[name]
    (tmp_path / name).write_text(content)
    report = check(tmp_path, root=tmp_path)
    said = [*(f.message for f in report.findings()), *(why for _, why in report.not_used)]
    assert any(why.startswith(reason) for why in said)
    assert report.errors() == 1


def frame(**columns):
    return pd.DataFrame({**dict(zip("xyz", A.T, strict=True)), **columns})


def test_times_of_parquet_files_are_known_by_their_types(tmp_path):
    zoned = pd.to_datetime(1.7e9 + T, unit="s", utc=True).tz_convert("Europe/Berlin")
    frame(when=zoned).to_parquet(tmp_path / "zoned.parquet")
    frame().set_index(pd.to_timedelta(T, unit="s")).rename_axis("since").to_parquet(
        tmp_path / "since.parquet"
    )
    exact = [decimal.Decimal(f"{t:.2f}") for t in T]
    frame(time=exact).to_parquet(tmp_path / "exact.parquet")
    for name in ("zoned", "since", "exact"):
        recording, _ = read(tmp_path / f"{name}.parquet")
        np.testing.assert_allclose(recording.acceleration, A, rtol=1e-6)
        np.testing.assert_allclose(np.diff(recording.time_s), 0.02, atol=1e-6)


ODD = {
    "list": [[0.1]] * len(A), "dict": [{"a": 1}] * len(A), "bool": [True] * len(A),
    "bytes": [b"1"] * len(A), "no time": pd.to_datetime([None] * len(A)),
    "date": [datetime.date(2020, 1, 1)] * len(A), "time": [datetime.time(9)] * len(A),
    "category": pd.Categorical(["a"] * len(A)), "span": pd.to_timedelta(T, unit="s"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("column", ["time", "x", "label"])
def test_any_type_of_a_parquet_file_gives_recordings_or_a_reason(tmp_path, kind, column):
    frame(**{"time": T, column: ODD[kind]}).to_parquet(tmp_path / "a.parquet")
    report = check(tmp_path, root=tmp_path)
    (file,) = report.files
    assert file.samples_in == file.kept + file.rejected.total()
    assert report.errors() > 0 or file.kept == len(A)
