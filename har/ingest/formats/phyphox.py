"""phyphox: `"Time (s)","Acceleration x (m/s^2)",…`, comma, tab or semicolon, point or comma.

`Linear Acceleration x …` (or `X (m/s^2)` in a file called linear) has gravity removed; otherwise it
is present. Times may begin below zero. `meta/device.csv` and `meta/time.csv` lie beside it.

Sign: phyphox multiplies Core Motion's values by −9.81 on iOS [1]_, so that its exports have
Android's sign on both platforms. They are not negated. `convention: ios` in the pipeline file is
there for exports that were made otherwise.

References
----------
.. [1] https://github.com/phyphox/phyphox-ios, ExperimentSensorInput.swift: `let kG = -9.81`, in
   the accelerometer, the linear acceleration and the gravity branch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from har.ingest.decimals import numbers
from har.ingest.formats import cells, tables
from har.ingest.formats.format import Format, Head, Hints, beside, small_table
from har.ingest.raw import Gravity, Raw, Source

_AXIS = re.compile(r"(?:(.*accel\w*)\s+)?([xyz])\s*\(m/s(?:\^2|²|2)\)", re.IGNORECASE)
_OTHERS = re.compile(r"\b(gyroscope|magnet|rad/s|µT|uT|hPa|lx)\b", re.IGNORECASE)


def _axes(head: Head) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in head.columns:
        if match := _AXIS.fullmatch(column):
            found.setdefault(match[2].lower(), column)
    return found


def recognise(head: Head) -> bool:
    return "Time (s)" in head.columns and len(_axes(head)) == 3


def companion(head: Head) -> bool:
    """`meta/*.csv` and the files of other sensors."""
    columns = set(head.columns)
    if columns in ({"property", "value"},) or {"event", "experiment time"} <= columns:
        return True
    if head.name.split("/")[-2:-1] == ["meta"]:
        return True
    return "Time (s)" in columns and not recognise(head)


def removed(head: Head) -> bool:
    """Whether gravity was taken out, by the header or (where that says nothing) the name."""
    x = _axes(head)["x"].lower()
    return "linear" in x or ("accel" not in x and "linear" in head.stem.lower())


def rank(head: Head) -> int:
    return int(removed(head))


def read(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    axes = _axes(head)
    wanted = ["Time (s)", axes["x"], axes["y"], axes["z"]]
    columns, rejected = cells.columns_of(source, head, dict.fromkeys(wanted, "float64"))
    gravity: Gravity = "removed" if removed(head) else "present"
    device = {r.get("property", ""): r.get("value", "") for r in small_table(
        beside(source, "meta/device.csv")
    )}  # fmt: skip
    provenance = {"recorder": "phyphox"}
    if model := device.get("deviceModel"):
        provenance["device"] = model
    yield from tables.stretches(
        source, hints, np.column_stack([columns[c] for c in wanted[1:]]),
        time_s=numbers(columns["Time (s)"]), unit="m/s2", convention="android",
        gravity=gravity, rejected=rejected,
        provenance=provenance, start_time=_started(source),
    )  # fmt: skip


def _started(source: Source) -> datetime | None:
    for row in small_table(beside(source, "meta/time.csv")):
        if row.get("event") == "START":
            try:
                return datetime.fromtimestamp(float(row["system time"]), UTC)
            except (KeyError, ValueError):
                return None
    return None


FORMAT = Format(
    "phyphox", "phyphox", recognise, read, companion, rank, in_parts=lambda _head, _hints: True
)
