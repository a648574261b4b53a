"""What published labels mean: the classes of a pipeline, and the class of each sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from har.config import Activities
from har.errors import ConfigError, did_you_mean
from har.recording import Recording
from har.signal.windows import OTHER


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
    recording: Recording, start: int, n: int, rate_hz: float, of_label: Mapping[str, int], rest: int
) -> np.ndarray:
    """The class of each sample of a resampled stretch.

    A sample belongs to an annotation from the time of its first to that of the sample after its
    last.

    Parameters
    ----------
    start, n : int
        Where the stretch begins, in periods of `rate_hz` since the recording's first sample, and
        how many samples it has.
    rest : int
        What samples outside every annotation get.

    Returns
    -------
    ndarray of int16, shape (n,)
    """
    out = np.full(n, rest, dtype=np.int16)
    times = recording.time_s
    for note in recording.annotations:
        if times is None:
            begin, end = note.start / recording.rate_hz, note.end / recording.rate_hz
        else:
            begin = times[note.start]
            end = times[note.end] if note.end < len(times) else np.inf
        # The grid's first sample at or after each time; 1e-6 periods forgive rounding.
        a = int(np.ceil(begin * rate_hz - 1e-6)) - start
        b = n if np.isinf(end) else int(np.ceil(end * rate_hz - 1e-6)) - start
        out[max(a, 0) : max(b, 0)] = of_label.get(note.label, OTHER)
    return out
