"""Chunk by chunk must be the whole, however the recording is cut up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from har.config import Align
from har.errors import DataError, WindowError
from har.recording import Chunk
from har.runtime.streaming import Aligner, Windower, batches, uniform
from har.signal.align import rotation_of, turned
from har.signal.resampling import Resampler, Stretch, joined, resample, sampling_period
from tests import naive


def stretches(resampler: Resampler, chunks: list[Chunk]) -> list[Stretch]:
    pieces = [piece for chunk in chunks for piece in resampler.push(chunk)]
    pieces += resampler.finish()
    stop: int | None = None
    for piece, ended in pieces:
        if len(piece.samples):
            assert stop in (None, piece.start), "pieces must join"
            stop = piece.stop
        stop = None if ended else stop
    return joined(pieces)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Times with jitter, gaps and near-repeats; samples; where the chunks are cut."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(8, 400))
    rates = [12.5, 20.0, 49.0, 50.0, 54.0, 60.0, 100.0, 104.0, 109.99, 110.01, 249.0]
    rate = draw(st.sampled_from(rates))
    jitter = draw(st.sampled_from([0.0, 0.1, 0.9]))
    steps = (1 + rng.uniform(-jitter, jitter, n)) / rate
    for _ in range(draw(st.integers(0, 3))):
        steps[rng.integers(1, n)] += rng.uniform(0.1, 2)
    time = np.cumsum(np.maximum(steps, 1e-6))
    cuts = sorted({*draw(st.lists(st.integers(1, n - 1), max_size=6))})
    return time - time[0], rng.normal(0, 5, (n, 3)).astype(np.float32), cuts


@settings(max_examples=150, deadline=None)
@given(recordings())
def test_resampling_in_chunks_is_that_of_the_naive_twin(
    recording: tuple[np.ndarray, np.ndarray, list[int]],
) -> None:
    time, samples, cuts = recording
    period = sampling_period(time)
    gap = max(0.25, 2 * period)
    resampler = Resampler(target_hz=50.0, max_gap_s=gap)
    bounds = [0, *cuts, len(time)]
    chunks = [Chunk(time[a:b], samples[a:b]) for a, b in itertools.pairwise(bounds)]
    found = stretches(resampler, chunks)
    whole = naive.resample(samples, time, target_hz=50.0, max_gap_s=gap)
    assert [(s.start, s.stop) for s in found] == [(s.start, s.stop) for s in whole]
    for a, b in zip(found, whole, strict=True):
        np.testing.assert_allclose(a.samples, b.samples, atol=1e-4, rtol=1e-5)


def test_uniform_samples_at_the_rate_pass(rng: np.random.Generator) -> None:
    samples = rng.normal(0, 5, (1000, 3)).astype(np.float32)
    time = np.arange(1000) / 50.0
    chunks = [Chunk(time[a : a + 77], samples[a : a + 77]) for a in range(0, 1000, 77)]
    (found,) = stretches(Resampler(target_hz=50.0, max_gap_s=0.25), chunks)
    assert found.start == 0
    np.testing.assert_allclose(found.samples, samples, atol=1e-5)


@pytest.mark.parametrize("chunk", [5, 64, 333, 5000])
def test_windows_are_those_of_a_naive_cut(rng: np.random.Generator, chunk: int) -> None:
    time = np.arange(2000) / 50.0
    time[1200:] += 3.0  # a gap: the second stretch begins on the grid again
    samples = rng.normal(0, 5, (2000, 3)).astype(np.float32)
    chunks = (Chunk(time[a : a + chunk], samples[a : a + chunk]) for a in range(0, 2000, chunk))
    found = list(batches(chunks, Windower(rate_hz=50.0, max_gap_s=0.25, n_raw=100, hop=30)))
    starts = np.concatenate([b.start + 30 * np.arange(len(b.windows)) for b in found])
    windows = np.concatenate([b.windows for b in found])
    rows = [*range(0, 1200 - 100 + 1, 30), *range(1200, 2000 - 100 + 1, 30)]
    assert starts.tolist() == [r if r < 1200 else r + 150 for r in rows]
    assert sum(b.fresh for b in found) == 2
    for row, window in zip(rows, windows, strict=True):
        np.testing.assert_allclose(window, samples[row : row + 100], atol=1e-5)


def test_times_must_increase_also_across_chunks() -> None:
    x = np.zeros((10, 3), np.float32)
    chunks = [Chunk(np.arange(10) / 50, x), Chunk(np.arange(10) / 50, x)]
    with pytest.raises(DataError, match="must increase"):
        list(batches(chunks, Windower(rate_hz=50.0, max_gap_s=0.25, n_raw=5, hop=1)))


def test_a_recording_too_slow_for_the_model_is_refused() -> None:
    chunk = Chunk(np.arange(100) / 5.0, np.zeros((100, 3), np.float32))
    with pytest.raises(WindowError, match="0.2 s apart.*0.25 s"):
        list(batches([chunk], Windower(rate_hz=50.0, max_gap_s=0.25, n_raw=5, hop=1)))


@pytest.mark.parametrize("enough", [True, False])
def test_turned_chunk_by_chunk_as_the_whole_recording_is(enough: bool) -> None:
    """Samples wait for the walking; then they come from the beginning, turned as `prepare` does."""
    rng = np.random.default_rng(5)
    rate, seconds = 60.0, 90 if enough else 12
    time = np.cumsum(rng.uniform(0.8, 1.2, round(seconds * rate)) / rate)
    time -= time[0]
    time[round(9 * rate) :] += 0.9  # a gap, and with it a run of walking that begins anew
    upright = np.array([0.0, 0.0, 9.81])
    steps = 3 * np.sin(2 * np.pi * 1.8 * time) * (time > 5)
    walked = upright + steps[:, None] * [0.1, 0.2, 1.0] + rng.normal(0, 0.05, (len(time), 3))
    samples = (walked @ Rotation.random(random_state=2).as_matrix().T).astype(np.float32)
    whole = resample(samples, source_hz=rate, target_hz=50.0, max_gap_s=0.25, time_s=time)
    align = Align(kind="walking", seconds=20, axis="-y")
    rotation, counted = rotation_of((s.samples for s in whole), align, 50.0)
    assert (rotation is not None) == enough
    aligner = Aligner(rate_hz=50.0, seconds=align.seconds, axis=align.axis)
    cuts = np.sort(rng.integers(0, len(time), 60))
    bounds = [0, *cuts.tolist(), len(time)]
    chunks = [Chunk(time[a:b], samples[a:b]) for a, b in itertools.pairwise(bounds)]
    pieces = list(uniform(chunks, rate_hz=50.0, max_gap_s=0.25, aligner=aligner))
    assert aligner.seconds == (counted if enough else 0)
    assert sum(ended for _, ended in pieces) == len(whole)
    found = np.concatenate([p.samples for p, _ in pieces])
    if enough:
        expected = np.concatenate([turned(s.samples, rotation) for s in whole])
        assert -found.mean(axis=0)[1] == pytest.approx(9.81, abs=0.1)
    else:
        expected = np.concatenate([s.samples for s in whole])
    np.testing.assert_allclose(found, expected, atol=1e-4)
