"""From chunks of a recording, as they arrive, to a model's windows, as a phone makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from har.errors import DataError
from har.recording import Chunk
from har.signal.align import Reference, turned
from har.signal.resampling import Piece, Resampler, Stretch


@dataclass(frozen=True)
class Batch:
    """Windows that follow one another.

    `start` is the first row of the first window on the recording's timeline at the model's rate;
    the others follow at the hop. `fresh` says that the first begins a stretch.
    """

    start: int
    windows: np.ndarray
    fresh: bool


class Aligner:
    """`har.signal.align`, piece by piece: holds everything back until the walking is there.

    Parameters
    ----------
    seconds : int
        Of walking.
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

    def push(self, piece: Stretch, ended: bool) -> Iterator[Piece]:
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

    def _turned(self, piece: Stretch) -> Stretch:
        if self._rotation is None:
            return piece
        return Stretch(piece.start, turned(piece.samples, self._rotation))


class Uniform:
    """Chunks of a recording to uniform samples as they come, turned if the model wants that.

    `push` and `finish` yield (piece, ended) as `Resampler.push`; `push` raises a `DataError` if the
    times do not increase.
    """

    def __init__(self, *, rate_hz: float, max_gap_s: float, aligner: Aligner | None) -> None:
        self._resampler = Resampler(target_hz=rate_hz, max_gap_s=max_gap_s)
        self._aligner = aligner
        self._before = -np.inf

    def push(self, chunk: Chunk) -> Iterator[Piece]:
        if not len(chunk.time_s):
            return
        if chunk.time_s[0] <= self._before or (np.diff(chunk.time_s) <= 0).any():
            raise DataError("The recording's times must increase from sample to sample.")
        self._before = chunk.time_s[-1]
        yield from self._through(self._resampler.push(chunk))

    def finish(self) -> Iterator[Piece]:
        yield from self._through(self._resampler.finish())
        if self._aligner:
            yield from self._aligner.finish()

    def _through(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece, ended in pieces:
            if self._aligner:
                yield from self._aligner.push(piece, ended)
            else:
                yield piece, ended


def uniform(
    chunks: Iterable[Chunk], *, rate_hz: float, max_gap_s: float, aligner: Aligner | None = None
) -> Iterator[Piece]:
    """All chunks of a recording through `Uniform`."""
    through = Uniform(rate_hz=rate_hz, max_gap_s=max_gap_s, aligner=aligner)
    for chunk in chunks:
        yield from through.push(chunk)
    yield from through.finish()


class Windower:
    """Chunks of a recording to a model's windows as they come, at a hop of at most their length; an
    incomplete tail gives none.

    Parameters
    ----------
    rate_hz, max_gap_s : float
        Of the model; the longest gap that is bridged.
    n_raw, hop : int
        Samples of a window with the filter's lead-in, and from one window to the next.
    aligner : Aligner, optional
    """

    def __init__(
        self, *, rate_hz: float, max_gap_s: float, n_raw: int, hop: int,
        aligner: Aligner | None = None,
    ) -> None:  # fmt: skip
        self._uniform = Uniform(rate_hz=rate_hz, max_gap_s=max_gap_s, aligner=aligner)
        self._n_raw, self._hop = n_raw, hop
        self._rows, self._start, self._fresh = np.empty((0, 3), np.float32), 0, True

    def push(self, chunk: Chunk) -> Iterator[Batch]:
        """The windows that these samples complete."""
        yield from self._cut(self._uniform.push(chunk))

    def finish(self) -> Iterator[Batch]:
        """Those that were waiting for samples that do not come."""
        yield from self._cut(self._uniform.finish())

    def _cut(self, pieces: Iterable[Piece]) -> Iterator[Batch]:
        for piece, ended in pieces:
            if len(piece.samples) and not len(self._rows):
                self._start = piece.start
            self._rows = rows = np.concatenate([self._rows, piece.samples])
            if (n := (len(rows) - self._n_raw) // self._hop + 1) > 0:
                view = np.lib.stride_tricks.sliding_window_view(rows, self._n_raw, axis=0)
                windows = view[: n * self._hop : self._hop].transpose(0, 2, 1)
                yield Batch(self._start, windows, self._fresh)
                self._rows = rows[n * self._hop :].copy()
                self._start, self._fresh = self._start + n * self._hop, False
            if ended:
                self._rows, self._fresh = self._rows[:0], True


def batches(chunks: Iterable[Chunk], windower: Windower) -> Iterator[Batch]:
    """All windows of a recording's chunks."""
    for chunk in chunks:
        yield from windower.push(chunk)
    yield from windower.finish()
