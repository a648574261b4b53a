"""A time column in seconds: numbers or dates, their unit, and the value that counts as zero."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from har.errors import DataError
from har.ingest import dates, time_columns
from har.ingest.decimals import numbers

SECONDS = {
    "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "10ms": 1e-2, "10us": 1e-5, "100ns": 1e-7,
}  # fmt: skip
"""In a unit of time; the last three are ticks of some devices and of Windows."""

COMMON = ("s", "ms", "us", "ns")

OF_SPREADSHEETS = {**SECONDS, "days": dates.DAY_S}
"""With the unit in which Excel and MATLAB store a moment."""
GUESSED = (*COMMON, "days")
"""Units that a sensor's rate may tell; ticks must be said, or be stamps since a known day."""

RATES_HZ = (3.0, 2000.0)
"""What sensors run at: no two units of time can both give such a rate."""

EPOCH_S = (946_684_800.0, 4_102_444_800.0)
"""Seconds since 1970 from 2000 to 2100: the size of such a stamp tells its unit."""

WINDOWS = {"1601 (FILETIME)": 11_644_473_600.0, "the year 1 (.NET)": 62_135_596_800.0}
"""Seconds before 1970 at which Windows begins to count ticks of 100 ns."""

LONG_S = 1e8
"""No clock that is not set runs so long: three years."""

USUAL_HZ = (10.0, 250.0)
"""Outside of it a rate that was guessed may be that of other ticks."""

COUNTERS = (2.0**16, 2.0**24, 2.0**32)
"""Where unsigned counters of devices begin again."""


class Note(NamedTuple):
    """What is to be said of a time column."""

    code: str
    severity: Literal["info", "warning"]
    message: str


@dataclass(frozen=True)
class Clock:
    """How a time column is read; learnt from some of its rows, it holds for those after them.

    Parameters
    ----------
    origin : number or datetime64
        The value that counts as 0 s.
    unit_s : float
        Seconds in the column's unit; of dates, in a nanosecond.
    form : Form, optional
        Of dates that are texts.
    turns_s : tuple of float
        What the clock jumps back by where it begins again: the size of a counter, a day.
    limit_s : float
        The longest step that it is supposed to make as it does.
    last_s, turned_s : float
        The row before, as it stands there, and what has been added to it.
    """

    origin: Any
    unit_s: float
    form: dates.Form | None = None
    turns_s: tuple[float, ...] = ()
    limit_s: float = 0.0
    last_s: float | None = field(default=None, compare=False)
    turned_s: float = field(default=0.0, compare=False)

    def seconds(self, values: np.ndarray) -> np.ndarray:
        """Seconds since the origin, float64; NaN for what is no time.

        The origin is subtracted in the column's own type: float64 cannot hold the nanoseconds since
        1970.
        """
        away = values - self.origin
        if isinstance(self.origin, np.datetime64):
            away = away / np.timedelta64(1, "ns")
        return np.asarray(away, np.float64) * self.unit_s

    def unwrap(self, time_s: np.ndarray) -> tuple[np.ndarray, Clock, np.ndarray]:
        """Times that go on where the clock begins again, the clock after them, and those rows."""
        known = np.flatnonzero(np.isfinite(time_s))
        if not self.turns_s or not len(known):
            return time_s, self, known[:0]
        t = time_s[known]
        steps = np.diff(t, prepend=t[0] if self.last_s is None else self.last_s)
        added = np.zeros(len(t))
        for turn_s in self.turns_s:
            limit_s = turn_s / 2 if turn_s == dates.DAY_S else self.limit_s
            if limit_s <= turn_s / 2:
                added[(steps + turn_s >= 0) & (steps + turn_s <= limit_s)] = turn_s
        for turn_s in np.unique(added[added > 0]):  # a row out of order may be from before
            before = (steps - turn_s <= 0) & (steps - turn_s >= -self.limit_s)
            added[before & (np.cumsum(added) > 0)] = -turn_s
        turned_s = self.turned_s + np.cumsum(added)
        out = time_s.copy()
        out[known] = t + turned_s
        after = replace(self, last_s=float(t[-1]), turned_s=float(turned_s[-1]))
        return out, after, known[added > 0]


