"""Recordings to windows: resample, label each sample, cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from har.config import Activities, Signal, WindowsConfig, did_you_mean
from har.errors import ConfigError, WindowError
from har.recording import Recording
from har.signal.align import require, rotation_of, turned
from har.signal.filters import taps_of
from har.signal.resampling import Stretch, resample
from har.signal.windows import OTHER, UNLABELLED, Windows, cut

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


def prepare(
    recordings: Sequence[Recording],
    *,
    signal: Signal,
    windows: WindowsConfig,
    activities: Activities = "all",
    keep_null: bool = False,
) -> Windows:
    """Resample recordings and cut them into windows.

    Parameters
    ----------
    recordings : sequence of Recording
    signal, windows, activities
        The slices of the pipeline file.
    keep_null : bool
        Make a class `null` of what no annotation covers.

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
    if keep_null:
        if NULL in classes:
            raise ConfigError(f"null_label: keep needs the name {NULL!r}, which a label has.")
        classes, rest = (*classes, NULL), len(classes)
    taps = taps_of(signal.filter, signal.rate_hz)
    lead = len(taps) // 2
    length = round(windows.length_s * signal.rate_hz)
    step = max(1, round(length * (1 - windows.overlap)))

    samples, starts, labels, purity, subjects, ids, spans = [], [], [], [], [], [], []
    rejected: Counter[str] = Counter()
    base = 0
    aligned: dict[str, int] = {}
    for recording in recordings:
        stretches = resample(
            recording.acceleration,
            source_hz=recording.rate_hz,
            target_hz=signal.rate_hz,
            max_gap_s=signal.max_gap_s,
            time_s=recording.time_s,
        )
        if signal.align.kind != "none":
            rotation, seconds = rotation_of(
                (s.samples for s in stretches), signal.align, signal.rate_hz
            )
            aligned[recording.id] = seconds
            if rotation is not None:
                stretches = [Stretch(s.start, turned(s.samples, rotation)) for s in stretches]
        for stretch in stretches:
            found = cut(
                sample_labels(recording, stretch, signal.rate_hz, of_label, rest),
                n_classes=len(classes),
                length=length,
                step=step,
                lead=lead,
                within=windows.within,
                min_purity=windows.min_purity,
            )
            rejected.update(found.rejected)
            first = found.starts - lead
            samples.append(stretch.samples)
            starts.append(first + base)
            labels.append(found.labels)
            purity.append(found.purity)
            subjects.append(np.full(len(first), recording.subject))
            ids.append(np.full(len(first), recording.id))
            on_timeline = first + stretch.start
            spans.append(np.stack([on_timeline, on_timeline + length + 2 * lead], axis=1))
            base += len(stretch.samples)
    require(aligned)
    n = sum(map(len, starts))
    if not n:
        raise WindowError(
            f"No window of {windows.length_s:g} s is left; rejected: {dict(rejected)}. "
            "Shorten windows.length_s, lower windows.min_purity, or check the annotations."
        )
    all_labels = np.concatenate(labels)
    if missing := [c for i, c in enumerate(classes) if not (all_labels == i).any()]:
        raise WindowError(
            f"No window is labelled {', '.join(missing)}; rejected: {dict(rejected)}. Leave these "
            "activities out, shorten windows.length_s, or lower windows.min_purity."
        )
    return Windows(
        samples=np.concatenate(samples),
        starts=np.concatenate(starts),
        n_samples=length,
        taps=taps,
        labels=all_labels,
        purity=np.concatenate(purity),
        subjects=np.concatenate(subjects),
        recordings=np.concatenate(ids),
        spans=np.concatenate(spans),
        activities=classes,
        rate_hz=signal.rate_hz,
        rejected=dict(sorted(rejected.items())),
        aligned=aligned,
    )
