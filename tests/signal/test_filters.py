import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from har.config import Filter
from har.errors import WindowError
from har.signal.filters import filter_valid, lowpass_taps, taps_of
from tests import naive


@pytest.mark.parametrize(("rate", "cutoff", "transition"), [(50, 20, 8), (100, 5, 4), (20, 6, 3)])
def test_taps_keep_the_closed_form_response(rate, cutoff, transition):
    taps = lowpass_taps(rate, cutoff, transition)
    hz = np.linspace(0, rate / 2, 512)
    # For symmetric taps the response is a real cosine series, times a pure delay.
    half = len(taps) // 2
    real = taps[half] + 2 * sum(
        taps[half + n] * np.cos(2 * np.pi * hz / rate * n) for n in range(1, half + 1)
    )
    np.testing.assert_allclose(
        np.abs(signal.freqz(taps, worN=hz, fs=rate)[1]), np.abs(real), atol=1e-9
    )
    assert taps.sum() == pytest.approx(1)
    assert np.interp(cutoff, hz, real) == pytest.approx(0.5, abs=0.01)
    assert np.abs(real[hz <= cutoff - transition / 2] - 1).max() < 0.01
    assert np.abs(real[hz >= cutoff + transition / 2]).max() < 0.01
    np.testing.assert_allclose(taps, taps[::-1])  # linear phase
    assert len(taps) % 2 == 1


def test_taps_are_the_windowed_sinc():
    taps = lowpass_taps(50, 20, 8)
    n = np.arange(len(taps)) - len(taps) // 2
    by_hand = 2 * 20 / 50 * np.sinc(2 * 20 / 50 * n) * np.hamming(len(taps))
    np.testing.assert_allclose(taps, by_hand / by_hand.sum(), atol=1e-12)


@pytest.mark.parametrize("cutoff", [25, 26, 0, -1])
def test_cutoff_outside_the_band_is_refused(cutoff):
    with pytest.raises(WindowError, match="cutoff_hz must lie between 0 and half of rate_hz"):
        lowpass_taps(50, cutoff, 8)


@given(st.integers(30, 80), st.integers(0, 2**31 - 1))
def test_valid_convolution_equals_the_naive_twin(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 3))
    taps = lowpass_taps(50, 15, 8)
    np.testing.assert_allclose(filter_valid(x, taps), naive.convolve_valid(x, taps), atol=1e-10)


def test_a_slow_sine_comes_through_in_place():
    t = np.arange(400) / 50
    x = np.sin(2 * np.pi * 2 * t)[:, None]
    taps = lowpass_taps(50, 20, 8)
    half = len(taps) // 2
    np.testing.assert_allclose(filter_valid(x, taps)[:, 0], x[half:-half, 0], atol=0.005)


def test_windows_filtered_alone_equal_the_filtered_recording(rng):
    recording = rng.normal(size=(500, 3))
    taps = lowpass_taps(50, 20, 8)
    whole = filter_valid(recording, taps)
    windows = np.stack([recording[s : s + 128 + len(taps) - 1] for s in (0, 64, 200)])
    for one, s in zip(filter_valid(windows, taps), (0, 64, 200), strict=True):
        np.testing.assert_allclose(one, whole[s : s + 128], atol=1e-10)


def test_no_filter_is_one_tap():
    assert taps_of(Filter(kind="none"), 50).tolist() == [1.0]
