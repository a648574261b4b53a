"""Windows: starts into the recordings' samples, never copies of them."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from har.errors import WindowError

UNLABELLED = -1
OTHER = -2
"""A label that the pipeline's activities leave out."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The samples of all recordings once, and where windows start in them.

    Parameters
    ----------
    samples : ndarray of float32, shape (N, 3)
        All recordings end to end at `rate_hz`, unfiltered, m/s². May be memory-mapped.
    starts : ndarray of int64, shape (n,)
        The first raw row of each window, lead-in included.
    n_samples : int
        Of the filtered window.
    taps : ndarray of float64, shape (n_taps,)
        Of the FIR; `[1.0]` where there is none.
    labels : ndarray of int64, shape (n,)
        Indices into `activities`.
    purity : ndarray of float32, shape (n,)
        Share of the filtered samples that carry the label.
    subjects, recordings : ndarray of str, shape (n,)
    spans : ndarray of int64, shape (n, 2)
        Start and end (exclusive) on the recording's own timeline at `rate_hz`, lead-in included.
    rejected : dict
        How many windows were not made, by reason.
    aligned : dict
        Seconds of walking by which each recording was turned (`har.signal.align`), 0 where it stays
        as it was recorded; empty if the pipeline does not align.
    """

    samples: np.ndarray
    starts: np.ndarray
    n_samples: int
    taps: np.ndarray
    labels: np.ndarray
    purity: np.ndarray
    subjects: np.ndarray
    recordings: np.ndarray
    spans: np.ndarray
    activities: tuple[str, ...]
    rate_hz: float
    rejected: dict[str, int]
    aligned: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.starts)
        for name in ("labels", "purity", "subjects", "recordings", "spans"):
            if len(getattr(self, name)) != n:
                raise WindowError(f"{n} windows, but {len(getattr(self, name))} {name}.")
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise WindowError(
                f"samples must be float32 of shape (N, channels), got {self.samples.dtype} "
                f"{self.samples.shape}."
            )
        if len(self.taps) % 2 == 0:
            raise WindowError(f"The filter must have an odd number of taps, got {len(self.taps)}.")
        if n and (self.starts.min() < 0 or self.starts.max() + self.n_raw > len(self.samples)):
            raise WindowError(f"A window reaches outside the {len(self.samples)} samples.")

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def n_raw(self) -> int:
        """Rows that a model sees: the window and the filter's lead-in."""
        return self.n_samples + len(self.taps) - 1

    def gather(self, index: np.ndarray) -> np.ndarray:
        """The raw windows at some indices: float32, shape (len(index), n_raw, 3)."""
        rows = self.starts[index][:, None] + np.arange(self.n_raw)
        return np.asarray(self.samples[rows])


@dataclass(frozen=True)
class Cut:
    """Windows of one stretch: start of the filtered part, label, purity, and what was rejected."""

    starts: np.ndarray
    labels: np.ndarray
    purity: np.ndarray
    rejected: dict[str, int]


def sliding_starts(n_samples: int, *, length: int, step: int) -> np.ndarray:
    """Start indices of the windows that fit whole.

    Parameters
    ----------
    n_samples, length, step : int
        Of what is cut, of a window, and from one window to the next, in samples.

    Returns
    -------
    ndarray of int64, shape (n_windows,)
        An incomplete tail gives no window.

    Raises
    ------
    WindowError
        If the length or step is not positive.
    """
    if length < 1 or step < 1:
        raise WindowError(
            f"A window must have a length and a step of at least one sample, got {length} and "
            f"{step}. Raise windows.length_s, or lower windows.overlap."
        )
    return np.arange(0, n_samples - length + 1, step, dtype=np.int64)


def cut(
    labels: np.ndarray,
    *,
    n_classes: int,
    length: int,
    step: int,
    lead: int,
    within: str,
    min_purity: float,
    last: bool = False,
) -> Cut:
    """Cut one stretch of samples into labelled windows.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Per sample: a class, `UNLABELLED` or `OTHER`.
    lead : int
        Raw samples that the filter needs on each side of a window.
    within : {'recording', 'annotation'}
        Slide over everything that has context, or inside each labelled interval from its start.
    last : bool
        A window's label is that of its last sample, in place of most of its samples.

    Returns
    -------
    Cut
        `starts` are those of the filtered part, in samples of the stretch.
    """
    n = len(labels)
    rejected: Counter[str] = Counter()
    if within == "recording":
        starts = sliding_starts(n - 2 * lead, length=length, step=step) + lead
        if n and not len(starts):
            rejected["stretch shorter than a window"] = 1
    else:
        bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), n]
        pieces = []
        for a, b in itertools.pairwise(bounds):
            if n and labels[a] >= 0:
                pieces.append(sliding_starts(b - a, length=length, step=step) + a)
                rejected["interval shorter than a window"] += not len(pieces[-1])
        starts = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
        context = (starts >= lead) & (starts + length + lead <= n)
        rejected["no context for the filter"] = int((~context).sum())
        starts = starts[context]
    counts = np.stack([_held(labels == k, starts, length) for k in range(n_classes)], axis=1)
    if last:
        label = labels[starts + length - 1]
        most = np.where(label < 0, 0, counts[np.arange(len(starts)), label])
        is_other, is_unlabelled = label == OTHER, label == UNLABELLED
    else:
        label = counts.argmax(axis=1) if len(starts) else np.empty(0, np.int64)
        most = counts.max(axis=1, initial=0)
        others = _held(labels == OTHER, starts, length)
        unlabelled = length - counts.sum(axis=1) - others
        is_other = (others > most) & (others >= unlabelled)
        is_unlabelled = (unlabelled > most) & ~is_other
    impure = ~is_other & ~is_unlabelled & (most < min_purity * length - 1e-9)
    rejected["activity left out"] = int(is_other.sum())
    rejected["unlabelled"] = int(is_unlabelled.sum())
    rejected["mixed labels"] = int(impure.sum())
    kept = ~(is_other | is_unlabelled | impure)
    return Cut(
        starts[kept],
        label[kept].astype(np.int64),
        (most[kept] / length).astype(np.float32),
        dict(+rejected),  # without what is zero
    )


def _held(mask: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """How many samples of a kind each window holds, from running totals: linear in the samples."""
    totals = np.concatenate([[0], mask.cumsum()])
    held: np.ndarray = totals[starts + length] - totals[starts]
    return held
