"""Recordings to windows: resample, label each sample, cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.config import Activities, Signal, WindowsConfig
from har.errors import ConfigError, WindowError
from har.files import digest
from har.ingest.recording_files import ArrayFile
from har.recording import Recording
from har.signal.align import require, rotation_of, turned
from har.signal.classes import class_of, sample_labels
from har.signal.filters import taps_of
from har.signal.resampling import AT_A_TIME, Piece, Stretch, in_pieces, resample
from har.signal.windows import UNLABELLED, Cut, Windows, cut

Sink = ArrayFile | list[np.ndarray]
"""Where samples are put, one after the other."""

NOTHING = np.empty((0, 3), np.float32)

NULL = "null"
"""The class of unlabelled samples, where they are kept."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What one recording gave, whatever others there are.

    Parameters
    ----------
    n_samples : int
        Uniform samples.
    starts : ndarray of int64, shape (n,)
        First rows of its windows among these samples, lead-in included.
    labels, purity, spans : ndarray
        As of `Windows`.
    rejected : dict
        How many windows were not made, by reason.
    walked_s : int, optional
        Seconds of walking by which it was turned; None if it was not to be turned.
    """

    n_samples: int
    starts: np.ndarray
    labels: np.ndarray
    purity: np.ndarray
    spans: np.ndarray
    rejected: Mapping[str, int]
    walked_s: int | None


@dataclass(frozen=True)
class Recipe:
    """How recordings become windows: slices of a pipeline file, and what labels mean.

    Parameters
    ----------
    classes : tuple of str
    of_label : mapping
        Published label to class; see `class_of`.
    rest : int
        The class of unlabelled samples, or `UNLABELLED`.
    """

    signal: Signal
    windows: WindowsConfig
    classes: tuple[str, ...]
    of_label: Mapping[str, int]
    rest: int

    @classmethod
    def of(
        cls,
        recordings: Iterable[Recording],
        signal: Signal,
        windows: WindowsConfig,
        activities: Activities,
    ) -> Recipe:
        """For these recordings.

        Raises
        ------
        ConfigError
            See `class_of`.
        """
        published = {note.label for r in recordings for note in r.annotations}
        classes, of_label = class_of(activities, published)
        if windows.null_label != "keep":
            return cls(signal, windows, classes, of_label, UNLABELLED)
        if NULL in classes:
            raise ConfigError(
                f"windows.null_label: keep needs the name {NULL!r}, which a label has."
            )
        return cls(signal, windows, (*classes, NULL), of_label, len(classes))

    @property
    def key(self) -> str:
        """What a recording's windows depend on besides the recording."""
        how = [self.signal.model_dump(mode="json"), self.windows.model_dump(mode="json")]
        return digest([*how, self.classes, sorted(self.of_label.items()), self.rest])

    @property
    def taps(self) -> np.ndarray:
        return taps_of(self.signal.filter, self.signal.rate_hz)

    @property
    def length(self) -> int:
        """Samples of a window, filtered."""
        return round(self.windows.length_s * self.signal.rate_hz)

    def prepare(self, recording: Recording, samples: Sink) -> Prepared:
        """Resample a recording into `samples`, as it comes, and cut it."""
        lead = len(self.taps) // 2
        pieces, walked_s = self._turned(recording)
        columns: dict[str, list[np.ndarray]] = {"starts": [], "labels": [], "purity": []}
        spans: list[np.ndarray] = []
        rejected: Counter[str] = Counter()
        done = start = n = 0
        for piece, ended in pieces:
            if len(piece.samples):
                start = start if n else piece.start
                n += len(piece.samples)
                samples.append(piece.samples)
            if not (ended and n):
                continue
            found = self._cut(recording, start, n)
            first = found.starts - lead
            columns["starts"].append(first + done)
            columns["labels"].append(found.labels)
            columns["purity"].append(found.purity)
            spans.append(np.stack([first, first + self.length + 2 * lead], axis=1) + start)
            rejected.update(found.rejected)
            done, n = done + n, 0
        return Prepared(
            done,
            _end_to_end(columns["starts"], np.int64),
            _end_to_end(columns["labels"], np.int64),
            _end_to_end(columns["purity"], np.float32),
            _end_to_end(spans, np.int64).reshape(-1, 2),
            dict(rejected),
            walked_s,
        )

    def _cut(self, recording: Recording, start: int, n: int) -> Cut:
        w = self.windows
        return cut(
            sample_labels(recording, start, n, self.signal.rate_hz, self.of_label, self.rest),
            n_classes=len(self.classes),
            length=self.length,
            step=max(1, round(self.length * (1 - w.overlap))),
            lead=len(self.taps) // 2,
            within=w.within,
            min_purity=w.min_purity,
            last=w.label == "last",
        )

    def _turned(self, recording: Recording) -> tuple[Iterator[Piece], int | None]:
        """A recording resampled and, if that is asked for, turned by so many seconds of walking."""
        signal = self.signal
        how: dict[str, Any] = {
            "source_hz": recording.rate_hz,
            "target_hz": signal.rate_hz,
            "max_gap_s": signal.max_gap_s,
            "time_s": recording.time_s,
        }
        if signal.align.kind == "none":
            return in_pieces(recording.acceleration, **how), None
        stretches = resample(recording.acceleration, **how)
        samples = (s.samples for s in stretches)
        rotation, walked_s = rotation_of(samples, signal.align, signal.rate_hz)
        return _each(stretches, rotation), walked_s


