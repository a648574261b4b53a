"""A defect that is planted in a recording is found, and its absence too."""

from __future__ import annotations

import numpy as np
import pytest

from har.export import planting
from har.runtime.likeness import Likeness, Portrait
from har.signal.windows import Windows
from tests.synthetic import make_windows

HOP = 64


@pytest.fixture(scope="module")
def windows() -> Windows:
    return make_windows(16, length_s=2.56)


def indices(windows: Windows, *, people: slice) -> np.ndarray:
    names = sorted(set(windows.subjects.tolist()), key=int)
    return np.flatnonzero(np.isin(windows.subjects, names[people]))


@pytest.fixture(scope="module")
def like(windows: Windows) -> Likeness:
    found = planting.likeness(windows, indices(windows, people=slice(12)), HOP)
    assert found is not None
    return found


def test_planted_defects_are_found_in_people_not_fitted_on(
    windows: Windows, like: Likeness
) -> None:
    """Gravity along z for everybody: an exchange of x and y is the only thing that hides."""
    runs = {
        str(windows.recordings[i[0]]): i
        for i in planting.groups(windows, indices(windows, people=slice(12, None)))
        if windows.activities[windows.labels[i[0]]] == "run"
    }
    found = planting.counts(windows, like, runs)
    for name in ("g", "no_gravity", "sign", "exchange_yz", "exchange_xz", "half_rate"):
        assert all(unlike for _, unlike in found[name]), name
    assert not any(unlike for _, unlike in found["none"])
    assert "exchange_xy" in like.not_told


def test_the_features_are_what_they_are_called() -> None:
    """A tone on x, worked out by hand: its structure function is 2 (1 - cos(2 pi f lag))."""
    rate, hz, lag = 50.0, 2.0, 4
    t = np.arange(2500) / rate
    samples = np.stack([3 * np.sqrt(2) * np.sin(2 * np.pi * hz * t), 0 * t, 0 * t + 9.8], axis=1)
    portrait = Portrait((lag,))
    portrait.push(samples.reshape(-1, 125, 3)[:, :, [2, 1, 0]])  # 5 periods; motion along z
    assert portrait.n_moving == 0  # gravity on x: |a| hardly changes
    portrait = Portrait((lag,))
    samples[:, 0] += 9.8
    portrait.push(samples.reshape(-1, 125, 3))
    f = portrait.features()
    np.testing.assert_allclose(f[:3], [9.8, 0, 9.8], atol=1e-9)
    np.testing.assert_allclose(f[3], np.log(3), atol=1e-6)
    np.testing.assert_allclose(f[9], 0, atol=1e-9)  # a sine is not skewed
    # The lag cuts a window's ends off: hence the tolerance.
    expected = np.log(2 * (1 - np.cos(2 * np.pi * hz * lag / rate)))
    np.testing.assert_allclose(f[15], expected, atol=0.05)
    assert portrait.level / portrait.n_windows == pytest.approx(np.hypot(9.8, 9.8))


def test_gravity_along_an_axis_that_never_had_it_needs_no_motion(like: Likeness) -> None:
    aside = Portrait(like.lags)
    aside.push(np.broadcast_to(np.float32([0, -9.8, 0]), (5, 128, 3)))
    (found,) = aside.compare(like)
    assert found.check == "gravity"
    assert "along −y for 100% of the time, in training 0%" in found.message


def test_too_few_people_or_too_little_motion_is_said(windows: Windows, like: Likeness) -> None:
    assert planting.likeness(windows, indices(windows, people=slice(1)), HOP) is None
    few = planting.likeness(windows, indices(windows, people=slice(4)), HOP)
    assert few is not None
    assert not few.defects
    assert "fewer than 10 people" in few.not_told["sign"]
    rest = Portrait(like.lags)
    rest.push(np.broadcast_to(np.float32([0, 0, 9.8]), (20, 128, 3)))
    assert rest.compare(like) == []
    assert "Only 0 of 20 windows move" in (rest.not_judged(like) or "")
    assert "export it again" in (rest.not_judged(None) or "")
    assert Portrait(like.lags).compare(like) == []
