"""Which files of a folder show one movement, and which are recordings of their own.

Loggers write one file for each sensor: with gravity, without it, uncalibrated. Such files are views
of one movement if their names differ by the sensor alone and their times coincide. Two exports of
one app that lie in one folder are two recordings.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from har.ingest import content, time_columns
from har.ingest.formats.format import Head, decode
from har.ingest.raw import Source

COINCIDE = 0.9
"""Views of one movement share this part of the time from the first sample to the last."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_OF_SENSORS = {
    "acc", "accel", "acceleration", "accelerometer", "accelerometre", "beschleunigung", "total",
    "linear", "lin", "user", "raw", "data", "uncalibrated", "calibrated", "gravity", "grav", "with",
    "without", "no", "g", "sensor", "motion", "device",
}  # fmt: skip


class View(NamedTuple):
    """What of a file tells whether it shows a movement that others of its folder show.

    Parameters
    ----------
    source : Source
    name, stem : str
        Inside its folder or archive, with and without the suffix.
    rank : int
        Of the views of one movement, the lowest is read.
    column : int or None
        The place of the times in a line.
    first : float or None
        The first of them, in their own unit.
    """

    source: Source
    name: str
    stem: str
    rank: int
    column: int | None
    first: float | None


def view(source: Source, head: Head, rank: int) -> View:
    """A file as a view of some movement."""
    name = time_columns.column(head.names)
    column = None if name is None else head.names.index(name)
    first = None if column is None else _time(decode(head.data).splitlines(), column)
    return View(source, head.name, head.stem, rank, column, first)


def movements(views: Iterable[View]) -> list[list[View]]:
    """Files of one format and folder, those of one movement together."""
    named: dict[tuple[str, ...], list[View]] = defaultdict(list)
    for one in views:
        named[_name(one.stem)].append(one)
    groups: list[list[View]] = []
    for same in named.values():
        if len(same) == 1:
            groups.append(same)
            continue
        spans: list[tuple[float, float] | None] = []
        mine: list[list[View]] = []
        for one in same:
            span = _span(one)
            near = next((i for i, other in enumerate(spans) if _coincide(span, other)), None)
            if near is None:
                spans.append(span)
                mine.append([one])
            else:
                mine[near].append(one)
        groups += mine
    return groups


def _name(stem: str) -> tuple[str, ...]:
    """What a file's name says besides the sensor."""
    words = (w.lower() for w in _WORD.findall(stem))
    return tuple(w for w in words if w not in _OF_SENSORS)


def _span(one: View) -> tuple[float, float] | None:
    """The first and the last value of the time column, in its own unit."""
    if one.column is None or one.first is None:
        return None
    last = _time(reversed(decode(content.tail(one.source)).splitlines()), one.column)
    return None if last is None else (one.first, last)


def _time(lines: Iterable[str], at: int) -> float | None:
    """The first number in a column."""
    for line in lines:
        delimiter = max(",;\t", key=line.count)
        for row in csv.reader([line], delimiter=delimiter):
            try:
                return float(row[at] if delimiter == "," else row[at].replace(",", "."))
            except (IndexError, ValueError):
                continue
    return None


def _coincide(a: tuple[float, float] | None, b: tuple[float, float] | None) -> bool:
    if a is None or b is None:  # only the names tell
        return a is b
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared >= COINCIDE * (max(a[1], b[1]) - min(a[0], b[0]))
