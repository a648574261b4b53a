"""Turning recordings by their walking: known rotations come back, and chunks change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from har.config import Align, Signal, WindowsConfig
from har.errors import WindowError
from har.ingest import datasets
from har.pipeline_file import load
from har.recording import Annotation, Recording
from har.signal.align import Reference, rotation_of, shortest, turned, unit
from har.signal.prepare import prepare

RATE = 50.0
ALIGN = Align(kind="walking", seconds=10, axis="x")


def still(seconds, tilt_deg=0.0, seed=0):
    """Upright along x, tilted towards z; a hundredth of m/s² of noise."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    a = np.deg2rad(tilt_deg)
    return (9.81 * np.array([np.cos(a), 0, np.sin(a)]) + rng.normal(0, 0.01, (n, 3))).astype(
        np.float32
    )


def walking(seconds, seed=0):
    """Upright, two steps a second, whole periods in each second."""
    t = np.arange(round(seconds * RATE)) / RATE
    out = still(seconds, seed=seed)
    out[:, 0] += 3 * np.sin(2 * np.pi * 2 * t)
    out[:, 2] += 1 * np.sin(2 * np.pi * 1 * t)
    return out


def day():
    return np.concatenate([still(20, 30), walking(30), still(20, 30), walking(30, seed=1)])


@pytest.mark.parametrize("axis", ["x", "y", "z", "-x", "-y", "-z"])
def test_shortest_is_a_rotation_by_the_angle_between_the_two(axis):
    rng = np.random.default_rng(1)
    for _ in range(20):
        a = rng.normal(size=3)
        a /= np.linalg.norm(a)
        r = Rotation.from_matrix(shortest(a, unit(axis)))  # refuses what is no rotation
        np.testing.assert_allclose(r.apply(a), unit(axis), atol=1e-12)
        assert r.magnitude() == pytest.approx(np.arccos(a @ unit(axis)), abs=1e-7)
    opposite = shortest(-unit(axis), unit(axis))
    np.testing.assert_allclose(opposite @ -unit(axis), unit(axis), atol=1e-12)
    assert np.linalg.det(opposite) == pytest.approx(1)


def test_however_the_sensor_sat_the_turned_recording_has_its_walking_upright():
    plain = day()
    for seed in range(5):
        sat = Rotation.random(random_state=seed).as_matrix()
        recorded = (plain @ sat.T).astype(np.float32)
        rotation, seconds = rotation_of([recorded], ALIGN, RATE)
        assert seconds == 10
        out = turned(recorded, rotation)
        assert out.dtype == np.float32
        walked = out[round(25 * RATE) : round(45 * RATE)].mean(axis=0)
        np.testing.assert_allclose(walked, [9.81, 0, 0], atol=0.01)
        sitting = out[: round(20 * RATE)].mean(axis=0)
        # the posture is its own tilt away, whichever way the sensor sat
        assert np.degrees(np.arccos(sitting[0] / np.linalg.norm(sitting))) == pytest.approx(
            30, abs=0.1
        )
        np.testing.assert_allclose(
            np.linalg.norm(out, axis=1), np.linalg.norm(recorded, axis=1), rtol=1e-5
        )


def test_only_the_first_seconds_count_and_only_the_middle_of_five_that_move():
    first, second = walking(14), walking(30, seed=1)
    turn = Rotation.from_euler("y", 40, degrees=True).as_matrix()
    recorded = np.concatenate([still(20), first, still(20), turned(second, turn)])
    rotation, seconds = rotation_of([recorded], ALIGN, RATE)
    # 14 seconds of walking: two at either end do not count, ten are left, and they are enough
    assert seconds == 10
    expected = recorded[round(22 * RATE) : round(32 * RATE)].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(
        rotation @ (expected / np.linalg.norm(expected)), [1, 0, 0], atol=1e-9
    )
    # standing up and sitting down, three seconds each, are no walking
    fidgeting = np.concatenate([p for i in range(10) for p in (still(5), walking(3, seed=i))])
    assert rotation_of([fidgeting], ALIGN, RATE) == (None, 0)


