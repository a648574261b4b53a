"""`Recording`: the one type that every reader returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from har.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

STANDARD_GRAVITY = 9.80665
"""m/s² in 1 g (CGPM 1901)."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A labelled interval of a recording.

    Parameters
    ----------
    label : str
        The activity, as published.
    start, end : int
        Sample indices into the recording, end exclusive.
    """

    label: str
    start: int
    end: int


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """One continuous stretch of one subject's accelerometer at one placement.

    Acceleration is specific force as Android reports it: a phone flat on a table, screen up, at
    rest, reads z = +9.81 m/s². Readers of iOS sources negate, and say so in the provenance.

    Parameters
    ----------
    dataset, subject, session, placement : str
        Who and where. `session` tells apart recordings of one subject at one placement.
    rate_hz : float
        Nominal sampling rate; the true one, if `time_s` is given, is in the timestamps.
    acceleration : ndarray of float32, shape (n, 3)
        x, y, z in m/s².
    annotations : tuple of Annotation
        In order of start; they do not overlap. Empty if the recording is unlabelled.
    time_s : ndarray of float64, shape (n,), optional
        Seconds since the first sample, strictly increasing. None if the sampling is uniform.
    start_time : datetime, optional
        Time of the first sample.
    provenance : dict
        Source file, what was converted, repaired or rejected. Plain JSON values.

    Raises
    ------
    DataError
        If a shape, an order or a value breaks what is said above.
    """

    dataset: str
    subject: str
    session: str
    placement: str
    rate_hz: float
    acceleration: np.ndarray
    annotations: tuple[Annotation, ...] = ()
    time_s: np.ndarray | None = None
    start_time: datetime | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Unique within a data set: subject/session/placement."""
        return f"{self.subject}/{self.session}/{self.placement}"

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.acceleration)

    @property
    def length_s(self) -> float:
        """Duration that the samples cover, one period per sample."""
        if self.time_s is None or len(self.time_s) < 2:
            return self.n_samples / self.rate_hz
        return float(self.time_s[-1] - self.time_s[0]) + 1 / self.rate_hz

    def to_frame(self) -> pd.DataFrame:
        """The samples as a table.

        Returns
        -------
        DataFrame
            A row for each sample: time (s since the first), x, y, z (m/s²), activity (missing where
            unlabelled).
        """
        import pandas as pd

        n = self.n_samples
        if self.time_s is None:
            time = np.arange(n) / self.rate_hz
        else:
            time = np.asarray(self.time_s) - self.time_s[0]
        activity = np.full(n, None, dtype=object)
        for note in self.annotations:
            activity[note.start : note.end] = note.label
        x, y, z = np.asarray(self.acceleration).T
        return pd.DataFrame({"time": time, "x": x, "y": y, "z": z, "activity": activity})

    def __repr__(self) -> str:
        labels = ", ".join(dict.fromkeys(note.label for note in self.annotations))
        return (
            f"<Recording {self.id}: {self.length_s:.1f} s at {self.rate_hz:g} Hz, "
            f"{labels or 'no activity labelled'}>"
        )

    def __post_init__(self) -> None:
        where = f"recording {self.dataset}:{self.id}"
        a = self.acceleration
        if a.ndim != 2 or a.shape[1] != 3 or a.dtype != np.float32:
            raise DataError(
                f"{where}: acceleration must be float32 of shape (n, 3), got {a.dtype} {a.shape}."
            )
        if not len(a):
            raise DataError(f"{where}: no samples. Reject the file instead of reading it.")
        if not np.isfinite(a).all():
            n = int((~np.isfinite(a).all(axis=1)).sum())
            raise DataError(f"{where}: {n} samples are not finite. Reject those spans first.")
        if not (np.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise DataError(f"{where}: rate_hz must be positive, got {self.rate_hz}.")
        if self.time_s is not None:
            t = self.time_s
            if t.shape != (len(a),) or t.dtype != np.float64:
                raise DataError(
                    f"{where}: time_s must be float64 of shape ({len(a)},), "
                    f"got {t.dtype} {t.shape}."
                )
            if not np.isfinite(t).all() or (np.diff(t) <= 0).any():
                raise DataError(f"{where}: time_s must be finite and strictly increasing.")
        end = 0
        for note in self.annotations:
            if not end <= note.start < note.end <= len(a):
                raise DataError(
                    f"{where}: annotation {note.label!r} [{note.start}, {note.end}) overlaps the "
                    f"one before it (which ends at {end}) or lies outside the {len(a)} samples."
                )
            end = note.end


@dataclass(frozen=True)
class Chunk:
    """Samples of a recording, in order.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Seconds since the recording's first sample, strictly increasing, also across chunks.
    samples : ndarray of float32, shape (n, 3)
        m/s².
    """

    time_s: np.ndarray
    samples: np.ndarray


@dataclass
class ChunkedRecording:
    """A recording that is about to be read.

    Parameters
    ----------
    chunks : iterator of Chunk
        To be used once.
    annotations : list of (start_s, end_s, label)
        Complete once the chunks are used up.
    rejected : dict
        Rows left out, by reason; complete once the chunks are used up.
    gravity : str or None
        present or removed; None where nobody can tell.
    read_as : dict
        Unit, sign and gravity that its samples were read with, and why.
    """

    name: str
    chunks: Iterator[Chunk]
    annotations: list[tuple[float, float, str]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    gravity: str | None = None
    read_as: dict[str, str] = field(default_factory=dict)
