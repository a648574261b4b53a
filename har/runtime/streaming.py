"""Resampling and windowing of a recording as it arrives in chunks: memory does not grow with it.

The same arithmetic as `har.signal.resampling.resample` on the whole recording, which a test holds
it to; only as many samples are kept as the next result needs. A phone does the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import signal

from har.errors import DataError, WindowError
from har.recording import Chunk
from har.signal import resampling
from har.signal.align import Reference, turned

Piece = tuple[resampling.Stretch, bool]
"""Uniform samples, and whether a gap follows them."""


class Resampler:
    """`resample`, chunk by chunk.

    Nothing comes before the first samples are there that tell the sampling period.

    Parameters
    ----------
    target_hz, max_gap_s : float
        As in `har.signal.resampling.resample`.
    """

    def __init__(self, *, target_hz: float, max_gap_s: float) -> None:
        self.target_hz = target_hz
        self.max_gap_s = max_gap_s
        self.left_out = 0  # samples too close to the one before
        self._period: float | None = None
        self._time = np.empty(0)
        self._samples = np.empty((0, 3), np.float32)
        self._next: int | None = None  # the first grid point not given yet; None: a stretch begins
        self._last_kept: float | None = None
        self._thinner: _TakeDown | None = None

    def push(self, chunk: Chunk) -> Iterator[tuple[resampling.Stretch, bool]]:
        """More samples.

        Yields
        ------
        piece : Stretch
            The next uniform samples.
        ended : bool
            True if a gap follows: the next piece begins another stretch.
        """
        if self._period is None:
            self._time = np.concatenate([self._time, chunk.time_s])
            self._samples = np.concatenate([self._samples, chunk.samples])
            if len(self._time) < resampling.WARM_UP:
                return
            chunk = self._begin()
        yield from self._take(chunk)

    def _take(self, chunk: Chunk) -> Iterator[tuple[resampling.Stretch, bool]]:
        chunk = self._spaced(chunk)
        time = np.concatenate([self._time, chunk.time_s])
        samples = np.concatenate([self._samples, chunk.samples])
        cuts = np.flatnonzero(np.diff(time) > self.max_gap_s) + 1
        bounds = [0, *cuts.tolist(), len(time)]
        for a, b in itertools.pairwise(bounds[:-1]):
            yield self._piece(time[a:b], samples[a:b], last=True), True
            self._next, self._thinner = None, None
        a = bounds[-2]
        time, samples = time[a:], samples[a:]
        yield self._piece(time, samples, last=False), False
        # The next grid point lies after the last sample but one; its cubic needs one more before.
        keep = 4 if self._next is not None else len(time)
        self._time, self._samples = time[-keep:].copy(), samples[-keep:].copy()

    def finish(self) -> Iterator[tuple[resampling.Stretch, bool]]:
        """What is left when no more samples come."""
        if self._period is None and len(self._time) >= 4:
            yield from self._take(self._begin())
        if self._period is not None:
            yield self._piece(self._time, self._samples, last=True), True

    def _begin(self) -> Chunk:
        """Learn the period; what has waited for it."""
        chunk = Chunk(self._time, self._samples)
        self._time, self._samples = self._time[:0], self._samples[:0]
        period = resampling.sampling_period(chunk.time_s)
        if self.max_gap_s <= 1.5 * period:
            raise WindowError(
                f"Samples are {period:.3g} s apart, and the model bridges {self.max_gap_s:g} s at "
                "most: the recording is too slow for it."
            )
        self._period = period
        self._k = resampling.decimation(1 / period, self.target_hz)
        return chunk

    def _spaced(self, chunk: Chunk) -> Chunk:
        assert self._period is not None
        time = chunk.time_s
        if not len(time):
            return chunk
        least = resampling.TOO_CLOSE * self._period
        if self._last_kept is None:
            kept = resampling.spaced(time, least)
        else:
            kept = resampling.spaced(np.concatenate([[self._last_kept], time]), least)[1:] - 1
        self.left_out += len(time) - len(kept)
        if len(kept):
            self._last_kept = float(time[kept[-1]])
        if len(kept) == len(time):
            return chunk
        return Chunk(time[kept], chunk.samples[kept])

    def _piece(self, time: np.ndarray, samples: np.ndarray, *, last: bool) -> resampling.Stretch:
        """The grid points of the open stretch that can be given now, in order."""
        rate = self._k * self.target_hz
        empty = np.empty((0, 3), np.float32)
        enough = len(time) >= 4
        if self._next is None and enough:
            self._next = int(np.ceil(time[0] * rate - 1e-6))
        first = self._next or 0
        fine = resampling.Stretch(first, empty)
        if enough:
            if last:
                stop = int(np.floor(time[-1] * rate + 1e-6)) + 1
            else:  # before the last sample but one, all four around are known
                stop = int(np.ceil(time[-2] * rate - 1e-6))
            if stop > first:
                # time[0] clips only a stretch's first point: later ones lie after time[1].
                at = np.clip(np.arange(first, stop) / rate, time[0], time[-1])
                values = resampling.cubic(time, samples, at).astype(np.float32)
                fine = resampling.Stretch(first, values)
                self._next = stop
        if self._k == 1:
            return fine
        if self._thinner is None:
            if not enough:
                return fine
            self._thinner = _TakeDown(self._k, first)
        return self._thinner.push(fine.samples)


class _TakeDown:
    """The low-pass and decimation of `resample`, continued from chunk to chunk."""

    def __init__(self, k: int, start: int) -> None:
        self._k = k
        self._taps = resampling.decimation_taps(k)
        self._half = len(self._taps) // 2
        self._next = -(-(start + self._half) // k)  # the next coarse sample
        self._fine = np.empty((0, 3), np.float32)
        self._start = start  # of self._fine

    def push(self, fine: np.ndarray) -> resampling.Stretch:
        self._fine = np.concatenate([self._fine, fine])
        k, half, first = self._k, self._half, self._next
        last = (self._start + len(self._fine) - 1 - half) // k
        if last < first:
            return resampling.Stretch(first, np.empty((0, 3), np.float32))
        block = self._fine[first * k - half - self._start : last * k + half + 1 - self._start]
        out = signal.upfirdn(self._taps, block.astype(np.float64), up=1, down=k, axis=0)
        skip = 2 * half // k
        result = out[skip : skip + last - first + 1].astype(np.float32)
        self._next = last + 1
        drop = self._next * k - half - self._start
        self._fine, self._start = self._fine[drop:].copy(), self._start + drop
        return resampling.Stretch(first, result)


@dataclass(frozen=True)
class Batch:
    """Windows that follow one another.

    `start` is the first row of the first window on the recording's timeline at the model's rate;
    the others follow at the hop. `fresh` says that the first begins a stretch.
    """

    start: int
    windows: np.ndarray
    fresh: bool


class Windower:
    """Uniform samples to windows at a hop; an incomplete tail gives none.

    Parameters
    ----------
    n_raw, hop : int
    """

    def __init__(self, n_raw: int, hop: int) -> None:
        self._n, self._hop = n_raw, hop
        self._rows = np.empty((0, 3), np.float32)
        self._at: int | None = None
        self._fresh = True

    def push(self, piece: resampling.Stretch, ended: bool) -> Batch | None:
        """More samples; the windows that they complete."""
        if len(piece.samples) and self._at is None:
            self._at = piece.start
        rows = np.concatenate([self._rows, piece.samples])
        n = (len(rows) - self._n) // self._hop + 1 if len(rows) >= self._n else 0
        batch = None
        if n:
            assert self._at is not None
            view = np.lib.stride_tricks.sliding_window_view(rows, self._n, axis=0)
            windows = view[: n * self._hop : self._hop].transpose(0, 2, 1)
            batch = Batch(self._at, windows, self._fresh)
            self._fresh = False
            self._at += n * self._hop
            rows = rows[n * self._hop :]
        self._rows = rows.copy()
        if ended:
            self._rows, self._at, self._fresh = self._rows[:0], None, True
        return batch


class Aligner:
    """`har.signal.align`, piece by piece: holds everything back until the walking is there.

    Parameters
    ----------
    rate_hz : float
    seconds : int
        Of walking.
    axis : str
    """

    def __init__(self, *, rate_hz: float, seconds: int, axis: str) -> None:
        self.axis = axis
        self.reference = Reference(rate_hz, seconds)
        self._rotation: np.ndarray | None = None
        self._held: list[Piece] = []

    @property
    def seconds(self) -> int:
        """Of walking, by which the samples are turned; 0 where they are not."""
        return 0 if self._rotation is None else self.reference.counted

    def push(self, piece: resampling.Stretch, ended: bool) -> Iterator[Piece]:
        """More samples; those that can be given, turned."""
        if self._rotation is None:
            self.reference.push(piece.samples)
            self._held.append((piece, ended))
            if self.reference.known:
                yield from self._release()
            elif ended:
                self.reference.interrupt()
        else:
            yield self._turned(piece), ended

    def finish(self) -> Iterator[Piece]:
        """What is held back when no more samples come: as recorded, if nobody walked enough."""
        yield from self._release()

    def _release(self) -> Iterator[Piece]:
        held, self._held = self._held, []
        self._rotation = self.reference.rotation(self.axis)
        for piece, ended in held:
            yield self._turned(piece), ended

    def _turned(self, piece: resampling.Stretch) -> resampling.Stretch:
        if self._rotation is None:
            return piece
        return resampling.Stretch(piece.start, turned(piece.samples, self._rotation))


def uniform(
    chunks: Iterable[Chunk], *, rate_hz: float, max_gap_s: float, aligner: Aligner | None = None
) -> Iterator[Piece]:
    """From chunks of a recording to uniform samples, turned if the model wants that.

    Yields
    ------
    piece : Stretch
    ended : bool
        As `Resampler.push`.

    Raises
    ------
    DataError
        If the times do not increase.
    """
    resampler = Resampler(target_hz=rate_hz, max_gap_s=max_gap_s)
    through = aligner.push if aligner else lambda piece, ended: iter([(piece, ended)])
    before = -np.inf
    for chunk in chunks:
        if not len(chunk.time_s):
            continue
        if chunk.time_s[0] <= before or (np.diff(chunk.time_s) <= 0).any():
            raise DataError("The recording's times must increase from sample to sample.")
        before = chunk.time_s[-1]
        for piece, ended in resampler.push(chunk):
            yield from through(piece, ended)
    for piece, ended in resampler.finish():
        yield from through(piece, ended)
    if aligner:
        yield from aligner.finish()


def batches(
    chunks: Iterable[Chunk],
    *,
    rate_hz: float,
    max_gap_s: float,
    n_raw: int,
    hop: int,
    aligner: Aligner | None = None,
) -> Iterator[Batch]:
    """From chunks of a recording to a model's windows."""
    windower = Windower(n_raw, hop)
    for piece, ended in uniform(chunks, rate_hz=rate_hz, max_gap_s=max_gap_s, aligner=aligner):
        if (batch := windower.push(piece, ended)) is not None:
            yield batch