def _each(stretches: Sequence[Stretch], rotation: np.ndarray | None) -> Iterator[Piece]:
    """Stretches a little at a time, turned if there is a rotation."""
    for s in stretches:
        for a in range(0, len(s.samples), AT_A_TIME):
            part = s.samples[a : a + AT_A_TIME]
            ended = a + len(part) == len(s.samples)
            rows = part if rotation is None else turned(part, rotation)
            yield Stretch(s.start + a, rows), ended


def _end_to_end(parts: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def prepare(
    recordings: Sequence[Recording],
    *,
    signal: Signal,
    windows: WindowsConfig,
    activities: Activities = "all",
) -> Windows:
    """Resample recordings and cut them into windows, in memory.

    Parameters
    ----------
    signal, windows, activities
        The slices of the pipeline file.

    Returns
    -------
    Windows
        In the order of the recordings, and of time within each.

    Raises
    ------
    WindowError
        If no window is left, a class has none, or recordings cannot be turned upright.
    """
    recipe = Recipe.of(recordings, signal, windows, activities)
    samples: list[np.ndarray] = []
    each = [recipe.prepare(r, samples) for r in recordings]
    return together(recipe, recordings, each, np.concatenate([NOTHING, *samples]))


def together(
    recipe: Recipe,
    recordings: Sequence[Recording],
    each: Sequence[Prepared],
    samples: np.ndarray,
    repeat: Callable[[list[str], list[int]], Any] = np.repeat,
) -> Windows:
    """The windows of all recordings, given what each gave and the samples of all, end to end.

    Names are repeated for each window by `repeat`: of many, the text takes most of the memory.

    Raises
    ------
    WindowError
        See `prepare`.
    """
    aligned = {
        r.id: p.walked_s for r, p in zip(recordings, each, strict=True) if p.walked_s is not None
    }
    require(aligned)
    rejected = _rejected(each, recipe)
    counts = [len(p.starts) for p in each]
    # Where each recording's first sample is among all.
    base = np.cumsum([0, *(p.n_samples for p in each[:-1])])
    return Windows(
        samples=samples,
        starts=np.concatenate([p.starts for p in each]) + np.repeat(base, counts),
        n_samples=recipe.length,
        taps=recipe.taps,
        labels=np.concatenate([p.labels for p in each]),
        purity=np.concatenate([p.purity for p in each]),
        subjects=repeat([r.subject for r in recordings], counts),
        recordings=repeat([r.id for r in recordings], counts),
        spans=np.concatenate([p.spans for p in each]),
        activities=recipe.classes,
        rate_hz=recipe.signal.rate_hz,
        rejected=rejected,
        aligned=aligned,
    )


def _rejected(each: Sequence[Prepared], recipe: Recipe) -> dict[str, int]:
    """How many windows were not made, by reason; refuses what leaves a class without any."""
    total: Counter[str] = Counter()
    for prepared in each:
        total.update(prepared.rejected)
    rejected = dict(sorted(total.items()))
    found = {label for prepared in each for label in np.unique(prepared.labels).tolist()}
    if not found:
        raise WindowError(
            f"No window of {recipe.windows.length_s:g} s is left; rejected: {rejected}. "
            "Shorten windows.length_s, lower windows.min_purity, or check the annotations."
        )
    if missing := [c for i, c in enumerate(recipe.classes) if i not in found]:
        raise WindowError(
            f"No window is labelled {', '.join(missing)}; rejected: {rejected}. Leave these "
            "activities out, shorten windows.length_s, or lower windows.min_purity."
        )
    return rejected
