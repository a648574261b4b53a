"""How much of a source may be rejected before somebody is told."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from har.cli.app import main
from har.errors import DataError
from har.ingest import chunks, opening, resolution
from har.ingest.raw import ANOTHER_SENSOR, Raw
from har.ingest.repair import repair_source
from har.own_recordings import Table
from tests.ingest import opened

sys.path.insert(0, str(Path(__file__).parent))
from exports import walk

SAID = {"convention": "android", "subject": "s"}


def spoilt(n: int, of: int = 1000) -> str:
    """A table in which `n` rows, spread over it, have no y."""
    t, a = walk(seconds=of / 50)
    bad = set(np.linspace(5, of - 5, n).astype(int).tolist())
    rows = [
        f"{s:.2f},{x:.5f},{'' if i in bad else f'{y:.5f}'},{z:.5f}"
        for i, (s, (x, y, z)) in enumerate(zip(t, a, strict=True))
    ]
    return "\n".join(["time,x,y,z", *rows, ""])


def check(path: Path) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["data", "check", str(path)])
    return result.exit_code, result.stdout.splitlines()


@pytest.mark.parametrize(
    ("n", "said"), [(90, ""), (110, "warning"), (200, "error"), (990, "error")]
)
def test_a_check_says_first_how_much_is_lost(tmp_path, n, said):
    (tmp_path / "a.csv").write_text(spoilt(n))
    code, lines = check(tmp_path / "a.csv")
    assert code == (said == "error")
    assert ("No errors." in lines[-1]) == (said != "error")
    assert lines[2].startswith(f"  {said}") == bool(said)
    if said:
        assert f"{n} of 1000 samples" in lines[2]
        assert "the first in row 6" in lines[2]


def test_a_run_and_a_prediction_refuse_what_a_check_does(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(spoilt(300))
    with pytest.raises(DataError, match="300 of 1000 samples"):
        list(opened.read(tmp_path / "a.csv", Table(path="", **SAID)))
    with pytest.raises(DataError, match="300 of 1000 samples"):
        list(opening.open_path(tmp_path / "a.csv"))
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 4000)
    text = spoilt(0) + spoilt(990).partition("\n")[2].replace("\n", "\n1")
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(DataError, match="of .* samples"):
        for one in opening.open_path(tmp_path / "b.csv"):
            list(one.chunks)


def test_the_first_malformed_lines_are_shown(tmp_path):
    lines = spoilt(0).splitlines()
    lines[3::4] = [line.rpartition(",")[0] for line in lines[3::4]]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    code, said = check(tmp_path / "a.csv")
    assert code == 1
    assert f"(line 4: {lines[3]}; line 8: {lines[7]}; line 12: {lines[11]})" in said[2]


def raw(n: int, rejected: dict[str, int]) -> Raw:
    t, a = walk(seconds=n / 50)
    return Raw("own", "s", "a", "hip", a, "m/s2", "android", time_s=t, rejected=rejected)


def test_what_is_no_reading_of_the_accelerometer_is_no_loss():
    (one,) = repair_source([raw(500, {ANOTHER_SENSOR: 1000})])
    assert not one.problems
    assert one.account.samples_in == 1500


def test_rows_that_came_twice_are_no_loss():
    t, a = walk()
    twice = Raw("own", "s", "a", "hip", a.repeat(2, axis=0), "m/s2", "android", time_s=t.repeat(2))
    (one,) = repair_source([twice])
    assert one.account.rejected == {"repeated instant": 1000}
    assert not one.problems


def test_the_whole_source_is_judged_and_not_each_stretch():
    assert not [r for r in repair_source([raw(100, {"malformed line": 40}), raw(900, {})])
                if r.problems]  # fmt: skip


def test_values_that_float32_cannot_hold_are_rejected_and_counted():
    spoilt = raw(500, {})
    spoilt.acceleration[7, 0], spoilt.acceleration[8, 1] = 1e298, np.nan
    (one,) = repair_source([spoilt])
    assert one.account.rejected == {"too large": 1, "not finite": 1}
    (recording,) = one.recordings
    assert np.isfinite(recording.acceleration).all()


def test_values_beyond_float32_are_rejected_in_parts_too():
    like = raw(500, {})
    like.rate_hz = 50
    spoilt = raw(500, {})
    spoilt.acceleration[7, 0], spoilt.acceleration[8, 1] = 1e298, np.nan
    for one in chunks.of_parts([spoilt], like):
        assert sum(len(c.samples) for c in one.chunks) == 498
    assert one.rejected == {"too large": 1, "not finite": 1}


def test_a_check_that_reads_nothing_names_each_file(tmp_path):
    files = {
        "empty.csv": b"", "two.csv": b"time,x\n1,2\n", "notes": b"a walk, a phone\n",
        "README.md": b"# Walks\n", "image.png": b"\x89PNG\0\0", "other.csv": b"a,b,c\n1,2,3\n",
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    code, lines = check(tmp_path)
    assert code == 1
    for name in files:
        assert any("not read" in line or "unreadable" in line for line in lines if name in line)
    assert any("empty.csv" in line and "0 bytes" in line for line in lines)


@pytest.mark.parametrize("gravity", ["present", None])
def test_exact_zeros_in_a_recording_with_gravity_are_a_dropout(gravity):
    """As a wrist sensor writes where its radio lost it: 100 and 50 samples of 900."""
    one = raw(900, {})
    one.gravity = gravity
    one.acceleration[200:300] = one.acceleration[600:650] = 0
    (repaired,) = repair_source([one])
    assert repaired.account.rejected == {"dropout": 150}
    assert repaired.account.kept == 750
    codes = {f.code for f in repaired.account.findings}
    assert {"dropout", "loss"} <= codes
    assert not codes & {"stuck", "clipped"}
    (recording,) = repaired.recordings
    assert (np.diff(recording.time_s) > 0.5).sum() == 2  # three stretches


def test_zeros_without_gravity_are_a_sensor_at_rest():
    t, a = walk(gravity=False)
    a[200:300] = 0
    one = Raw("own", "s", "a", "hip", a, "m/s2", "android", gravity="removed", time_s=t)
    (repaired,) = repair_source([one])
    assert repaired.account.rejected == {}


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("gravity", ["present", "removed"])
def test_a_sensor_at_rest_is_never_clipped(gravity, said):
    rng = np.random.default_rng(0)
    a = np.round(rng.normal(0, 0.02, (3000, 3)) / 0.0383) * 0.0383  # few steps of a coarse sensor
    a[:, 2] += 9.80665 * (gravity == "present")
    t = np.arange(3000) / 50
    one = Raw("own", "s", "a", "hip", a, "m/s2", "android", time_s=t)
    one.gravity = gravity if said else None
    (repaired,) = repair_source([one])
    assert "clipped" not in {f.code for f in repaired.account.findings}
