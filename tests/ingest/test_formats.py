"""Phone loggers and plain tables: known by content, read to m/s² in Android's sign."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from har.errors import ConfigError, DataError
from har.ingest import discovery, fields, resolution
from har.ingest.repair import recordings, repair
from har.own_recordings import Columns, Table

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import walk


def read(root: Path, path="**/*.csv", **settings):
    """Recordings of a folder, as the ingest stage would read them."""
    settings = {"subject": "ann"} | settings
    table = Table(path=path, **settings)
    found = discovery.find(table, root)
    resolved = resolution.resolve(table, found.sources)
    out = []
    for source in found.sources:
        out += recordings(resolved.read(source))
    return out


def one(root, **settings):
    (recording,) = read(root, **settings)
    return recording


# Sensor Logger ---------------------------------------------------------------------------------


def test_sensor_logger_reads_z_y_x_by_name(tmp_path):
    t, a = walk()
    exports.sensor_logger(tmp_path / "s1", t, a, platform="android")
    got = one(tmp_path)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)
    assert got.session == "s1"
    assert got.provenance["format"] == "sensor-logger"
    assert got.rate_hz == pytest.approx(50)


def test_sensor_logger_on_ios_is_negated_unless_standardised(tmp_path):
    t, a = walk()
    exports.sensor_logger(tmp_path / "s1", t, -a, platform="ios")
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)
    exports.sensor_logger(tmp_path / "s1", t, a, platform="ios+")
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)


def test_sensor_logger_uncalibrated_is_g_on_ios_and_ms2_on_android(tmp_path):
    t, a = walk()
    name = "AccelerometerUncalibrated"
    exports.sensor_logger(tmp_path / "s1", t, -a / exports.G, name, platform="ios")
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)
    exports.sensor_logger(tmp_path / "s1", t, a, name, platform="android")
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)


def test_sensor_logger_takes_the_view_with_gravity(tmp_path):
    t, a = walk()
    _, linear = walk(gravity=False)
    exports.sensor_logger(tmp_path / "s1", t, linear, "Accelerometer", platform="android")
    exports.sensor_logger(tmp_path / "s1", t, a, "TotalAcceleration", platform="android")
    exports.sensor_logger(tmp_path / "s1", t, a, "Gyroscope", platform="android")
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)
    removed = one(tmp_path, gravity="removed")
    np.testing.assert_allclose(removed.acceleration, linear, atol=1e-5)
    assert removed.provenance["gravity"] == "removed by the recorder"
    not_used = dict(discovery.find(Table(path="**/*.csv"), tmp_path).not_used)
    assert "another view" in not_used["s1/Accelerometer.csv"]
    assert "no acceleration" in not_used["s1/Gyroscope.csv"]


def test_sensor_logger_adds_gravity_where_there_is_only_linear(tmp_path):
    t, a = walk()
    _, linear = walk(gravity=False)
    exports.sensor_logger(tmp_path / "s1", t, -linear, "Accelerometer", platform="ios")
    exports.sensor_logger(tmp_path / "s1", t, -(a - linear), "Gravity", platform="ios")
    got = one(tmp_path)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)
    assert got.provenance["sum"] == "Accelerometer + Gravity"
    np.testing.assert_allclose(one(tmp_path, gravity="removed").acceleration, linear, atol=1e-5)


def test_sensor_logger_annotations_label_what_follows(tmp_path):
    t, a = walk()
    exports.sensor_logger(tmp_path / "s1", t, a, platform="android",
                          marks=[(5.0, "walking"), (12.0, "running")])  # fmt: skip
    notes = [(n.label, n.start, n.end) for n in one(tmp_path).annotations]
    assert notes == [("walking", 250, 600), ("running", 600, 1000)]


def test_sensor_logger_on_an_apple_watch(tmp_path):
    t, a = walk()
    _, linear = walk(gravity=False)
    header = "time,seconds_elapsed," + ",".join(
        f"{part}{axis}" for part in ("rotationRate", "gravity", "acceleration") for axis in "XYZ"
    )
    rows = [
        (str(round(s * 1e9)), s, 0, 0, 0, *(-(x - lin) / exports.G), *(-lin / exports.G))
        for s, x, lin in zip(t, a, linear, strict=True)
    ]
    exports.table(tmp_path / "s1" / "WristMotion.csv", header, rows)
    got = one(tmp_path)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-4)
    assert got.placement == "wrist"
    exports.sensor_logger(tmp_path / "s1", t, -a, platform="ios")  # and the phone beside it
    assert sorted(r.provenance["format"] for r in read(tmp_path)) == [
        "sensor-logger", "sensor-logger-watch",
    ]  # fmt: skip


def test_sensor_logger_as_a_zip(tmp_path):
    t, a = walk()
    exports.sensor_logger(tmp_path / "made" / "s1", t, a, platform="ios+")
    shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "made")
    shutil.rmtree(tmp_path / "made")
    got = one(tmp_path, path="*.zip")
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)


@pytest.mark.dataset
def test_sensor_logger_real_exports(data_mirror):
    """Columns run z, y, x, gravity is removed; 249 Hz is no iPhone."""
    found = read(data_mirror / "phone-logger-sensor-logger", pattern="{activity}/Accelerometer.csv")
    assert [(r.annotations[0].label, r.n_samples) for r in found] == [
        ("squatting", 12144), ("walking", 13261),
    ]  # fmt: skip
    first = [-1.873326063156128, 0.43842220306396484, 1.5436553955078125]
    np.testing.assert_allclose(found[0].acceleration[0], first, rtol=1e-6)
    assert found[0].rate_hz == pytest.approx(248.85, abs=0.1)


# phyphox ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delimiter", "decimal"), [(",", "."), ("\t", "."), (";", "."),
                                                    ("\t", ","), (";", ",")])  # fmt: skip
def test_phyphox_in_every_form(tmp_path, delimiter, decimal):
    t, a = walk()
    t = t - 0.5  # times may begin below zero
    exports.phyphox(tmp_path / "s1", t, a, delimiter=delimiter, decimal=decimal)
    got = one(tmp_path)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)
    assert got.time_s[0] == 0
    assert got.provenance["device"] == "iPhone14,5"
    assert got.start_time.year == 2025


def test_phyphox_has_androids_sign_on_ios_too(tmp_path):
    """Its iOS app multiplies Core Motion's values by −9.81: nothing is left to negate."""
    t, a = walk()
    exports.phyphox(tmp_path / "s1", t, a)
    assert one(tmp_path).acceleration[:, 1].mean() == pytest.approx(exports.G, abs=0.1)
    negated = one(tmp_path, convention="ios")  # for exports that were made otherwise
    assert negated.acceleration[:, 1].mean() == pytest.approx(-exports.G, abs=0.1)


