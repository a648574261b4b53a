"""Autocalibration to gravity: against what was made up, and against scikit-digital-health."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from har.cli.app import main
from har.ingest import calibration, opening
from har.ingest.raw import Raw
from har.ingest.repair import repair
from har.own_recordings import Table
from har.recording import STANDARD_GRAVITY as G
from tests.ingest import opened

RATE_HZ = 12.5
OFFSET, GAIN = np.array([0.03, -0.02, 0.05]), np.array([1.02, 0.985, 1.01])


def worn(hours=14.0, seed=0, noise_g=0.003, sides=None) -> np.ndarray:
    """What a wrist feels, in g: some minutes one way, then another, a fifth of them in movement."""
    rng = np.random.default_rng(seed)
    parts, left = [], int(hours * 3600 * RATE_HZ)
    while left > 0:
        n = min(left, int(rng.uniform(60, 600) * RATE_HZ))
        way = rng.normal(size=3) if sides is None else rng.normal(sides, 0.1)
        a = np.tile(way / np.linalg.norm(way), (n, 1)) + rng.normal(0, noise_g, (n, 3))
        if rng.random() < 0.2:
            a += 0.3 * np.sin(
                2 * np.pi * 1.8 * np.arange(n)[:, None] / RATE_HZ + rng.normal(size=3)
            )
        parts.append(a)
        left -= n
    return np.concatenate(parts)


def read_as(felt: np.ndarray) -> np.ndarray:
    """What a sensor with that offset and gain says."""
    return felt / GAIN - OFFSET


def raw(readings_g: np.ndarray, **said) -> Raw:
    known = {"unit": "g", "convention": "android", "rate_hz": RATE_HZ, "autocalibrate": True} | said
    return Raw("d", "s", "1", "wrist", readings_g, known.pop("unit"), known.pop("convention"),
               source="a.csv", **known)  # fmt: skip


def test_offset_and_gain_without_noise_are_exact():
    means = np.random.default_rng(1).normal(size=(60, 3))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    found = calibration.fit(read_as(means))
    np.testing.assert_allclose(found.offset_g, OFFSET, atol=1e-4)
    np.testing.assert_allclose(found.gain, GAIN, atol=1e-4)
    assert found.before_mg == pytest.approx(
        1000 * np.abs(np.linalg.norm(read_as(means), axis=1) - 1).mean()
    )
    assert found.after_mg < 0.1


def test_only_what_is_still_counts():
    still = np.tile([0.0, 0.6, 0.8], (125, 1))
    shaken = still + 0.02 * np.sin(np.arange(125))[:, None] * [1, 0, 0]  # 14 mg
    off = np.zeros((125, 3))
    beyond = np.tile([0.0, 0.0, 2.1], (125, 1))
    found = calibration.still(np.concatenate([still, shaken, off, beyond, still]), RATE_HZ)
    np.testing.assert_allclose(found, still[:2])


SKDH = {
    "offset": [0.02963982, -0.01996855, 0.04953809],
    "scale": [1.02015213, 0.98479362, 1.01016487],
}
"""Of scikit-digital-health 0.17.18, CalibrateAccelerometer(min_hours=12), for `worn` read so."""


def test_against_scikit_digital_health():
    readings = read_as(worn())
    found = calibration.fit(calibration.still(readings, RATE_HZ))
    for ours, theirs, true in (
        (found.offset_g, SKDH["offset"], OFFSET), (found.gain, SKDH["scale"], GAIN)
    ):  # fmt: skip
        np.testing.assert_allclose(ours, theirs, atol=5e-4)
        np.testing.assert_allclose(ours, true, atol=5e-5)
        assert np.abs(ours - true).max() < np.abs(np.array(theirs) - true).max()
    assert found.before_mg > 30
    assert found.after_mg < 0.5
    skdh = pytest.importorskip("skdh.preprocessing")
    theirs = skdh.CalibrateAccelerometer(min_hours=12).predict(
        time=np.arange(len(readings)) / RATE_HZ, accel=readings, fs=RATE_HZ, apply=False
    )
    np.testing.assert_allclose(theirs["offset"], SKDH["offset"], atol=1e-5)
    np.testing.assert_allclose(theirs["scale"], SKDH["scale"], atol=1e-5)


@pytest.mark.parametrize("unit", ["g", "mg", "m/s2"])
def test_a_recording_is_calibrated_and_says_how_far_off_it_was(unit):
    felt = worn(hours=3, seed=2)
    factor = {"g": 1, "mg": 1000, "m/s2": G}[unit]
    (one,) = repair(raw(read_as(felt) * factor, unit=unit)).recordings
    assert np.abs(one.acceleration - felt * G).max() < 0.03
    said = one.provenance["calibration"]
    assert said["error_before_mg"] > 20
    assert said["error_after_mg"] < 1
    np.testing.assert_allclose(said["offset_g"], OFFSET, atol=2e-3)
    np.testing.assert_allclose(said["gain"], GAIN, atol=2e-3)


@pytest.mark.parametrize(
    ("readings", "said", "why"),
    [
        (read_as(worn(hours=1, sides=[0, 0.5, 1])), {},
         r"not at rest in enough orientations \(x .* 0.3 g\)"),
        (read_as(worn(hours=0.02)), {}, r"it is still in \d stretches of 10 s; 10 are needed"),
        (read_as(worn(hours=1)) * 1.3 + np.random.default_rng(0).normal(0, 0.05, (45000, 3)), {},
         "it is still in 0 stretches"),
        (np.random.default_rng(0).normal(0, 0.004, (45000, 3)), {"gravity": "removed"},
         "gravity was removed from it"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_done_the_recording_stays_as_it_is(readings, said, why):
    repaired = repair(raw(readings, **said))
    (one,) = repaired.recordings
    np.testing.assert_array_equal(one.acceleration, (readings * G).astype(np.float32))
    (found,) = [f for f in repaired.account.findings if f.code == "calibration"]
    assert (found.severity, found.action) == ("warning", "kept")
    assert re.search(f"Not calibrated to gravity: .*{why}", found.message)
    assert one.provenance["calibration"] == found.message


def test_a_fit_that_helps_little_is_not_taken():
    """Bumps on the sphere that no offset and gain can flatten."""
    rng = np.random.default_rng(3)
    ways = rng.normal(size=(300, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    bumpy = ways * (1 + 0.05 * np.sign(rng.normal(size=(300, 1))))
    repaired = repair(raw(np.repeat(bumpy, 125, axis=0)))
    (found,) = [f for f in repaired.account.findings if f.code == "calibration"]
    assert "Not calibrated to gravity: the error at rest, 50.0 mg, would become" in found.message


def write(path: Path, felt: np.ndarray) -> None:
    t = np.arange(len(felt)) / RATE_HZ
    rows = [
        f"{s:.2f},{x:.5f},{y:.5f},{z:.5f}" for s, (x, y, z) in zip(t, read_as(felt), strict=True)
    ]
    path.write_text("\n".join(["time,x,y,z", *rows, ""]))


def test_a_check_a_run_and_a_prediction_calibrate(tmp_path):
    felt = worn(hours=2, seed=4)
    write(tmp_path / "a.csv", felt)
    result = CliRunner().invoke(main, ["data", "check", str(tmp_path), "--autocalibrate"])
    text = " ".join(result.stdout.split())
    assert "calibration [fixed]" in text
    assert "mg and is 0." in text
    said = Table(path="", unit="g", convention="android", subject="s", autocalibrate=True)
    (one,) = opened.read(tmp_path / "a.csv", said)
    assert np.abs(one.acceleration - felt * G).max() < 0.05
    trained = said.model_copy(update={"subject": None})
    (again,) = opening.open_path(tmp_path / "a.csv", Table(path=""), trained)
    samples = np.concatenate([chunk.samples for chunk in again.chunks])
    np.testing.assert_array_equal(samples, one.acceleration)
    assert "autocalibrate" not in CliRunner().invoke(main, ["data", "check", str(tmp_path)]).stdout


def test_a_published_set_is_read_as_it_was_published(tmp_path):
    (tmp_path / "p.yaml").write_text("dataset: watch\nmodels: [cnn]\n")
    result = CliRunner().invoke(
        main, ["data", "check", str(tmp_path / "p.yaml"), "--autocalibrate"]
    )
    assert result.exit_code == 1
    assert "watch is read as it was published: omit autocalibrate" in result.stderr
