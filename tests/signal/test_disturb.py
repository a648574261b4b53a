"""Disturbed windows against rotation matrices, sines in closed form, and a slow walk."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from har.config import Signal, WindowsConfig
from har.recording import Annotation, Recording
from har.signal import disturb
from har.signal.prepare import prepare


def test_nothing_at_strength_zero(rng):
    x = rng.normal(size=(4, 20, 3)).astype(np.float32)
    for axis in range(3):
        assert np.array_equal(disturb.rotated(x, axis, 0), x)
    assert np.array_equal(disturb.scaled(x, 1), x)
    assert np.array_equal(disturb.jittered(x, 0), x)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("degrees", [5, 90, 180, 270])
def test_rotation_is_scipys_and_keeps_lengths(axis, degrees, rng):
    x = rng.normal(size=(4, 20, 3)).astype(np.float32)
    got = disturb.rotated(x, axis, degrees)
    turn = Rotation.from_euler("xyz"[axis], degrees, degrees=True)
    want = turn.apply(x.reshape(-1, 3).astype(float)).reshape(x.shape)
    np.testing.assert_allclose(got, want, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(got, axis=2), np.linalg.norm(x, axis=2), rtol=1e-5)
    assert got.dtype == np.float32


def test_flip_scale_noise_and_gravity(rng):
    x = rng.normal([0, 0, 9.81], 1, size=(40, 100, 3)).astype(np.float32)
    assert np.array_equal(disturb.flipped(x, "xz"), x * [-1, 1, -1])
    assert np.array_equal(disturb.flipped(x, "xyz"), -x)
    np.testing.assert_allclose(disturb.scaled(x, 1.1), 1.1 * x.astype(float), rtol=1e-6)
    noise = disturb.jittered(x, 0.5) - x
    assert noise.std() == pytest.approx(0.5, rel=0.02)
    assert np.array_equal(disturb.jittered(x, 0.5), disturb.jittered(x, 0.5))
    np.testing.assert_allclose(disturb.without_gravity(x).mean(axis=1), 0, atol=1e-5)


def sine(seconds, hz=1.0, rate=50.0, subject="1"):
    t = np.arange(int(seconds * rate)) / rate
    a = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t), t], axis=1)
    half = len(t) // 2
    notes = (Annotation("a", 0, half), Annotation("b", half, len(t)))
    return Recording("made", subject, "s", "wrist", rate, a.astype(np.float32), notes)


@pytest.fixture(scope="module")
def windows():
    recordings = [sine(10.0), sine(10.0, subject="2")]
    return prepare(recordings, signal=Signal(), windows=WindowsConfig(length_s=1.0, min_purity=0.5))


@pytest.mark.parametrize("relative", [-0.1, -0.02, 0.02, 0.1])
def test_a_wrong_rate_is_the_same_signal_read_at_other_times(windows, relative):
    """A clock that is 10 % fast sees a slower sine; z of the recording is its time."""
    index = np.arange(len(windows))
    got = disturb.off_rate(windows, index, relative)
    times = got[..., 2].astype(float)
    np.testing.assert_allclose(np.diff(times, axis=1), 1 / 50 / (1 + relative), atol=2e-5)
    np.testing.assert_allclose(got[..., 0], np.sin(2 * np.pi * times), atol=1e-3)
    inner = (windows.spans[:, 0] > 10) & (windows.spans[:, 1] < 490)
    middle = (windows.spans.mean(axis=1) - 0.5) / 50
    np.testing.assert_allclose(times.mean(axis=1)[inner], middle[inner], atol=1e-4)
    # at the ends it is moved inwards: it never leaves the recording, nor enters the next one
    assert times.min() >= -1e-6
    assert times.max() <= 499 / 50 + 1e-6


def test_the_right_rate_is_the_windows_themselves(windows):
    index = np.array([3, 1])
    assert np.array_equal(disturb.off_rate(windows, index, 0), windows.gather(index))


def test_where_a_recording_is_one_window_its_last_sample_is_held():
    made = prepare(
        [sine(2.0)], signal=Signal(), windows=WindowsConfig(length_s=1.0, overlap=0, min_purity=0.5)
    )
    one = replace(
        made,
        **{
            name: getattr(made, name)[:1]
            for name in ("starts", "labels", "purity", "subjects", "recordings", "spans")
        },
    )
    got = disturb.off_rate(one, np.array([0]), -0.1)[0, :, 2]
    assert got[-1] == pytest.approx(49 / 50)
    assert (np.diff(got) >= -1e-6).all()