@pytest.mark.parametrize(
    ("name", "kind", "gravity"),
    [("Raw Data", "Acceleration", True), ("Raw Data", "Linear Acceleration", False),
     ("Accelerometer", "", True), ("Linear Accelerometer", "", False)],
)  # fmt: skip
def test_phyphox_gravity(tmp_path, name, kind, gravity):
    t, a = walk(gravity=gravity)
    exports.phyphox(tmp_path / "s1", t, a, name, kind=kind)
    got = one(tmp_path)
    assert ("gravity" in got.provenance) == (not gravity)


# The others ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", ","])
def test_androsensor(tmp_path, delimiter):
    t, a = walk()
    path = exports.androsensor(tmp_path / "Sensor_record.csv", t, a, delimiter=delimiter)
    got = one(tmp_path)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)
    assert got.rate_hz == pytest.approx(50, rel=0.01)
    path.write_bytes(path.read_bytes().replace("²".encode(), b"\xb2"))  # Latin-1, as seen
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)


def test_physics_toolbox(tmp_path):
    t, a = walk()
    exports.physics_toolbox(tmp_path / "g.csv", t, a)
    np.testing.assert_allclose(one(tmp_path).acceleration, a, atol=1e-5)
    exports.physics_toolbox(tmp_path / "g.csv", t, a, ios=True)
    got = one(tmp_path)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)
    assert got.rate_hz == pytest.approx(50, rel=0.01)
    _, linear = walk(gravity=False)
    exports.physics_toolbox(tmp_path / "g.csv", t, linear, linear=True)
    assert one(tmp_path).provenance["gravity"] == "removed by the recorder"


# Plain tables ----------------------------------------------------------------------------------

PLAIN = {"unit": "m/s2", "gravity": "present", "convention": "android"}


