"""Smoothing against its slow twin, and its delay as stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.errors import PredictionError
from har.runtime import smoothing


@given(st.integers(0, 60), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_causal_mean_is_the_mean_of_the_last(n: int, n_windows: int, seed: int) -> None:
    p = np.random.default_rng(seed).random((n, 3))
    found = smoothing.causal_mean(p, n_windows)
    for i in range(n):
        np.testing.assert_allclose(found[i], p[max(0, i - n_windows + 1) : i + 1].mean(0))


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_the_future_changes_nothing(n: int, n_windows: int, seed: int) -> None:
    p = np.random.default_rng(seed).random((n + 5, 3))
    whole, part = smoothing.causal_mean(p, n_windows), smoothing.causal_mean(p[:n], n_windows)
    np.testing.assert_array_equal(whole[:n], part)


@pytest.mark.parametrize("n_windows", [1, 3, 5])
def test_a_change_is_seen_after_the_stated_delay(n_windows: int) -> None:
    hop_s = 1.28
    p = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0)
    answers, _ = smoothing.decide(smoothing.causal_mean(p, n_windows), None)
    late = np.flatnonzero(answers == 1)[0] - 20
    assert late * hop_s == pytest.approx(smoothing.delay_s(n_windows, hop_s))


def test_unknown_below_the_threshold() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25]])
    answers, confidence = smoothing.decide(p, 0.45)
    assert answers.tolist() == [0, smoothing.UNKNOWN]
    assert confidence.tolist() == [0.5, 0.4]


def test_no_window_is_no_smoothing() -> None:
    with pytest.raises(PredictionError, match="at least one window, got 0"):
        smoothing.causal_mean(np.ones((3, 2)), 0)
