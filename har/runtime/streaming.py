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
    """From chunks of a recording to a model's windows, at a hop of at most their length; an
    incomplete tail gives none."""
    rows, start, fresh = np.empty((0, 3), np.float32), 0, True
    for piece, ended in uniform(chunks, rate_hz=rate_hz, max_gap_s=max_gap_s, aligner=aligner):
        if len(piece.samples) and not len(rows):
            start = piece.start
        rows = np.concatenate([rows, piece.samples])
        if (n := (len(rows) - n_raw) // hop + 1) > 0:
            view = np.lib.stride_tricks.sliding_window_view(rows, n_raw, axis=0)
            yield Batch(start, view[: n * hop : hop].transpose(0, 2, 1), fresh)
            rows, start, fresh = rows[n * hop :].copy(), start + n * hop, False
        if ended:
            rows, fresh = rows[:0], True
