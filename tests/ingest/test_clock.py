"""Time columns: the unit, the form of dates, what repeats, begins again or comes late."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from har.errors import DataError
from har.ingest import chunks, opening, resolution, time_columns
from har.ingest.check import check
from har.own_recordings import Table
from tests.ingest import opened

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import walk

RATE_HZ = 50.0


def write(path, stamps, a, name="timestamp"):
    rows = [
        (f'"{s}"' if "," in s and "," not in name else s, *xyz)
        for s, xyz in zip(stamps, a, strict=True)
    ]
    return exports.table(path, f"{name},x,y,z", rows)


def read(path, **said):
    """The recordings as a prediction and a run have them, which must be the same; rejected rows."""
    said = Table(path="", unit="m/s2", convention="android", subject="ann", **said)
    rejected, predicted_on = {}, []
    for one in opening.open_path(path, said):
        pieces = list(one.chunks)
        predicted_on.append(np.concatenate([c.time_s for c in pieces]))
        rejected |= one.rejected
    whole = [r.time_s for r in opened.read(path, said)]
    assert len(predicted_on) == len(whole)
    for some, all_of_it in zip(predicted_on, whole, strict=True):
        np.testing.assert_allclose(some, all_of_it, rtol=0, atol=1e-9)
    return whole, rejected


def codes(path):
    return {f.code: (f.severity, f.message) for f in check(path, root=path.parent).findings()}


@pytest.fixture
def in_parts(monkeypatch):
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 9000)


def date(form, start=datetime(2024, 12, 11, 23, 59, 50), step_ms=20):
    """The i-th stamp by strftime, with %3 for milliseconds."""

    def stamp(i):
        at = start + timedelta(milliseconds=step_ms * i)
        return at.strftime(form.replace("%3", f"{at.microsecond // 1000:03d}"))

    return stamp


def autumn(i):
    """The hour that comes twice, with the offset that says which it is."""
    at = datetime(2024, 10, 27, 0, 59, 50) + timedelta(milliseconds=20 * i)
    hours = 2 if at.hour < 1 else 1
    return f"{(at + timedelta(hours=hours)).isoformat()}+0{hours}:00[Europe/Berlin]"


def without_offset(i):
    return autumn(i).split("+")[0].replace("T", " ")


STAMPS = {
    "epoch s": ("timestamp", lambda i: f"{1_600_000_000 + i / 50:.2f}"),
    "epoch ms": ("timestamp", lambda i: str(1_600_000_000_000 + 20 * i)),
    "epoch us": ("epoch", lambda i: str(1_600_000_000_000_000 + 20_000 * i)),
    "epoch ns": ("loggingTime", lambda i: str(1_600_000_000_000_000_000 + 20_000_000 * i)),
    "epoch, hundredths": ("timestamp", lambda i: str(160_000_000_000 + 2 * i)),
    "epoch, 10 us": ("timestamp", lambda i: str(160_000_000_000_000 + 2000 * i)),
    "epoch, 100 ns": ("timestamp", lambda i: str(16_000_000_000_000_000 + 200_000 * i)),
    "FILETIME": ("timestamp", lambda i: str(132_444_736_000_000_000 + 200_000 * i)),
    ".NET's ticks": ("ticks time", lambda i: str(637_355_968_000_000_000 + 200_000 * i)),
    "Excel's days": ("Time", lambda i: f"{45_637.9999 + i / 50 / 86_400:.11f}"),
    "MATLAB's days": ("datenum time", lambda i: f"{739_597.9999 + i / 50 / 86_400:.11f}"),
    "a fraction of a day": ("time", lambda i: f"{0.4 + i / 50 / 86_400:.11f}"),
    "run together": ("timestamp", date("%Y%m%d%H%M%S%3")),
    "run together, with a point": ("timestamp", date("%Y%m%d%H%M%S.%3")),
    "run together, a T between": ("timestamp", date("%Y%m%dT%H%M%S.%3")),
    "two columns": ("date,time", date("%Y-%m-%d,%H:%M:%S.%3")),
    "two columns, day first": ("Time,Datum", date("%H:%M:%S.%3,%d.%m.%Y")),
    "since boot, the size of an epoch in ms": ("time", lambda i: str(10**12 + 1 + 20_000_000 * i)),
    "since boot, of one in us": ("time", lambda i: str(1_600_000_000_000_123 + 20_000_000 * i)),
    "since boot, of one in 10 us": ("time", lambda i: str(160_000_000_000_000 + 20_000_000 * i)),
    "bursts": ("time", lambda i: f"{i // 10 * 200 + i % 10 * 0.01:.2f}"),
    "[ns]": ("sensor timestamp [ns]", lambda i: str(599_616_123_701_754_385 + 20_000_000 * i)),
    "_us": ("t_us", lambda i: str(20_000 * i)),
    "Xsens": ("SampleTimeFine", lambda i: str((2**32 - 7_000_000 + 20_000 * i) % 2**32)),
    "signed counter": ("time_us", lambda i: str((7 + 20_000 * i) % 2**32 - 2**31)),
    "16 bits": ("time (ms)", lambda i: str(20 * (i + 3000) % 2**16)),
    "thousands": ("time", lambda i: f"{20.0 * i:,}"),
    "thousands in Switzerland": ("time", lambda i: f"{20 * i:,}".replace(",", "’")),
    "day first": ("Timestamp", date("%d/%m/%Y %H:%M:%S.%3")),
    "month first": ("Timestamp", date("%m/%d/%Y %H:%M:%S.%3")),
    "US": ("Date Time", date("%m/%d/%Y %I:%M:%S.%3 %p")),
    "no leading zero": ("time", date("%-d-%-m-%Y %-H:%M:%S.%3")),
    "two digits of a year": ("time", date("%d.%m.%y %H:%M:%S,%3")),
    "year first": ("time", date("%Y/%m/%d %H:%M:%S:%3")),
    "name of the month": ("time", date("%d-%b-%Y %H:%M:%S.%3")),
    "underlines": ("time", date("%Y-%-m-%-d_%H:%M:%S_%3 GMT")),
    "Axivity": ("time", date("%Y-%m-%d %H:%M:%S.%3000+0100 [Europe/London]")),
    "SensorLog": ("loggingTime(txt)", date("%Y-%m-%d %H:%M:%S.%3 +0200")),
    "Python": ("time", lambda i: date("%FT%T.%3")(i).replace(".000", "")),
    "over midnight": ("time", date("%H:%M:%S.%3")),
    "over midnight, colon": ("time", date("%H:%M:%S:%3")),
    "over midnight, 12 h": ("time", date("%I:%M:%S.%3 %p")),
    "over one o'clock": ("time", date("%I:%M:%S.%3", datetime(2024, 1, 1, 12, 59, 50))),
    "over the hour": ("time", date("%M:%S.%3")),
    "the date last": ("time", date("%H:%M:%S.%3 %d/%m/%Y")),
    "the date last, 12 h": ("time", date("%I:%M:%S.%3 %p, %d.%m.%Y")),
    "summer time ends": ("time", autumn),
    "summer time ends, unsaid": ("time", without_offset),
}  # fmt: skip


@pytest.mark.parametrize("long", [False, True], ids=["whole", "in parts"])
@pytest.mark.parametrize("kind", STAMPS)
def test_a_clock_is_read(tmp_path, request, kind, long):
    if long:
        request.getfixturevalue("in_parts")
    name, stamp = STAMPS[kind]
    t, a = walk()
    path = write(tmp_path / "a.csv", [stamp(i) for i in range(len(t))], a, name)
    ((time_s, *more), rejected) = read(path)
    assert not more
    assert rejected == {}
    np.testing.assert_allclose(time_s, t, atol=2e-5 if "days" in kind else 1e-6)
    if not long:
        assert codes(path).keys().isdisjoint({"gap", "restart", "clock", "no-time"})
        assert check(path, root=tmp_path).whole.rate_hz == pytest.approx(50, rel=0.03)


WHOLE_SECONDS = {
    "epoch s": lambda s: str(1_600_000_000 + s),
    "epoch ms": lambda s: str((1_600_000_000 + s) * 1000),
    "epoch ns": lambda s: str((1_600_000_000 + s) * 10**9),
    "ISO": lambda s: str(np.datetime64("2024-12-11T23:59:50") + s),
    "run together": lambda s: date("%Y%m%d%H%M%S", step_ms=1000)(s),
    "of a day": lambda s: date("%H:%M:%S", step_ms=1000)(s),
}


@pytest.mark.parametrize("kind", WHOLE_SECONDS)
@pytest.mark.parametrize("seconds", [2, 30])
def test_stamps_of_whole_seconds_are_spread(tmp_path, kind, seconds):
    t, a = walk(seconds=seconds)
    path = write(tmp_path / "a.csv", [WHOLE_SECONDS[kind](int(s)) for s in t], a)
    ((time_s,), rejected) = read(path)
    np.testing.assert_allclose(time_s, t, atol=1e-6)
    assert rejected == {}
    assert codes(path)["coarse-clock"][0] == "warning"


def test_batches_of_a_polar_strap(tmp_path):
    _, a = walk(seconds=36)
    stamps = [f"2023-02-01T10:00:{i // 36 * 0.702:06.3f}" for i in range(1800)]
    stamps = [
        f"{s},{599_616_123_701_754_385 + i // 36 * 702_000_000}" for i, s in enumerate(stamps)
    ]
    rows = [(*s.split(","), *xyz) for s, xyz in zip(stamps, a, strict=True)]
    header = "Phone timestamp;sensor timestamp [ns];X [mg];Y [mg];Z [mg]"
    path = exports.table(tmp_path / "Polar_ACC.txt", header, rows, delimiter=";")
    ((time_s,), _) = read(path)
    assert len(time_s) == 1800
    np.testing.assert_allclose(np.diff(time_s), 0.702 / 36, atol=1e-6)


REFUSED = {
    "Excel": (lambda i: date("%M:%S")(i) + f".{i // 5 % 10}", "mm:ss.0"),
    "minutes": (date("%d/%m/%Y %H:%M"), "no seconds"),
    "minutes of a day": (date("%H:%M"), "too coarse"),
    "epoch minutes": (lambda i: str(1_600_000_020 + i // 500 * 60), "too coarse"),
    "cut by Excel": (lambda _i: "1.6E+12", "the same"),
    "1 Hz": (lambda i: str(1_600_000_000 + i), "1 Hz is not a plausible rate"),
    "an hour each": (
        date("%Y-%m-%d %H:%M:%S", step_ms=3_600_000),
        "0.0002778 Hz is not a plausible rate",
    ),
    "1 GHz": (lambda i: f"2024-01-01 10:00:00.{i:09d}", r"1e\+09 Hz is not a plausible rate"),
    "rows": (str, "counts the rows"),
    "ms of the second": (lambda i: str(20 * i % 1000), "occur again later with other values"),
    "words": (lambda i: "early" if i < 500 else "late", "neither a number nor a date"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_clock_is_refused(tmp_path, kind):
    stamp, why = REFUSED[kind]
    _, a = walk(seconds=40)
    path = write(tmp_path / "a.csv", [stamp(i) for i in range(len(a))], a)
    with pytest.raises(DataError, match=why):
        read(path)
    report = check(path, root=tmp_path)
    assert report.whole.kept == 0
    assert any(f.severity == "error" and why.replace("\\", "") in f.message
               for f in report.findings())  # fmt: skip


TICKS = {"10ms": 2, "10us": 2000, "100ns": 200_000}


@pytest.mark.parametrize("unit", TICKS)
def test_ticks_that_nothing_tells_are_warned_of_and_can_be_said(tmp_path, unit):
    t, a = walk()
    path = write(tmp_path / "a.csv", [str(7 + TICKS[unit] * i) for i in range(len(t))], a, "time")
    severity, message = codes(path)["time-unit"]
    assert severity == "warning"
    assert f"it is 50 Hz: set dataset.time_unit to {unit}" in message
    ((time_s,), _) = read(path, time_unit=unit)
    np.testing.assert_allclose(time_s, t, atol=1e-6)


def test_the_newest_row_may_come_first(tmp_path):
    t, a = walk()
    path = write(tmp_path / "a.csv", [f"{s:.2f}" for s in t[::-1]], a[::-1], "time (s)")
    ((time_s,), rejected) = read(path)
    np.testing.assert_allclose(time_s, t, atol=1e-6)
    assert rejected == {}
    (recording,) = opened.read(path, Table(path="", convention="android", subject="ann"))
    np.testing.assert_allclose(recording.acceleration, a, atol=1e-4)


def test_a_slow_set_is_read_if_its_rate_is_said(tmp_path):
    t, a = walk(rate_hz=2)
    path = write(tmp_path / "a.csv", [f"{s:.1f}" for s in t], a, "time (s)")
    with pytest.raises(DataError, match=r"set dataset\.rate_hz"):
        read(path)
    ((time_s,), _) = read(path, rate_hz=2)
    np.testing.assert_allclose(time_s, t)


@pytest.mark.parametrize("long", [False, True], ids=["whole", "in parts"])
def test_readings_in_one_millisecond_are_kept_and_repetitions_are_not(tmp_path, request, long):
    if long:
        request.getfixturevalue("in_parts")
    t, a = walk(rate_hz=100)
    stamps = np.round((t + np.random.default_rng(1).uniform(0, 0.006, len(t))) * 100).astype(int)
    shared = int((np.diff(stamps) == 0).sum())
    assert shared > 50
    lines = [str(1_657_000_000_000 + 10 * s) for s in stamps]
    lines, values = lines + lines[500:510], np.concatenate([a, a[500:510]])
    order = np.argsort(np.r_[np.arange(len(a)), np.arange(500, 510)], kind="stable")
    path = write(tmp_path / "phone.csv", [lines[i] for i in order], values[order])
    ((time_s,), rejected) = read(path)
    assert rejected == {"repeated instant": 10}
    assert len(time_s) == len(a)
    np.testing.assert_allclose(time_s, stamps / 100 - stamps[0] / 100, atol=0.01)
    if not long:
        found = codes(path)
        assert f"{shared} samples share a timestamp with another" in found["shared-timestamp"][1]


@pytest.mark.parametrize("long", [False, True], ids=["whole", "in parts"])
def test_packets_that_come_late_are_sorted_into_the_hole_that_they_left(tmp_path, request, long):
    if long:
        request.getfixturevalue("in_parts")
    t, a = walk(seconds=40)
    order = np.r_[0:500, 536:800, 500:536, 800:1200, 1210:1400, 1200:1210, 1400:2000]
    path = write(tmp_path / "a.csv", [f"{s:.2f}" for s in t[order]], a[order], "time (s)")
    ((time_s,), rejected) = read(path)
    np.testing.assert_allclose(time_s, t, atol=1e-9)
    assert rejected == {}
    if not long:
        found = codes(path)
        assert "46 samples came late, the first in row 765" in found["late"][1]
        assert found.keys().isdisjoint({"gap", "restart"})


def test_a_restart_is_no_gap_even_if_it_falls_into_a_hole(tmp_path):
    t, a = walk(seconds=20)
    t = t - (t >= 10) * (10 - 0.5)  # again from 0.5 s
    keep = ~((np.arange(len(t)) < 500) & (t > 0.2) & (t < 0.6))  # into a hole, and on
    path = write(tmp_path / "a.csv", [f"{s:.2f}" for s in t[keep]], a[keep], "time (s)")
    (times, rejected) = read(path)
    assert len(times) == 2
    assert sum(map(len, times)) == keep.sum()
    assert rejected == {}
    found = codes(path)
    assert "restart" in found
    assert "1 gaps, the longest" in found["gap"][1]  # the hole
    path = write(tmp_path / "b.csv", [f"{s:.2f}" for s in t], a, "time (s)")
    assert "gap" not in codes(path)
    assert check(path, root=tmp_path).whole.rate_hz == pytest.approx(50)


def test_what_comes_too_late_for_a_long_file_is_counted(tmp_path, in_parts, monkeypatch):
    monkeypatch.setattr(chunks, "HOLD_S", 2.0)
    t, a = walk(seconds=40)
    order = np.r_[0:500, 536:1200, 500:536, 1200:2000]
    path = write(tmp_path / "a.csv", [f"{s:.2f}" for s in t[order]], a[order], "time (s)")
    said = Table(path="", unit="m/s2")
    (one,) = ((list(r.chunks), r.rejected) for r in opening.open_path(path, said))
    assert one[1] == {chunks.LATE: 36}


def test_which_column_is_the_time():
    assert time_columns.column(["gyro_timestamp", "acc_timestamp", "time_ms"]) == "acc_timestamp"
    assert (
        time_columns.column(["Phone timestamp", "sensor timestamp [ns]"]) == "sensor timestamp [ns]"
    )
    assert (
        time_columns.column(["x", "timezone", "time zone", "activity time", "temperature"]) is None
    )
    for name in ("epoch", "TimeStamp", "timestampMs", "elapsedRealtimeNanos", "event_time", "ts",
                 "UNIX_TIMESTAMP", "Zeit", "sample time", "epoch (ms)"):  # fmt: skip
        assert time_columns.is_time(name), name
