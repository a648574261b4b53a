"""The threshold keeps the share of right answers that it promises, on the windows it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from har.export import abstention
from har.runtime.familiarity import Ruler
from har.signal.windows import Windows


def windows(n: int, recordings: int = 4, hop: int = 32) -> Windows:
    rng = np.random.default_rng(0)
    starts = np.concatenate([np.arange(n // recordings) * hop] * recordings).astype(np.int64)
    names = np.repeat([f"s{i}/0/wrist" for i in range(recordings)], n // recordings)
    return Windows(
        samples=np.zeros((int(starts.max()) + 100, 3), np.float32),
        starts=starts,
        n_samples=64,
        taps=np.ones(1),
        labels=rng.integers(0, 3, len(starts)),
        purity=np.ones(len(starts), np.float32),
        subjects=names,
        recordings=names,
        spans=np.stack([starts, starts + 64], axis=1),
        activities=("a", "b", "c"),
        rate_hz=50.0,
        rejected={},
    )


def test_runs_do_not_cross_recordings_or_missing_windows() -> None:
    w = windows(40)
    index = np.delete(np.arange(40), 15)[::-1].copy()
    runs = abstention.runs(w, index)
    assert [len(r) for r in runs] == [10, 5, 4, 10, 10]
    for run in runs:
        at = index[run]
        assert len(set(w.recordings[at])) == 1
        assert (np.diff(w.spans[at, 0]) == 32).all()


def mostly_right() -> tuple[Windows, np.ndarray, np.random.Generator]:
    """Windows, and probabilities that are highest for the right activity in most of them."""
    w, rng = windows(4000), np.random.default_rng(1)
    z = rng.normal(0, 1, (4000, 3))
    z[np.arange(4000), w.labels] += 1.5
    return w, np.exp(z) / np.exp(z).sum(1, keepdims=True), rng


def test_the_share_of_right_answers_that_stay() -> None:
    w, p, _ = mostly_right()
    found = abstention.choose(w, [(np.arange(4000), p)], n_windows=1)
    assert found is not None
    right = p.argmax(1) == w.labels
    sure = p.max(1)
    assert (sure[right] >= found.threshold).mean() == pytest.approx(0.95, abs=0.005)
    refused = (sure[~right] < found.threshold).mean()
    assert refused > 0.05
    assert f"5% of the right answers and {refused:.0%} of the wrong ones" in found.how


def test_smoothed_as_the_phone_smooths() -> None:
    w = replace(windows(8, recordings=1), labels=np.zeros(8, np.int64))
    p = np.tile([[0.9, 0.05, 0.05], [0.5, 0.3, 0.2]], (4, 1))
    found = abstention.choose(w, [(np.arange(8), p)], n_windows=3)
    # means over three: at least (0.9 + 2 * 0.5) / 3
    assert found is not None
    assert found.threshold == pytest.approx(1.9 / 3, abs=0.001)


def test_nobody_to_choose_it_on() -> None:
    w = windows(8)
    nothing = (np.empty(0, np.int64), np.empty((0, 3)))
    assert abstention.choose(w, [nothing], n_windows=3) is None
    assert abstention.choose(w, [], n_windows=3) is None


def test_both_limits_together_keep_the_same_share_and_refuse_what_is_far() -> None:
    w, p, rng = mostly_right()
    right = p.argmax(1) == w.labels
    far = np.where(right, rng.uniform(0, 1, 4000), rng.uniform(0.5, 3, 4000))
    index = np.arange(4000)
    found = abstention.choose(
        w, [(index, p)], n_windows=1,
        measured=[far], ruler=Ruler(np.array([0]), np.ones((3, 1)), np.eye(1)),
    )  # fmt: skip
    assert found is not None
    assert found.distance is not None
    kept = (p.max(1) >= found.threshold) & (far <= found.distance.limit)
    assert kept[right].mean() == pytest.approx(0.95, abs=0.005)
    unsure, beyond = p.max(1)[right] < found.threshold, far[right] > found.distance.limit
    share = abstention.UNSURE
    assert np.mean(unsure) / share == pytest.approx(np.mean(beyond) / (1 - share), abs=0.01)
    assert kept[~right].mean() < 0.3
