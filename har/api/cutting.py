"""`har.windows`: windows of recordings as arrays, for scikit-learn and for your own models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from har.errors import WindowError
from har.recording import Recording
from har.signal.windows import Windows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class WindowSet:
    """Labelled windows of one length and rate.

    Parameters
    ----------
    prepared : Windows
        As the stage `prepare` makes them: views of the samples.
    """

    prepared: Windows

    @cached_property
    def X(self) -> np.ndarray:
        """m/s², float32, shape (n, T, 3)."""
        return self.prepared.gather(np.arange(len(self)))

    @property
    def y(self) -> np.ndarray:
        """The activity of each window, str, shape (n,)."""
        return np.array(self.prepared.activities)[self.prepared.labels]

    @property
    def subjects(self) -> np.ndarray:
        """Whose each window is: the `groups` of scikit-learn's splitters. str, shape (n,)."""
        return self.prepared.subjects

    @property
    def recordings(self) -> np.ndarray:
        """The recording of each window, str, shape (n,)."""
        return self.prepared.recordings

    @property
    def start_s(self) -> np.ndarray:
        """Seconds from the recording's first sample to the window's, float64, shape (n,)."""
        return self.prepared.spans[:, 0] / self.prepared.rate_hz

    @property
    def purity(self) -> np.ndarray:
        """Share of a window's samples that carry its label, float32, shape (n,)."""
        return self.prepared.purity

    @property
    def rejected(self) -> dict[str, int]:
        """How many windows were not made, by reason."""
        return self.prepared.rejected

    @property
    def activities(self) -> tuple[str, ...]:
        """Activities of the windows, in order."""
        return self.prepared.activities

    @property
    def rate_hz(self) -> float:
        """Sampling rate of the windows."""
        return self.prepared.rate_hz

    def __len__(self) -> int:
        return len(self.prepared)

    def to_frame(self) -> pd.DataFrame:
        """A row for each window, without its samples."""
        import pandas as pd

        names = ("recording", "subject", "start_s", "activity", "purity")
        columns = (self.recordings, self.subjects, self.start_s, self.y, self.purity)
        return pd.DataFrame(dict(zip(names, columns, strict=True)))

    def __repr__(self) -> str:
        length = self.prepared.n_samples / self.rate_hz
        return (
            f"<WindowSet: {len(self):,} windows of {length:g} s at {self.rate_hz:g} Hz, "
            f"{len(set(self.subjects.tolist()))} people, {len(self.activities)} activities, "
            f"{sum(self.rejected.values()):,} rejected>"
        )


def windows(
    recordings: Recording | Iterable[Recording],
    *,
    rate_hz: float = 50.0,
    length_s: float = 2.56,
    overlap: float = 0.5,
    activities: str | Sequence[str] | Mapping[str, Sequence[str]] = "all",
    max_gap_s: float = 0.25,
    **how: Any,
) -> WindowSet:
    """Resample recordings to one rate and cut them into labelled windows.

    Parameters
    ----------
    recordings : Recording or iterable of Recording
        As of `har.read`, `har.from_frame` or `har.load_dataset`.
    rate_hz : float
        Of the windows, Hz.
    length_s, overlap : float
        Of a window, in s; of two windows, as a share of it.
    activities : 'all', sequence of str, or mapping
        Which, in which order; a mapping has a name for one or more published ones.
    max_gap_s : float
        No window reaches over a longer gap.
    **how
        `within`, `label`, `min_purity`, `null_label` of a pipeline file's section `windows`.

    Returns
    -------
    WindowSet
        Unfiltered: a filter of a pipeline file is a layer of the model.

    Raises
    ------
    ConfigError
        For a value that a pipeline file could not have.
    WindowError
        If no window is left, or an activity has none.

    Examples
    --------
    >>> import har
    >>> cut = har.windows(har.load_dataset("watch"), length_s=5.12)
    >>> cut.X.shape[1:], len(cut.y) == len(cut.subjects) == len(cut)
    ((256, 3), True)
    >>> from sklearn.model_selection import GroupKFold
    >>> folds = GroupKFold(5).split(cut.X, cut.y, groups=cut.subjects)
    """
    from har import pipeline_file
    from har.signal.prepare import prepare

    chosen = [recordings] if isinstance(recordings, Recording) else list(recordings)
    if not chosen:
        raise WindowError("There is no recording to cut windows from; got an empty collection.")
    if wrong := [r for r in chosen if not isinstance(r, Recording)]:
        raise WindowError(
            f"windows takes recordings, got {type(wrong[0]).__name__}. Make some with har.read, "
            "har.from_frame or har.load_dataset."
        )
    said = {
        "name": "own", "dataset": "watch", "models": ["cnn"],
        "activities": activities if isinstance(activities, (str, Mapping)) else list(activities),
        "signal": {"rate_hz": rate_hz, "max_gap_s": max_gap_s, "filter": {"kind": "none"}},
        "windows": {"length_s": length_s, "overlap": overlap, **how},
    }  # fmt: skip
    of = pipeline_file.parse(said, where="har.windows")
    return WindowSet(
        prepare(chosen, signal=of.signal, windows=of.windows, activities=of.activities)
    )