def test_chunks_of_any_size_give_the_same_reference():
    recorded = day()
    whole, _ = rotation_of([recorded], ALIGN, RATE)
    rng = np.random.default_rng(0)
    reference = Reference(RATE, ALIGN.seconds)
    at = 0
    while at < len(recorded) and not reference.known:
        n = int(rng.integers(1, 200))
        reference.push(recorded[at : at + n])
        at += n
    assert at < round(40 * RATE)  # known as soon as it can be, long before the end
    np.testing.assert_array_equal(reference.rotation("x"), whole)


def test_a_gap_ends_a_run():
    piece = walking(4)
    assert rotation_of([piece] * 10, ALIGN, RATE) == (None, 0)
    rotation, seconds = rotation_of([walking(9), walking(9)], ALIGN, RATE)
    assert seconds == 10  # five of each
    assert rotation is not None


def test_without_gravity_it_refuses():
    with pytest.raises(WindowError, match="needs gravity"):
        rotation_of([walking(30) - np.float32([9.81, 0, 0])], ALIGN, RATE)


def recording(samples, name):
    n = len(samples)
    return Recording(
        dataset="made-up",
        subject=name,
        session="1",
        placement="waist",
        acceleration=samples,
        rate_hz=RATE,
        annotations=(Annotation("sitting", 0, n // 2), Annotation("walking", n // 2, n)),
    )


def test_prepare_turns_every_recording_and_says_which_it_could_not():
    sat = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    recordings = [
        recording(day(), "a"),
        recording(turned(day(), sat), "b"),
        recording(still(60), "c"),
        *(recording(day(), f"d{i}") for i in range(8)),
    ]
    windows = prepare(recordings, signal=Signal(align=ALIGN), windows=WindowsConfig())
    assert windows.aligned == {r.id: 0 if r.subject == "c" else 10 for r in recordings}
    a, b = (np.flatnonzero(windows.subjects == s) for s in "ab")
    np.testing.assert_allclose(
        windows.gather(a).mean(axis=1)[:, 0], windows.gather(b).mean(axis=1)[:, 0], atol=0.01
    )
    c = np.flatnonzero(windows.subjects == "c")
    np.testing.assert_array_equal(windows.gather(c)[0], still(60)[: windows.n_raw])
    assert prepare(recordings, signal=Signal(), windows=WindowsConfig()).aligned == {}


def test_recordings_of_one_activity_each_are_refused():
    """Turned or not would tell walking from sitting."""
    recordings = [recording(walking(60), "a"), recording(still(60), "b")]
    with pytest.raises(WindowError, match=r"1 of 2 recordings hold too little walking, b/1/waist"):
        prepare(recordings, signal=Signal(align=ALIGN), windows=WindowsConfig())


@pytest.mark.dataset
def test_on_belts_of_real_people_walking_tells_how_they_stand(data_mirror):
    """UCI HAPT, the 21 people whom nobody is tested on, two recordings each."""
    if not (data_mirror / "uci-hapt").is_dir():
        pytest.skip(f"no uci-hapt in {data_mirror}")
    left_out = load("uci-har").split.test
    tilts, as_recorded = [], []
    for r in datasets.get("uci-hapt").recordings(data_mirror / "uci-hapt", None):
        if r.subject in left_out:
            continue
        rotation, seconds = rotation_of([r.acceleration], Align(kind="walking", axis="x"), 50.0)
        assert seconds == 20, r.id
        means = {}
        for what in ("standing", "sitting"):
            rows = [r.acceleration[n.start : n.end] for n in r.annotations if n.label == what]
            mean = np.concatenate(rows).mean(axis=0, dtype=np.float64)
            means[what] = mean / np.linalg.norm(mean)
        towards = unit("x")
        as_recorded.append([np.degrees(np.arccos(m @ towards)) for m in means.values()])
        tilts.append([np.degrees(np.arccos((rotation @ m) @ towards)) for m in means.values()])
    assert len(tilts) == 42
    stand, sit = np.median(tilts, axis=0)
    assert stand < 8
    assert sit > 18
    # One threshold for all people tells the two apart in most recordings; as recorded it does not.

    def told_apart(angles):
        a = np.array(angles)
        return max((np.mean((a[:, 0] < t) & (a[:, 1] >= t)) for t in np.unique(a)), default=0)

    assert told_apart(tilts) > 0.85
    assert told_apart(as_recorded) < 0.6
