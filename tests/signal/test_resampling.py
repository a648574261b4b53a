import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.errors import WindowError
from har.signal import resampling
from tests import naive


def jittered(rate, seconds, rng, jitter=0.2):
    t = (np.arange(int(seconds * rate)) + rng.uniform(-jitter, jitter, int(seconds * rate))) / rate
    t -= t[0]
    return t


def three(values):
    """The same on each axis."""
    return np.repeat(values[:, None], 3, axis=1)


@pytest.mark.parametrize("rate", [20, 31.25, 50, 100, 249])
def test_a_2_hz_sine_comes_back_within_one_percent(rate, rng):
    t = jittered(rate, 60, rng)
    [stretch] = resampling.resample(
        three(np.sin(2 * np.pi * 2 * t)),
        source_hz=rate, target_hz=50, max_gap_s=0.25, time_s=t,
    )  # fmt: skip
    at = np.arange(stretch.start, stretch.stop) / 50
    assert len(at) > 58 * 50
    assert np.abs(stretch.samples[:, 0] - np.sin(2 * np.pi * 2 * at)).max() < 0.01


@pytest.mark.parametrize(
    ("source", "tone"),
    [(100, 40), (128, 40), (200, 40), (109.9, 40), (109.9, 54), (164.9, 40), (164.9, 81)],
)
def test_what_the_target_rate_cannot_hold_does_not_alias(source, tone):
    """Also from a source a tenth above the fine grid, which folds its highest tones back."""
    t = np.arange(int(20 * source)) / source
    [stretch] = resampling.resample(
        three(np.sin(2 * np.pi * tone * t)), source_hz=source, target_hz=50, max_gap_s=0.25
    )
    assert np.abs(stretch.samples).max() < 0.03  # plain decimation would show 10 Hz at 1.0


def test_uniform_samples_at_the_target_rate_pass_unchanged(rng):
    x = rng.normal(size=(100, 3)).astype(np.float32)
    [stretch] = resampling.resample(x, source_hz=50, target_hz=50, max_gap_s=0.25)
    assert stretch.start == 0
    np.testing.assert_array_equal(stretch.samples, x)


@settings(max_examples=30)
@given(st.integers(5, 40), st.integers(0, 2**31 - 1))
def test_cubic_equals_the_naive_twin(n, seed):
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.uniform(0.6, 1.4, n)) / 50
    x = rng.normal(size=(n, 3))
    at = rng.uniform(t[0], t[-1], 20)
    twin = np.stack([naive.lagrange(t, x, a) for a in at])
    np.testing.assert_allclose(resampling.cubic(t, x, at), twin, atol=1e-6)


@pytest.mark.parametrize("rate", [20, 50, 100])
def test_nothing_is_invented_across_a_gap(rate, rng):
    t = jittered(rate, 20, rng)
    x = three(np.sin(t))
    gone = (t > 8) & (t < 9)
    stretches = resampling.resample(
        x[~gone], source_hz=rate, target_hz=50, max_gap_s=0.3, time_s=t[~gone]
    )
    assert len(stretches) == 2
    before, after = stretches
    assert (before.stop - 1) / 50 <= t[~gone][t[~gone] < 8.5].max() + 1e-6
    assert after.start / 50 >= t[~gone][t[~gone] > 8.5].min() - 1e-6


def test_decimation_equals_filtering_everything_and_keeping_every_kth(rng):
    x = rng.normal(size=(500, 3)).astype(np.float32)
    for k, start in [(2, 0), (2, 1), (3, 7), (5, 11)]:
        taps = resampling.decimation_taps(k)
        half = len(taps) // 2
        full = naive.convolve_valid(x.astype(float), taps)
        centres = start + half + np.arange(len(full))
        out = resampling._TakeDown(k, start).push(x)
        assert out.start == centres[centres % k == 0][0] // k
        np.testing.assert_allclose(out.samples, full[centres % k == 0], atol=1e-5)


def test_samples_too_close_together_do_not_blow_up(rng):
    t = np.sort(np.concatenate([np.arange(200) / 50, [1.00001, 2.00001]]))
    x = rng.normal(size=(len(t), 3))
    [stretch] = resampling.resample(x, source_hz=50, target_hz=50, max_gap_s=0.3, time_s=t)
    assert np.abs(stretch.samples).max() < 2 * np.abs(x).max()


def test_a_gap_limit_below_the_period_is_refused():
    with pytest.raises(
        WindowError, match="Samples are 0.05 s apart, but signal.max_gap_s is 0.02 s"
    ):
        resampling.resample(
            np.zeros((10, 3)), source_hz=20, target_hz=50, max_gap_s=0.02, time_s=np.arange(10) / 20
        )


@given(st.floats(10, 300))
def test_decimation_is_the_smallest_grid_that_the_source_hardly_exceeds(source):
    k = resampling.decimation(source, 50)
    assert k >= 1
    assert source <= 1.1 * k * 50 * (1 + 1e-5)
    assert k == 1 or source > 1.1 * (k - 1) * 50


@pytest.mark.parametrize(
    ("k", "rates"),
    [
        (1, (12.5, 25, 49.9, 50.01, 52, 54.9)),
        (2, (56.25, 60, 62.5, 64, 99.9, 100, 100.01, 100.1, 102.3, 104, 109.9)),
        (3, (110.1, 112.5, 119, 125, 128, 149.9, 150.1)),
        (4, (199.9, 200, 200.01, 208)),
        (5, (225, 249, 250, 250.1)),
    ],
)
def test_the_grid_does_not_turn_on_a_hair_over_a_multiple_of_the_rate(k, rates):
    """Rates that sensors have, and a hair to each side of whole multiples."""
    assert {rate: resampling.decimation(rate, 50) for rate in rates} == dict.fromkeys(rates, k)


@pytest.mark.parametrize("rates", [(99.9, 100, 100.01, 100.1), (109.9, 110.1)])
def test_a_hair_of_rate_is_a_hair_of_difference(rates):
    """The same movement, sampled a little faster or slower: also where k steps (at 110 Hz)."""
    each = []
    for rate in rates:
        t = np.arange(int(10 * rate)) / rate
        [stretch] = resampling.resample(
            np.stack([np.sin(2 * np.pi * f * t) for f in (0.5, 2, 6)], axis=1),
            source_hz=rate, target_hz=50, max_gap_s=0.25, time_s=t,
        )  # fmt: skip
        each.append(stretch.samples[100 - stretch.start : 380 - stretch.start])
    for other in each[1:]:
        np.testing.assert_allclose(other, each[0], atol=0.01)


def test_the_first_samples_tell_the_period(rng):
    """What a live phone cannot know yet must not change a recording that is read whole."""
    t = jittered(100, 20, rng)
    late = np.concatenate([t, t[-1] + np.cumsum(np.full(5000, 1 / 160))])
    assert resampling.sampling_period(late) == np.median(np.diff(t[:64]))
    [whole] = resampling.resample(
        three(np.sin(late)), source_hz=160, target_hz=50, max_gap_s=0.25, time_s=late
    )
    [before] = resampling.resample(
        three(np.sin(t)), source_hz=100, target_hz=50, max_gap_s=0.25, time_s=t
    )
    n = len(before.samples) - 5
    np.testing.assert_allclose(whole.samples[:n], before.samples[:n], atol=1e-6)