def test_inline_labels_with_jittery_milliseconds_over_many_files(tmp_path):
    """Subjects and sessions in the path, labels in a column, times in ms that jitter."""
    rng = np.random.default_rng(3)
    for subject in ("ann", "bob", "cy"):
        for session in (1, 2):
            t, a = walk(rate_hz=40, seed=session)
            ms = np.round(1000 * t + rng.uniform(-5, 5, len(t))).astype(int) + 1_600_000_000_000
            label = ["walk" if s < 8 else ("" if s < 9 else "sit") for s in t]
            rows = [(str(m), *xyz, w) for m, xyz, w in zip(ms, a, label, strict=True)]
            exports.table(
                tmp_path / "my" / subject / f"s_{session}.csv", "t,ax,ay,az,activity", rows
            )
    found = read(
        tmp_path, path="my/**/*.csv", pattern="{subject}/s_{session}.csv", subject=None,
        columns=Columns(time="t", x="ax", y="ay", z="az", label="activity"), time_unit="ms",
        **PLAIN,
    )  # fmt: skip
    assert [r.id for r in found] == [
        f"{who}/{n}/unknown" for who in ("ann", "bob", "cy") for n in (1, 2)
    ]
    for r in found:
        assert [(n.label, n.start, n.end) for n in r.annotations] == [
            ("walk", 0, 320), ("sit", 360, 800),
        ]  # fmt: skip
        assert r.rate_hz == pytest.approx(40, rel=0.01)


def test_rows_without_a_label_are_unlabelled(tmp_path):
    t, a = walk()
    rows = [(s, *xyz, "walk" if s < 10 else "") for s, xyz in zip(t, a, strict=True)]
    exports.table(tmp_path / "a.csv", "time,x,y,z,label", rows)
    assert [n.label for n in one(tmp_path, **PLAIN).annotations] == ["walk"]


def test_one_table_of_many_people(tmp_path):
    t, a = walk()
    rows = [(s, *xyz, who) for who in ("ann", "bob") for s, xyz in zip(t, a, strict=True)]
    exports.table(tmp_path / "all.csv", "time,x,y,z,subject", rows)
    found = read(tmp_path, subject=None, **PLAIN)
    assert [(r.subject, r.n_samples) for r in found] == [("ann", 1000), ("bob", 1000)]


def test_people_who_take_turns_row_by_row(tmp_path):
    t, a = walk(seconds=6)
    rows = [(s, *xyz, who) for s, xyz in zip(t, a, strict=True) for who in ("ann", "bob")]
    exports.table(tmp_path / "all.csv", "time,x,y,z,subject", rows)
    found = read(tmp_path, subject=None, **PLAIN)
    assert [(r.subject, r.n_samples) for r in found] == [("ann", 300), ("bob", 300)]
    np.testing.assert_allclose(found[1].acceleration, a, atol=1e-5)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_the_same_table_in_every_container(tmp_path, suffix):
    import pandas as pd

    t, a = walk()
    frame = pd.DataFrame({"time": t, "acc_x": a[:, 0], "acc_y": a[:, 1], "acc_z": a[:, 2]})
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    got = one(tmp_path, path=f"*.{suffix}", convention="android")
    np.testing.assert_allclose(got.acceleration, a, atol=1e-4)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_the_unit_of_time_is_told_by_its_steps(tmp_path, unit, factor):
    t, a = walk()
    rows = [(str(round(s * factor)) if unit != "s" else s, *xyz)
            for s, xyz in zip(t, a, strict=True)]  # fmt: skip
    exports.table(tmp_path / "a.csv", "t,x,y,z", rows)
    assert one(tmp_path, **PLAIN).rate_hz == pytest.approx(50, rel=1e-3)


def test_dates_as_timestamps(tmp_path):
    t, a = walk()
    base = np.datetime64("2024-05-01T10:00:00")
    rows = [(str(base + np.timedelta64(round(s * 1e3), "ms")), *xyz)
            for s, xyz in zip(t, a, strict=True)]  # fmt: skip
    exports.table(tmp_path / "a.csv", "timestamp,x,y,z", rows)
    assert one(tmp_path, **PLAIN).rate_hz == pytest.approx(50, rel=1e-3)


def test_sidecar_says_who_and_what(tmp_path):
    t, a = walk()
    for name in ("a", "b"):
        exports.table(tmp_path / "rec" / f"{name}.csv", "time,x,y,z",
                      [(s, *xyz) for s, xyz in zip(t, a, strict=True)])  # fmt: skip
    exports.table(tmp_path / "who.csv", "file,subject,activity,placement",
                  [("a.csv", "ann", "walk", "wrist"), ("b.csv", "bob", "sit", "hip")])  # fmt: skip
    found = read(tmp_path, path="rec/*.csv", sidecar="who.csv", subject=None, **PLAIN)
    assert [(r.subject, r.annotations[0].label, r.placement) for r in found] == [
        ("ann", "walk", "wrist"), ("bob", "sit", "hip"),
    ]  # fmt: skip


