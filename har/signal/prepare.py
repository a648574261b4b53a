"""Recordings to windows: resample, label each sample, cut."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from har.config import Activities, Signal, WindowsConfig
from har.errors import ConfigError, WindowError, did_you_mean
from har.ingest.recording_files import ArrayFile
from har.recording import Recording
from har.signal.align import require, rotation_of, turned
from har.signal.filters import taps_of
from har.signal.resampling import Stretch, resample
from har.signal.windows import OTHER, UNLABELLED, Cut, Windows, cut

NULL = "null"
"""The class of unlabelled samples, where they are kept."""


def class_of(
    activities: Activities, published: Iterable[str]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """The classes of a pipeline, and the class of each published label.

    Parameters
    ----------
    activities : 'all', tuple of str, or mapping of new name to published names
    published : iterable of str
        The labels that the recordings carry.

    Returns
    -------
    classes : tuple of str
        In the order of the pipeline file; sorted for `all`.
    of_label : dict
        Published label to index; a label that is left out is not in it.

    Raises
    ------
    ConfigError
        For a name that no recording carries, or one that stands in two classes.
    """
    known = sorted(set(published))
    if activities == "all":
        groups: dict[str, Sequence[str]] = {name: [name] for name in known}
    elif isinstance(activities, Mapping):
        groups = dict(activities)
    else:
        groups = {name: [name] for name in activities}
    of_label: dict[str, int] = {}
    for i, (new, names) in enumerate(groups.items()):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"activities: no recording is labelled {name!r}{did_you_mean(name, known)} "
                    f"Labels: {', '.join(known) or 'none'}."
                )
            if name in of_label:
                raise ConfigError(f"activities: {name!r} stands in two classes, one is {new!r}.")
            of_label[name] = i
    if len(groups) < 2:
        raise ConfigError(f"A classifier needs two activities or more, got {list(groups)}.")
    return tuple(groups), of_label


def sample_labels(
    recording: Recording, stretch: Stretch, rate_hz: float, of_label: Mapping[str, int], rest: int
) -> np.ndarray:
    """The class of each resampled sample.

    A sample belongs to an annotation from the time of its first to that of the sample after its
    last.

    Parameters
    ----------
    rest : int
        What samples outside every annotation get.

    Returns
    -------
    ndarray of int64, shape (len(stretch.samples),)
    """
    out = np.full(len(stretch.samples), rest, dtype=np.int64)
    times = recording.time_s
    for note in recording.annotations:
        if times is None:
            begin, end = note.start / recording.rate_hz, note.end / recording.rate_hz
        else:
            begin = times[note.start]
            end = times[note.end] if note.end < len(times) else np.inf
        # The grid's first sample at or after each time; 1e-6 periods forgive rounding.
        a = int(np.ceil(begin * rate_hz - 1e-6)) - stretch.start
        b = len(out) if np.isinf(end) else int(np.ceil(end * rate_hz - 1e-6)) - stretch.start
        out[max(a, 0) : max(b, 0)] = of_label.get(note.label, OTHER)
    return out


@dataclass(frozen=True)
class _Piece:
    """The windows of one stretch without a gap; a row of the table that `prepare` makes."""

    subject: str
    recording: str
    start: int
    n_samples: int
    cut: Cut


def prepare(
    recordings: Sequence[Recording],
    *,
    signal: Signal,
    windows: WindowsConfig,
    activities: Activities = "all",
    file: ArrayFile | None = None,
) -> Windows:
    """Resample recordings and cut them into windows.

    Parameters
    ----------
    signal, windows, activities
        The slices of the pipeline file.
    file : ArrayFile, optional
        Where the samples are written as they come, and which the windows then map: no more than
        one recording is in memory at a time. Without it all of them are.

    Returns
    -------
    Windows
        In the order of the recordings, and of time within each.

    Raises
    ------
    WindowError
        If no window is left, a class has none, or recordings cannot be turned upright.
    """
    published = {note.label for r in recordings for note in r.annotations}
    classes, of_label = class_of(activities, published)
    rest = UNLABELLED
    if windows.null_label == "keep":
        if NULL in classes:
            raise ConfigError(
                f"windows.null_label: keep needs the name {NULL!r}, which a label has."
            )
        classes, rest = (*classes, NULL), len(classes)
    taps = taps_of(signal.filter, signal.rate_hz)
    lead, length = len(taps) // 2, round(windows.length_s * signal.rate_hz)
    cutter = functools.partial(
        cut,
        n_classes=len(classes),
        length=length,
        step=max(1, round(length * (1 - windows.overlap))),
        lead=lead,
        within=windows.within,
        min_purity=windows.min_purity,
        last=windows.label == "last",
    )
    pieces: list[_Piece] = []
    samples: list[np.ndarray] | ArrayFile = [] if file is None else file
    aligned: dict[str, int] = {}
    for recording in recordings:
        stretches, walked_s = _stretches(recording, signal)
        if walked_s is not None:
            aligned[recording.id] = walked_s
        for stretch in stretches:
            labels = sample_labels(recording, stretch, signal.rate_hz, of_label, rest)
            pieces.append(
                _Piece(recording.subject, recording.id, stretch.start, len(labels), cutter(labels))
            )
            samples.append(stretch.samples)
    require(aligned)
    rejected = _rejected(pieces, classes, windows.length_s)
    return Windows(
        **_columns(pieces, lead, length),
        samples=_together(samples),
        n_samples=length,
        taps=taps,
        activities=classes,
        rate_hz=signal.rate_hz,
        rejected=rejected,
        aligned=aligned,
    )


def _stretches(recording: Recording, signal: Signal) -> tuple[list[Stretch], int | None]:
    """A recording resampled and, if that is asked for, turned by so many seconds of walking."""
    stretches = resample(
        recording.acceleration,
        source_hz=recording.rate_hz,
        target_hz=signal.rate_hz,
        max_gap_s=signal.max_gap_s,
        time_s=recording.time_s,
    )
    if signal.align.kind == "none":
        return stretches, None
    samples = (s.samples for s in stretches)
    rotation, walked_s = rotation_of(samples, signal.align, signal.rate_hz)
    if rotation is not None:
        stretches = [Stretch(s.start, turned(s.samples, rotation)) for s in stretches]
    return stretches, walked_s


def _rejected(pieces: Sequence[_Piece], classes: Sequence[str], length_s: float) -> dict[str, int]:
    """How many windows were not made, by reason; refuses what leaves a class without any."""
    total: Counter[str] = Counter()
    for piece in pieces:
        total.update(piece.cut.rejected)
    rejected = dict(sorted(total.items()))
    found = {label for piece in pieces for label in np.unique(piece.cut.labels).tolist()}
    if not found:
        raise WindowError(
            f"No window of {length_s:g} s is left; rejected: {rejected}. "
            "Shorten windows.length_s, lower windows.min_purity, or check the annotations."
        )
    if missing := [c for i, c in enumerate(classes) if i not in found]:
        raise WindowError(
            f"No window is labelled {', '.join(missing)}; rejected: {rejected}. Leave these "
            "activities out, shorten windows.length_s, or lower windows.min_purity."
        )
    return rejected


def _together(samples: list[np.ndarray] | ArrayFile) -> np.ndarray:
    if isinstance(samples, ArrayFile):
        return samples.mapped()
    return np.concatenate(samples)


def _columns(pieces: Sequence[_Piece], lead: int, length: int) -> dict[str, np.ndarray]:
    """A row for each window."""
    counts = [len(p.cut.starts) for p in pieces]
    # Where a piece's first sample is: among all samples, and on its recording's timeline.
    base = np.cumsum([0, *(p.n_samples for p in pieces[:-1])])
    begin = np.array([p.start for p in pieces])
    first = np.concatenate([p.cut.starts for p in pieces]) - lead
    on_timeline = first + np.repeat(begin, counts)
    return {
        "starts": first + np.repeat(base, counts),
        "labels": np.concatenate([p.cut.labels for p in pieces]),
        "purity": np.concatenate([p.cut.purity for p in pieces]),
        "subjects": np.repeat([p.subject for p in pieces], counts),
        "recordings": np.repeat([p.recording for p in pieces], counts),
        "spans": np.stack([on_timeline, on_timeline + length + 2 * lead], axis=1),
    }
