"""Tables in which a column says which sensor each row is of: the accelerometer's rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from har.errors import DataError
from har.ingest.formats import sensors

ANDROID = {1: "accelerometer", 35: "accelerometer_uncalibrated", 10: "linear_acceleration"}
"""Android's sensor types that are accelerations, the preferred first."""

OTHER_ANDROID = frozenset({2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21})

_ACCELERATION = re.compile(
    r"l?acc|accel|accelero|accelerations?|accelerometers?|acel[a-z]*|beschl[a-z]*", re.IGNORECASE
)
_OTHER = re.compile(
    r"gyro?|gyroscopes?|giro[a-z]*|dreh[a-z]*|mag|magn|magnet[a-z]*|gravity", re.IGNORECASE
)
_SURE = re.compile(r"(android[\s_.-]*)?sensor[\s_.-]*type", re.IGNORECASE)

_NAME = re.compile(
    r"(sensor|type|stream|channel|device|node|imu|unit|place(ment)?|position|location|source)[\s_.-]*(type|id|code|name|nr|no)?",
    re.IGNORECASE,
)

MOST_SENSORS = 12
PART_OF_ROWS = 0.1
"""What fewer rows have is an event, not a sensor."""

BY_TURNS = 4
"""Rows of several sensors come by turns of fewer than this, where all are written as they come."""


@dataclass(frozen=True)
class Rows:
    """The accelerometer's rows of a table.

    Parameters
    ----------
    keep : ndarray of bool
    value : str
        What the column says of them.
    others : mapping
        Number of rows of each other value.
    """

    keep: np.ndarray
    value: str
    others: Mapping[str, int]


def sensor_column(header: Mapping[str, list[str]], acceleration: np.ndarray) -> str | None:
    """The column that may say which sensor a row is of.

    Parameters
    ----------
    header : mapping
        Values of each column in the first rows.
    acceleration : ndarray, shape (n, 3)
        What the columns of x, y and z have there.
    """
    for name, given in header.items():
        values = {v for v in given if v}
        if any(_kind(v) for v in values) or (values and _NAME.fullmatch(name)):
            return name
    parted = (n for n, v in header.items() if _parts(np.array(v, object), n, acceleration))
    return next(parted, None)


def select(
    column: np.ndarray, name: str, acceleration: np.ndarray, *, linear: bool = False
) -> Rows | None:
    """The rows that are an accelerometer's; None if the column says something else.

    Parameters
    ----------
    column : ndarray of str, shape (n,)
    name : str
        Of the column.
    acceleration : ndarray, shape (n, 3)
        A column of small numbers says which sensor only if the values agree. Where a column of
        other words parts rows that read gravity from rows that do not, or is called one of
        devices or places that take turns, it is one of sensors.
    linear : bool
        Whether rows without gravity are wanted, if there are any.

    Raises
    ------
    DataError
        If no row is an accelerometer's, or two accelerometers' are among them.
    """
    texts, counts = np.unique(column.astype(str), return_counts=True)
    said = {t: n for t, n in zip(texts.tolist(), counts.tolist(), strict=True) if t}
    listed = ", ".join(f"{t} ({n} rows)" for t, n in said.items())
    if all(t.isdigit() for t in said) and _is_android(said, column, name, acceleration):
        ranks = {t: [*ANDROID].index(int(t)) for t in said if int(t) in ANDROID}
    elif any(_kind(t) for t in said):
        ranks = {t: _rank(t) for t in said if _kind(t) == sensors.ACCELERATION}
    elif parts := _parts(column, name, acceleration):
        raise DataError(
            f"column {name!r} separates the rows of several sensors, but does not say which are an "
            f"accelerometer's: {'; '.join(f'{t} {what}' for t, what in parts.items())}. Keep only "
            "the rows of one accelerometer, or write ACC there."
        )
    else:
        return None
    if not ranks:
        raise DataError(f"no row of column {name!r} is an accelerometer's. It contains: {listed}.")
    best = (max if linear else min)(ranks.values())
    values = [t for t, rank in ranks.items() if rank == best]
    if len({t.lower() for t in values}) > 1:
        raise DataError(
            f"column {name!r} names several accelerometers: {', '.join(values)}. Put each into "
            "its own file."
        )
    keep = np.isin(column.astype(str), values)
    return Rows(keep, values[0], {t: n for t, n in said.items() if t not in values})


def _kind(value: str) -> str | None:
    """The kind of sensor that a value names beyond doubt."""
    said = sensors.words(value)
    if any(_OTHER.fullmatch(w) for w in said):
        return sensors.OTHER
    return sensors.ACCELERATION if any(_ACCELERATION.fullmatch(w) for w in said) else None


def _rank(value: str) -> int:
    said = sensors.words(value)
    if any(w.startswith(("lin", "lacc", "user")) for w in said):
        return 2
    return int(any(w.startswith("uncal") for w in said))


def _is_android(
    said: Mapping[str, int], column: np.ndarray, name: str, acceleration: np.ndarray
) -> bool:
    """Whether numbers are Android's sensor types: by the column's name, or by what they read."""
    if not {int(t) for t in said} <= OTHER_ANDROID | ANDROID.keys():
        return False
    if _SURE.fullmatch(name):
        return True
    upright = {t: sensors.reads_gravity(acceleration[column.astype(str) == t]) for t in said}
    return upright.get("1", False) and not all(upright.values())


def _parts(column: np.ndarray, name: str, acceleration: np.ndarray) -> dict[str, str]:
    """What the rows of each value read, where they are surely not all of one sensor."""
    texts = column.astype(str)
    values, counts = np.unique(texts, return_counts=True)
    if not 2 <= len(values) <= MOST_SENSORS:
        return {}
    often = [str(v) for v in values[counts >= PART_OF_ROWS * len(texts)]]
    moving = (acceleration != 0).any(axis=1)
    reads = {v: sensors.at_rest(acceleration[(texts == v) & moving]) for v in often}
    turns = 1 + np.count_nonzero(texts[1:] != texts[:-1])
    together = _NAME.fullmatch(name) and len(often) > 1 and len(texts) < BY_TURNS * turns
    if together or sensors.differ(reads.values()):
        return {v: sensors.described(m) for v, m in reads.items()}
    return {}