def test_words_among_the_numbers_are_counted_not_fatal(tmp_path):
    t, a = walk()
    rows = [(s, *xyz) for s, xyz in zip(t, a, strict=True)]
    rows[10] = (t[10], "ERR", *a[10][1:])
    path = exports.table(tmp_path / "a.csv", "time,x,y,z", rows)
    path.write_text(path.read_text() + "1,2\n")  # and a line that broke off
    table = Table(path="*.csv", subject="ann", **PLAIN)
    (source,) = discovery.find(table, tmp_path).sources
    (raw,) = resolution.read(source, table)
    account = repair(raw).account
    assert account.samples_in == 1001
    assert account.kept == 999
    assert dict(account.rejected) == {"not finite": 1, "malformed line": 1}


def test_a_table_without_a_header_line(tmp_path):
    t, a = walk()
    text = "\n".join(f"{s:.3f},{x:.6f},{y:.6f},{z:.6f}" for s, (x, y, z) in zip(t, a, strict=True))
    (tmp_path / "a.csv").write_text(text + "\n")
    (rejected,) = discovery.find(Table(path="*.csv"), tmp_path).rejected
    assert "_0, _1" in rejected[1]
    got = one(tmp_path, columns=Columns(time="_0", x="_1", y="_2", z="_3"), **PLAIN)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)


def test_axes_in_another_order_are_read_by_name_and_told(tmp_path):
    t, a = walk()
    rows = [(s, z, y, x) for s, (x, y, z) in zip(t, a, strict=True)]
    exports.table(tmp_path / "a.csv", "time,acc_z,acc_y,acc_x", rows)
    got = one(tmp_path, **PLAIN)
    np.testing.assert_allclose(got.acceleration, a, atol=1e-5)
    assert any("acc_z, acc_y, acc_x" in text for text in got.provenance["repaired"])


def test_raw_counts(tmp_path):
    t, a = walk()
    rows = [(s, *np.round(xyz / exports.G * 4096)) for s, xyz in zip(t, a, strict=True)]
    exports.table(tmp_path / "a.csv", "time,x,y,z", rows)
    got = one(tmp_path, counts_per_g=4096, convention="android")
    np.testing.assert_allclose(got.acceleration, a, atol=2e-3)


def test_pattern():
    match = fields.compile_pattern("{subject}/{activity}_{session}.csv").fullmatch
    assert match("my/p1/walk_2.csv").groupdict() == {
        "subject": "p1", "activity": "walk", "session": "2",
    }  # fmt: skip
    assert match("walk_2.csv") is None
    with pytest.raises(ConfigError, match="did you mean 'subject'"):
        fields.compile_pattern("{subjct}.csv")
    with pytest.raises(ConfigError, match="occurs twice"):
        fields.compile_pattern("{subject}/{subject}.csv")


def test_what_does_not_match_is_listed(tmp_path):
    t, a = walk()
    rows = [(s, *xyz) for s, xyz in zip(t, a, strict=True)]
    exports.table(tmp_path / "p1" / "walk.csv", "time,x,y,z", rows)
    exports.table(tmp_path / "loose.csv", "time,x,y,z", rows)
    exports.table(tmp_path / "p1" / "notes.csv", "when,what,why", [("a", "b", "c")])
    found = discovery.find(Table(path="**/*.csv", pattern="{subject}/{activity}.csv"), tmp_path)
    assert [s.extra["fields"]["subject"] for s in found.sources] == ["p1"]
    reasons = dict(found.rejected)
    assert "does not match dataset.pattern" in reasons["loose.csv"]
    assert "not a known format" in reasons["p1/notes.csv"]


def test_nothing_there():
    with pytest.raises(ConfigError, match="no file matches"):
        discovery.find(Table(path="nowhere/*.csv"), Path("/tmp"))


def test_unknown_column_names_the_nearest(tmp_path):
    t, a = walk(seconds=3)
    exports.table(tmp_path / "a.csv", "time,ax,ay,az", [(s, *x) for s, x in zip(t, a, strict=True)])
    columns = Columns(x="ax", y="ay", z="az", label="lable")
    with pytest.raises(DataError, match="no column 'lable'"):
        read(tmp_path, columns=columns, **PLAIN)
