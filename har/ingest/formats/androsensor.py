"""AndroSensor (Android): one wide table, `ACCELEROMETER X (m/s²)`, …, `Time since start in ms`.

The `²` is often damaged by an encoding on the way; the header is matched without it. `LINEAR
ACCELERATION` is read only where the table has no accelerometer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from har.ingest.decimals import numbers
from har.ingest.formats import cells, tables
from har.ingest.formats.format import Format, Head, Hints
from har.ingest.raw import Gravity, Raw, Source

_ACCELEROMETER = re.compile(r"ACCELEROMETER ([XYZ])\b.*", re.IGNORECASE)
_LINEAR = re.compile(r"LINEAR ACCELERATION ([XYZ])\b.*", re.IGNORECASE)
_TIME = re.compile(r"time since start.*\bms\b.*", re.IGNORECASE)


def _axes(head: Head, pattern: re.Pattern[str]) -> list[str]:
    found = {m[1].lower(): c for c in head.columns if (m := pattern.fullmatch(c))}
    return [found[a] for a in "xyz"] if len(found) == 3 else []


def _time(head: Head) -> str | None:
    return next((c for c in head.columns if _TIME.fullmatch(c)), None)


def recognise(head: Head) -> bool:
    return _time(head) is not None and bool(_axes(head, _ACCELEROMETER) or _axes(head, _LINEAR))


def read(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    axes = [] if hints.table.gravity == "removed" else _axes(head, _ACCELEROMETER)
    gravity: Gravity = "present" if axes else "removed"
    axes = axes or _axes(head, _LINEAR) or _axes(head, _ACCELEROMETER)
    time = _time(head)
    assert time is not None
    columns, rejected = cells.columns_of(source, head, dict.fromkeys([time, *axes], "float64"))
    yield from tables.stretches(
        source, hints, np.column_stack([columns[a] for a in axes]),
        time_s=numbers(columns[time]) / 1000, unit="m/s2", convention="android",
        gravity=gravity, rejected=rejected,
        provenance={"recorder": "AndroSensor"},
    )  # fmt: skip


FORMAT = Format("androsensor", "AndroSensor", recognise, read, in_parts=lambda _head, _hints: True)
