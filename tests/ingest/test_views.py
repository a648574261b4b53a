"""Files of one folder: views of one movement, or recordings of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from har.ingest import discovery
from har.own_recordings import Table
from tests.ingest import opened

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import walk


def found(folder: Path, **said) -> list[tuple[str, str, int]]:
    """Subject, session and samples of what is read."""
    table = Table(path=str(folder), **{"convention": "android", "subject": "s", **said})
    return sorted(
        (r.subject, r.session.rpartition("-")[2], r.n_samples) for r in opened.read(folder, table)
    )


def test_exports_of_one_app_in_one_folder_are_recordings_each(tmp_path):
    folder = tmp_path / "phyphox"
    for name, seconds in (("p1_Walking", 12), ("p2_Jumping", 14), ("p3_Walking", 13)):
        t, a = walk(seconds=seconds, gravity=False)
        exports.phyphox(folder, t, a, name, kind="Linear Acceleration")
    assert [n for *_, n in found(folder)] == [600, 700, 650]
    people = [(who, n) for who, _, n in found(folder, pattern="{subject}_{activity}.csv")]
    assert people == [("p1", 600), ("p2", 700), ("p3", 650)]


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (("Accelerometer", "Linear Accelerometer"), 1),
        (("p1 Accelerometer", "p1 Linear Accelerometer"), 1),
        (("p1_acc", "p2_linear_acc"), 2),
        (("walk_1_raw_data", "walk_2_raw_data"), 2),
    ],
)
def test_views_differ_in_name_by_the_sensor_alone(tmp_path, names, read):
    t, a = walk()
    _, linear = walk(gravity=False)
    exports.phyphox(tmp_path / "x", t, a, names[0])
    exports.phyphox(tmp_path / "x", t, linear, names[1], kind="Linear Acceleration")
    listed = discovery.find(Table(path=str(tmp_path / "x")), tmp_path)
    assert len(listed.sources) == read
    assert sum("another view" in reason for _, reason in listed.not_used) == 2 - read


def test_views_cover_the_same_time(tmp_path):
    t, a = walk()
    _, linear = walk(gravity=False)
    exports.phyphox(tmp_path / "x", t, a, "Accelerometer", kind="")
    exports.phyphox(tmp_path / "x", t[:600], linear[:600], "Linear Accelerometer", kind="")
    assert len(discovery.find(Table(path=str(tmp_path / "x")), tmp_path).sources) == 2
    exports.sensor_logger(tmp_path / "y", t, a, "TotalAcceleration", platform="android")
    exports.sensor_logger(tmp_path / "y", t + 3600, a, "Accelerometer", platform="android")
    assert len(discovery.find(Table(path=str(tmp_path / "y")), tmp_path).sources) == 2


def test_links_to_folders_are_followed_and_loops_are_not(tmp_path):
    t, a = walk()
    exports.phyphox(tmp_path / "elsewhere", t, a)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "mine")
    assert [n for *_, n in found(tmp_path / "mine")] == [1000]


def test_a_link_to_a_file_goes_by_its_own_name(tmp_path):
    t, a = walk()
    pool = exports.table(
        tmp_path / "pool" / "001.csv", "time,x,y,z", [(s, *v) for s, v in zip(t, a, strict=True)]
    )
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "walk.csv").symlink_to(pool)
    table = Table(path="ann/*", pattern="{subject}/{activity}.csv")
    (source,) = discovery.find(table, tmp_path).sources
    assert source.extra["fields"] | {"session": ""} == {
        "subject": "ann", "activity": "walk", "session": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (("w1_accelerometer", "w1_linear_acceleration"), 1),
        (("accel_total_3", "userAcceleration_3"), 1),
        (("w1_accelerometer", "w2_linear_acceleration"), 2),
        (("acc", "acc_raw"), 2),  # nothing says that one is the other without gravity
    ],
)
def test_plain_tables_with_gravity_and_without(tmp_path, names, read):
    t, a = walk()
    _, linear = walk(gravity=False)
    for name, values in zip(names, (a, linear), strict=True):
        rows = [(f"{s:.2f}", *xyz) for s, xyz in zip(t, values, strict=True)]
        exports.table(tmp_path / "x" / f"{name}.csv", "time,x,y,z", rows)
    listed = discovery.find(Table(path=str(tmp_path / "x")), tmp_path)
    assert len(listed.sources) == read
    assert {s.path.stem for s in listed.sources} >= {names[0]}
    removed = discovery.find(Table(path=str(tmp_path / "x"), gravity="removed"), tmp_path)
    assert {s.path.stem for s in removed.sources} >= {names[1]}


def test_a_rotation_alone_is_no_acceleration_and_an_exercise_is(tmp_path):
    t, a = walk()
    rows = [(f"{s:.2f}", *xyz) for s, xyz in zip(t, a, strict=True)]
    for name in ("rotation", "Rotation_1", "game_rotation_vector", "internal_rotation_p1"):
        exports.table(tmp_path / f"{name}.csv", "time,x,y,z", rows)
    listed = discovery.find(Table(path=str(tmp_path)), tmp_path)
    assert [s.path.stem for s in listed.sources] == ["internal_rotation_p1"]
    assert {reason for _, reason in listed.not_used} == {"no acceleration in it"}


def test_links_that_lead_nowhere_are_named(tmp_path):
    t, a = walk()
    rows = [(f"{s:.2f}", *xyz) for s, xyz in zip(t, a, strict=True)]
    exports.table(tmp_path / "x" / "a.csv", "time,x,y,z", rows)
    for name in ("b.csv", "folder"):
        (tmp_path / "x" / name).symlink_to(tmp_path / "gone")
    (tmp_path / "x" / "itself").symlink_to(tmp_path / "x" / "itself")
    listed = discovery.find(Table(path=str(tmp_path / "x")), tmp_path)
    assert len(listed.sources) == 1
    why = "a broken link"
    assert listed.not_used == [(f"x/{n}", why) for n in ("b.csv", "folder", "itself")]