def seconds(
    column: np.ndarray, name: str, where: str, *, unit: str | None = None,
    clock: Clock | None = None,
) -> tuple[np.ndarray, Clock, list[Note]]:  # fmt: skip
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
        What the rows before these told.

    Returns
    -------
    time_s : ndarray of float64, shape (n,)
    clock : Clock
        For the rows after these.
    notes : list of Note
        Why the unit is what it is, and where the clock begins again.

    Raises
    ------
    DataError
        If it is no time column, or its unit cannot be told.
    """
    notes: list[Note] = []
    if clock is None:
        values, clock, notes = _learn(column, name, unit, where)
    elif clock.form is not None:
        values = clock.form.read(column)
    else:
        values = (
            column.astype("datetime64[ns]")
            if isinstance(clock.origin, np.datetime64)
            else _numbers(column)
        )
    time_s, clock, turns = clock.unwrap(clock.seconds(values))
    if len(turns):
        notes.append(Note(
            "clock-turns", "info",
            f"The clock in column {name!r} restarts {len(turns)} times, first in row "
            f"{int(turns[0]) + 1}: later times are shifted to continue from there.",
        ))  # fmt: skip
    return time_s, clock, notes


def _learn(
    column: np.ndarray, name: str, unit: str | None, where: str
) -> tuple[np.ndarray, Clock, list[Note]]:
    if np.issubdtype(column.dtype, np.timedelta64):
        column, unit = column.astype("timedelta64[ns]") / np.timedelta64(1, "ns"), "ns"
    values, form = values_of(column, name, where)
    notes: list[Note] = []
    if np.issubdtype(values.dtype, np.datetime64):
        known = values[~np.isnat(values)]
        clock = Clock(known[0] if len(known) else np.datetime64(0, "ns"), SECONDS["ns"], form)
        if form is not None and not form.sure:
            notes.append(Note(
                "date-order", "info",
                f"Dates in column {name!r} can be read with the day or the month first: "
                "the intervals between samples are the same.",
            ))  # fmt: skip
        turns_s = form.turns_s if form else (dates.HOUR_S,)
    else:
        known = values[np.isfinite(values)]
        origin = known[0] if len(known) else 0
        unit = unit or time_columns.unit_in(name)
        if unit is None:
            unit, note = _tell_unit(known, name, where)
            notes.append(note)
        clock = Clock(origin, OF_SPREADSHEETS[unit])
        turns_s = tuple(c * clock.unit_s for c in COUNTERS if _may_count(known, c))
    limit_s = _step(clock.seconds(known))[1] if turns_s else 0.0  # of use where it may turn
    return values, replace(clock, turns_s=turns_s, limit_s=limit_s), notes


def _may_count(values: np.ndarray, size: float) -> bool:
    """Whether all are values of a counter of that many, without a sign or with one."""
    if not len(values):
        return False
    low, high = values.min(), values.max()
    if not (low >= 0 and high < size) and not (-size / 2 <= low and high < size / 2):
        return False
    return not (values % 1).any()


def _step(time: np.ndarray) -> tuple[float, float]:
    """The mean step, of repeated stamps too, without restarts and gaps; and the longest such step.

    A gap is what is much longer than all but a hundredth of the steps from one stamp to the next.
    """
    steps = np.diff(time)
    steps = steps[steps >= 0]
    if not (steps > 0).any():
        return 0.0, 0.0
    longest = 5 * float(np.quantile(steps[steps > 0], 0.99))
    mean = float(np.minimum(steps, longest).mean())
    return mean, max(longest, 20 * mean)


def _tell_unit(known: np.ndarray, name: str, where: str) -> tuple[str, Note]:
    """By the size of a stamp since 1970, else by the rates that sensors have."""
    step, _ = _step((known - known[0]).astype(np.float64) if len(known) else known)
    rates = {u: 1 / (step * s) for u, s in OF_SPREADSHEETS.items()} if step else {}
    low, high = RATES_HZ
    likely = next((u for u in GUESSED if low <= rates.get(u, 0) <= high), None)
    if (since := _since_windows(known)) is not None:
        return "100ns", Note("time-unit", "info", f"Time is in ticks of 100 ns since {since}.")
    epoch = epoch_unit(known)
    if likely and epoch and epoch not in COMMON:
        if float(known[0]) * OF_SPREADSHEETS[likely] > LONG_S:
            likely = epoch
        else:
            epoch = None
    if epoch is not None:
        per_second = round(1 / SECONDS[epoch])
        if likely in (None, epoch) or (known % per_second == 0).all():
            start = np.datetime64(round(float(known[0]) * SECONDS[epoch]), "s")
            return epoch, Note("time-unit", "info", f"Time is in {epoch} since 1970: from {start}.")
        return likely, Note(
            "time-unit", "warning",
            f"Time is in {likely}, {rates[likely]:.4g} Hz. The size of the timestamps would also "
            f"allow {epoch} since 1970, but at {rates[epoch]:.3g} Hz.",
        )  # fmt: skip
    counts = len(known) > 2 and bool((np.diff(known) == 1).all())
    if likely is None or counts:
        what = "it counts the rows" if counts else f"mean step {step:g}"
        raise DataError(
            f"{where}: the unit of time in column {name!r} cannot be inferred ({what}). Set "
            f"dataset.time_unit (--time-unit of har predict) to {', '.join(SECONDS)}, or leave the "
            "column out of dataset.columns and set dataset.rate_hz."
        )
    said = f"Time is in {likely}: {len(known)} samples at {step:.4g} each, {rates[likely]:.4g} Hz."
    low, high = USUAL_HZ
    ticks = [u for u in SECONDS if u not in COMMON and low < rates[u] < high]
    if ticks and not low < rates[likely] < high:
        said += (
            f" If it counts ticks of {ticks[0]}, it is {rates[ticks[0]]:.4g} Hz: set "
            f"dataset.time_unit to {ticks[0]}."
        )
        return likely, Note("time-unit", "warning", said)
    return likely, Note("time-unit", "info", said)


def _since_windows(known: np.ndarray) -> str | None:
    """From where Windows counts, if the size of the stamps says that it does."""
    low, high = EPOCH_S
    for name, before_s in WINDOWS.items():
        if len(known) and all(low <= float(v) * 1e-7 - before_s <= high for v in known[[0, -1]]):
            return name
    return None


def epoch_unit(known: np.ndarray) -> str | None:
    """The unit in which numbers are stamps since 1970, by their size; None: in none."""
    ends = [float(v) for v in (*known[:1], *known[-1:])]
    low, high = EPOCH_S
    fit = (u for u, s in SECONDS.items() if ends and all(low <= v * s <= high for v in ends))
    return next(fit, None)


def values_of(column: np.ndarray, name: str, where: str) -> tuple[np.ndarray, dates.Form | None]:
    """Numbers, or dates where at least half of the texts are dates and no numbers."""
    if np.issubdtype(column.dtype, np.datetime64):
        return column.astype("datetime64[ns]"), None
    if (form := dates.run_together(column)) is not None:
        return form.read(column), form
    some = _numbers(column[:: max(1, len(column) // dates.SAMPLE)])
    if column.dtype != object or not len(column) or np.isnan(some).mean() <= 0.5:
        return _numbers(column), None
    form, values = dates.learn(column, f"{where}: column {name!r}")
    if np.isnat(values).mean() > 0.5:
        raise DataError(
            f"{where}: column {name!r} is neither a number nor a date, for "
            f"example {str(column[0])[:40]!r}. "
            "Name the column of times (dataset.columns, dataset.labels.columns)."
        )
    return values, form


def _numbers(column: np.ndarray) -> np.ndarray:
    """As they are: float64 cannot hold the nanoseconds since 1970."""
    if column.dtype.kind == "b":
        return column.astype(np.float64)
    if column.dtype != object:
        return column
    values = numbers(column)
    return values if np.isnan(values).mean() <= 0.5 else numbers(column, ",")
