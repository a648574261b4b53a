"""Texts of dates and of times of day, to nanoseconds: one form for a whole column."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from har.errors import DataError

DAY_S, HOUR_S = 86_400.0, 3_600.0

ZONES = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MEZ": 1,
    "MESZ": 2, "EET": 2, "EEST": 3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7,
    "MDT": -6, "PST": -8, "PDT": -7, "JST": 9, "KST": 9,
}  # fmt: skip
"""Hours ahead of UTC."""

_TIME = (
    r"(?P<h>\d{1,2}):(?P<m>\d{2})(:(?P<s>\d{2}))?((?P<point>[.,:_])(?P<f>\d{1,9}))?"
    r"(?P<half>\s?[AaPp]\.?[Mm]\.?)?"
)
_DATE = (
    r"(?P<a>\d{1,4}|[A-Za-z]{3,9})(?P<sep>\. |[-/. ])(?P<b>\d{1,2}|[A-Za-z]{3,9})"
    r"(?P<end>\. |,?[-/. ])(?P<c>\d{1,4})"
)
_ZONE = r"(?P<zone>\s?([+-]\d{2}(:?\d{2})?|[A-Z]{1,4}))?(?P<named>\s?\[[^\]]*\])?"
_STAMP = re.compile(rf"(?:{_DATE}(?P<between>T|_|,?\s))?{_TIME}{_ZONE}")
_TIME_FIRST = re.compile(rf"(?P<clock>{_TIME}{_ZONE}),?\s+(?P<day>{_DATE})")

# 20240501100000, with a fraction or none: a date and a time without signs between.
_RUN_TOGETHER = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[T_ ]?"
    r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:[.,]?\d{0,8})?"
)

SAMPLE = 200
"""Values of a column, spread over it, that tell its form."""


@dataclass(frozen=True)
class Form:
    """How a column of texts is read.

    Parameters
    ----------
    formats : tuple of str
        As strptime's, tried one after the other; none: a time of day.
    edits : tuple of (pattern, replacement)
        Made before.
    turns_s : tuple of float
        What such a clock may jump back by and go on: a day without a date, the hour at the end of
        summer time without an offset from UTC.
    sure : bool
        Whether only one order of day and month is possible.
    """

    formats: tuple[str, ...] = ()
    edits: tuple[tuple[str, str], ...] = ()
    turns_s: tuple[float, ...] = ()
    sure: bool = True

    def read(self, texts: np.ndarray) -> np.ndarray:
        """datetime64[ns], in UTC where the offset is told; NaT for what has another form."""
        import pandas as pd

        column = pd.Series(texts, dtype=object)
        column = column.where(column.isna(), column.astype(str).str.strip())
        for pattern, replacement in self.edits:
            column = column.str.replace(pattern, replacement, regex=True)
        if not self.formats:
            span = pd.to_timedelta(column, errors="coerce").to_numpy().astype("timedelta64[ns]")
            return np.datetime64(0, "ns") + span
        out = np.full(len(column), np.datetime64("NaT", "ns"))
        for form in self.formats:
            left = np.flatnonzero(np.isnat(out) & column.notna().to_numpy())
            if not len(left):
                break
            read = pd.to_datetime(column.iloc[left], errors="coerce", format=form, utc=True)
            out[left] = read.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        return out


def run_together(column: np.ndarray) -> Form | None:
    """The form of stamps such as 20240501100000.020, be they texts or numbers."""
    some = [str(v).strip() for v in column[:: max(1, len(column) // SAMPLE)]]
    if not some or not all(map(_RUN_TOGETHER.fullmatch, some)):
        return None
    point = (r"^(\d{8})[T_ ]?(\d{6})[.,]?(\d*)$", r"\1\2.\g<3>0")
    return Form(("%Y%m%d%H%M%S.%f",), (point,), (HOUR_S,))


def is_stamp(text: str) -> bool:
    """Whether a text is a time of day, with a date or without."""
    return bool(_STAMP.fullmatch(text) or _TIME_FIRST.fullmatch(text))


def is_apart(days: str, times: str) -> bool:
    """Whether one text is a date alone and another a time of day."""
    return bool(re.fullmatch(_DATE, days) and re.fullmatch(_TIME + _ZONE, times))


def learn(texts: np.ndarray, where: str) -> tuple[Form, np.ndarray]:
    """The form of a column, and its values.

    Of the orders of day, month and year, the column has the one under which most of it is a date
    and time goes the shortest way.

    Parameters
    ----------
    texts : ndarray of object, shape (n,)
    where : str
        For messages: the file and the column.

    Raises
    ------
    DataError
        If fractions of seconds, or the seconds, were cut off.
    """
    some = [str(t).strip() for t in texts if isinstance(t, str) or (t == t and t is not None)]
    some = some[:: max(1, len(some) // SAMPLE)]
    turned: tuple[tuple[str, str], ...] = ()
    if sum(bool(_TIME_FIRST.fullmatch(t)) for t in some) > len(some) / 2:
        turned = ((_TIME_FIRST.pattern, r"\g<day> \g<clock>"),)
        some = [re.sub(*turned[0], t) for t in some]
    matches = [m for t in some if (m := _STAMP.fullmatch(t))]
    if len(matches) <= len(some) / 2:
        form = Form(("mixed",))
        if any(re.search(r"[A-Za-z:/]|\d{4}-", t) for t in some):
            return form, form.read(texts)
        return form, np.full(len(texts), np.datetime64("NaT", "ns"))
    _refuse_cut(matches, where)
    choices = [replace(form, edits=turned + form.edits) for form in _choices(matches)]
    read = [form.read(texts) for form in choices]
    if len(choices) == 1:
        return choices[0], read[0]
    ways = [_way(values) for values in read]
    best = min(range(len(ways)), key=ways.__getitem__)
    return replace(choices[best], sure=ways.count(ways[best]) == 1), read[best]


def _refuse_cut(matches: list[re.Match[str]], where: str) -> None:
    shown = matches[0][0][:40]
    if any(m["s"] for m in matches):
        return
    if all(m["f"] and len(m["f"]) == 1 and not m["a"] for m in matches):
        raise DataError(
            f"{where}: times such as {shown} are what Excel leaves of a time that it shows as "
            "mm:ss.0: hours and thousandths of a second are lost. Use the file from before Excel, "
            "or format the column as hh:mm:ss.000 there and save it again."
        )
    if any(m["f"] is None for m in matches):
        raise DataError(
            f"{where}: times such as {shown} have no seconds: many samples share each minute. "
            "Export them with fractions of seconds, or leave the time column out of "
            "dataset.columns and set dataset.rate_hz."
        )


def _choices(matches: list[re.Match[str]]) -> list[Form]:
    """The forms that the sampled texts may have; the likeliest first."""
    first = matches[0]
    half = any(m["half"] for m in matches)
    zone = any(m["zone"] for m in matches)
    edits: list[tuple[str, str]] = []
    if any(m["named"] for m in matches):
        edits.append((r"\s?\[[^\]]*\]$", ""))
    words = {m["zone"].strip() for m in matches if m["zone"]} - {"Z"}
    words = {w for w in words if w.isalpha()}
    if words:
        edits += [(rf"\s?\b{w}$", f"{h:+03d}:00") for w, h in ZONES.items() if w != "Z"]
    if zone:
        edits += [(r"\s+([+-]\d{2}:?\d*)$", r"\1"), (r"(:\d{2}(?:[.,:_]\d+)?[+-]\d{2})$", r"\1:00")]
    if any(m["point"] not in (None, ".") for m in matches):
        edits.append((r"(\d:\d{2}:\d{2})[,:_](\d)", r"\1.\2"))
    if half:
        edits.append((r"\s?([AaPp])\.?([Mm])\.?", r" \1\2"))
    if first["a"] is None:
        return [_of_day(matches, half, edits)]
    turns = () if zone else (HOUR_S,)
    clocks = ["%I:%M:%S.%f %p", "%I:%M:%S %p"] if half else ["%H:%M:%S.%f", "%H:%M:%S", "%H:%M"]
    sep, end, between = first["sep"], first["end"], first["between"]
    a, b, c = first["a"], first["b"], first["c"]
    if sep == end == "-" and len(a) == 4 and len(b) == len(c) == 2 and between in "T " and not half:
        return [Form(("ISO8601",), tuple(edits), turns)]
    year = "%Y" if any(len(m["c"]) == 4 for m in matches) else "%y"
    if a.isalpha():
        orders = [("%B" if len(a) > 3 else "%b", "%d", year)]
    elif b.isalpha():
        orders = [("%d", "%B" if len(b) > 3 else "%b", year)]
    elif len(a) == 4:
        orders = [("%Y", "%m", "%d")]
    else:
        orders = [("%d", "%m", year), ("%m", "%d", year)]
        if sep == "/":
            orders.reverse()
        if year == "%y":
            orders.append(("%y", "%m", "%d"))
    ends = ("%z", "") if zone else ("",)
    return [
        Form(
            tuple(f"{x}{sep}{y}{end}{z}{between}{t}{u}" for t in clocks for u in ends),
            tuple(edits), turns,
        )
        for x, y, z in orders
    ]  # fmt: skip


def _of_day(matches: list[re.Match[str]], half: bool, edits: list[tuple[str, str]]) -> Form:
    edits.append((r"[+-]\d{2}:?\d{2}$", ""))
    if half:
        return Form(("%I:%M:%S.%f %p", "%I:%M:%S %p"), tuple(edits), (DAY_S,))
    if not any(m["s"] for m in matches):  # minutes and seconds
        return Form((), (*edits, (r"^", "00:")), (HOUR_S,))
    twelve = all(1 <= int(m["h"]) <= 12 for m in matches)
    return Form((), tuple(edits), (DAY_S, DAY_S / 2) if twelve else (DAY_S,))


def _way(values: np.ndarray) -> tuple[int, float]:
    """How many are no dates; and how far time goes, to and fro, in seconds."""
    known = values[~np.isnat(values)]
    steps = np.abs(np.diff(known) / np.timedelta64(1, "s"))
    return len(values) - len(known), round(float(steps.sum()), 3)
