"""A time column in seconds: numbers or dates, their unit, and the value that counts as zero."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.errors import DataError

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""In a unit of time."""

STEPS_S = (0.0009, 0.21)
"""The steps of sensors that run at 5 to 1000 Hz."""

NAME = re.compile(
    r"(seconds_elapsed|elapsed|time(stamp)?|t|zeit|date_?time|uptime)"
    r"(?=$|[\s_(\[])[\s_]*[(\[]?(?P<unit>s|sec|seconds|ms|us|µs|ns)?[)\]]?.*",
    re.IGNORECASE,
)
"""What a time column is called."""


@dataclass(frozen=True)
class Clock:
    """How a time column is read; learnt from some of its rows, it holds for those after them.

    Parameters
    ----------
    origin : number or datetime64
        The value that counts as 0 s.
    unit_s : float
        Seconds in the column's unit; of dates, in a nanosecond.
    """

    origin: Any
    unit_s: float

    def seconds(self, values: np.ndarray) -> np.ndarray:
        """Seconds since the origin, float64; NaN for what is no time.

        The origin is subtracted in the column's own type: float64 cannot hold the nanoseconds since
        1970.
        """
        away = values - self.origin
        if isinstance(self.origin, np.datetime64):
            away = away / np.timedelta64(1, "ns")
        return np.asarray(away, np.float64) * self.unit_s


def seconds(
    column: np.ndarray, name: str, where: str, *, unit: str | None = None,
    clock: Clock | None = None,
) -> tuple[np.ndarray, Clock, str | None]:  # fmt: skip
    """A time column in seconds since its first value.

    Parameters
    ----------
    column : ndarray, shape (n,)
        Numbers, dates, or texts of either.
    name : str
        Of the column; may hold the unit.
    where : str
        For messages.
    unit : str, optional
        What the user said: s, ms, us or ns.
    clock : Clock, optional
        What earlier rows of the same column told.

    Returns
    -------
    time_s : ndarray of float64, shape (n,)
    clock : Clock
    finding : str or None
        Why the unit is what it is, if only the steps told.

    Raises
    ------
    DataError
        If it is no time column, or its unit cannot be told.
    """
    finding = None
    if clock is not None:
        dates = isinstance(clock.origin, np.datetime64)
        values = _dates(column) if dates else _numbers(column)
    else:
        values = _values(column, name, where)
        clock, finding = _learn(values, name, unit, where)
    return clock.seconds(values), clock, finding


def _learn(values: np.ndarray, name: str, unit: str | None, where: str) -> tuple[Clock, str | None]:
    dates = np.issubdtype(values.dtype, np.datetime64)
    known = values[~np.isnat(values) if dates else np.isfinite(values)]
    if dates:
        return Clock(known[0] if len(known) else np.datetime64(0, "ns"), SECONDS["ns"]), None
    origin = known[0] if len(known) else 0
    unit = unit or _unit_in(name)
    if unit is not None:
        return Clock(origin, SECONDS[unit]), None
    steps = np.diff((known - origin).astype(np.float64))
    steps = steps[steps > 0]
    step = float(np.median(steps)) if len(steps) else 0.0
    low, high = STEPS_S
    unit = next((u for u, s in SECONDS.items() if low <= step * s <= high), None)
    if unit is None:
        raise DataError(
            f"{where}: the unit of time in column {name!r} cannot be told (median step {step:g}). "
            "Set dataset.time_unit (--time-unit of har predict) to s, ms, us or ns."
        )
    rate_hz = 1 / (step * SECONDS[unit])
    return Clock(origin, SECONDS[unit]), (
        f"Time is in {unit}: the median step is {step:g}, {rate_hz:.4g} Hz."
    )


def _unit_in(name: str) -> str | None:
    match = NAME.fullmatch(name)
    named = (match["unit"] or "").lower() if match else ""
    return {"sec": "s", "seconds": "s", "µs": "us"}.get(named, named) or None


def _values(column: np.ndarray, name: str, where: str) -> np.ndarray:
    """Numbers, or dates where at least half of the texts are dates and no numbers."""
    if np.issubdtype(column.dtype, np.datetime64):
        return _dates(column)
    numbers = _numbers(column)
    if column.dtype != object or not len(column) or np.isnan(numbers).mean() <= 0.5:
        return numbers
    dates = _dates(column)
    if np.isnat(dates).mean() > 0.5:
        raise DataError(
            f"{where}: column {name!r} is neither a number nor a date, as in {column[0]!r}. "
            "Name the time column in dataset.columns, or give rate_hz."
        )
    return dates


def _numbers(column: np.ndarray) -> np.ndarray:
    if column.dtype != object:
        return column
    import pandas as pd

    return np.asarray(pd.to_numeric(pd.Series(column), errors="coerce"), np.float64)


def _dates(column: np.ndarray) -> np.ndarray:
    """datetime64[ns], UTC; NaT for what is no date."""
    if np.issubdtype(column.dtype, np.datetime64):
        return column.astype("datetime64[ns]")
    import pandas as pd

    moments = pd.to_datetime(pd.Series(column), errors="coerce", format="mixed", utc=True)
    return moments.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
