"""`Raw`: what a reader found, before anything is judged, repaired or converted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from har.recording import STANDARD_GRAVITY

if TYPE_CHECKING:
    from har.ingest.clock import Clock

Unit = Literal["m/s2", "g", "mg"]
Convention = Literal["android", "ios"]
Gravity = Literal["present", "removed"]

TO_MS2: dict[str, float] = {"m/s2": 1.0, "g": STANDARD_GRAVITY, "mg": STANDARD_GRAVITY / 1000}

ANOTHER_SENSOR, REPEATED_HEADER = "of another sensor", "repeated header line"
"""Rows of a source that are no readings of its accelerometer."""


class Part(NamedTuple):
    """Whole lines of a text file: the bytes at which its header ends, they begin and they end."""

    header: int
    start: int
    stop: int


@dataclass(frozen=True)
class Source:
    """A unit of reading: a file, or a member of an archive. Picklable.

    Parameters
    ----------
    path : Path
    member : str
        Inside a zip archive; empty for a plain file.
    placement : str
    extra : dict
        What the listing knew and the reader needs (a subject from the path, labels of an index
        file).
    part : Part, optional
        The lines to be read; None is the whole.
    """

    path: Path
    member: str = ""
    placement: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    part: Part | None = None

    @property
    def name(self) -> str:
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


@dataclass
class Raw:
    """One continuous stretch as it stands in a file.

    Parameters
    ----------
    dataset, subject, session, placement : str
    acceleration : ndarray of float, shape (n, 3)
        As published: in `unit`, with the sign of `convention`. May hold NaN.
    unit, convention, gravity : str or None
        None where neither the format nor the user says: the values then have to tell.
    rate_hz : float or None
        As published; None if only the timestamps tell.
    time_s : ndarray of float64, shape (n,), optional
        As published: it may repeat, step back, be NaN, or begin anywhere.
    clock : Clock, optional
        How the rows after these are to be timed, where `time_s` is relative to the first of these.
    notes : list of (label, start, end)
        Row intervals, end exclusive, in order.
    rejected : dict
        Rows of the source that are not in `acceleration`, by reason.
    findings : list of Finding
        What the reader itself saw.
    autocalibrate : bool
        Whether it is to be calibrated to gravity.
    """

    dataset: str
    subject: str
    session: str
    placement: str
    acceleration: np.ndarray
    unit: Unit | None
    convention: Convention | None
    gravity: Gravity | None = "present"
    rate_hz: float | None = None
    time_s: np.ndarray | None = None
    clock: Clock | None = None
    notes: list[tuple[str, int, int]] = field(default_factory=list)
    start_time: datetime | None = None
    source: str = ""
    rejected: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    autocalibrate: bool = False

    @property
    def n_in(self) -> int:
        """Samples that the source held, readable or not."""
        return len(self.acceleration) + sum(self.rejected.values())


Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""The worst first."""
Action = Literal["none", "fixed", "kept", "rejected"]


@dataclass(frozen=True)
class Finding:
    """Something that is worth saying of a recording.

    Parameters
    ----------
    code : str
        Stable, for programs: `gap`, `unit`, `step-back`.
    severity, action : str
        How bad it is; what was done about it.
    message : str
        With numbers, and what to set where the user has to decide.
    where : str
        Source, or a time span in it.
    count : int
        Samples or places concerned.
    """

    code: str
    severity: Severity
    action: Action
    message: str
    where: str = ""
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "action": self.action,
            "where": self.where,
            "message": self.message,
            "count": self.count,
        }


LARGEST = 1e12
"""No sensor counts so far, and float32 holds its square."""


def finite_rows(acceleration: np.ndarray) -> np.ndarray:
    """Which rows have three values that a sensor can give: finite, and none beyond `LARGEST`."""
    return on_all_axes(np.abs(acceleration) <= LARGEST)


def on_all_axes(mask: np.ndarray) -> np.ndarray:
    """Which rows of a mask, shape (n, 3), hold throughout: numpy reduces short rows slowly."""
    x, y, z = mask.T
    return x & y & z


def runs(codes: np.ndarray) -> list[tuple[int, int]]:
    """Bounds of the stretches of equal values: [(0, 3), (3, 5)] for a a a b b."""
    if not len(codes):
        return []
    edges = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    bounds = [0, *edges.tolist(), len(codes)]
    return list(itertools.pairwise(bounds))
