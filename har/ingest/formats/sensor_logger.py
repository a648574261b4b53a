"""Sensor Logger (Android and iOS): a folder or zip of `time,seconds_elapsed,z,y,x` files.

Note the order of the columns: z, y, x. All its motion files look alike, so that the name tells
which is which: `TotalAcceleration.csv` (m/s², Android only), `Accelerometer.csv` (m/s², gravity
removed),
`AccelerometerUncalibrated.csv` (with gravity; g on iOS, m/s² on Android). `Metadata.csv` names the
platform; an iOS export that was not standardised has the opposite sign, all axes, all files [1]_.
Where there is only `Accelerometer.csv` with `Gravity.csv` (iOS), the two are added.

`Annotation.csv` marks instants; each text labels what follows it, up to the next.

References
----------
.. [1] https://github.com/tszheichoi/awesome-sensor-logger, UNITS.md and CROSSPLATFORM.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from har.errors import DataError
from har.ingest import clock, content, text
from har.ingest.decimals import numbers
from har.ingest.formats import cells, sensors, tables
from har.ingest.formats.format import Format, Head, Hints, beside, small_table
from har.ingest.raw import Convention, Finding, Gravity, Raw, Source, Unit

KINDS: dict[str, tuple[int, Gravity]] = {
    "totalacceleration": (0, "present"),
    "accelerometeruncalibrated": (1, "present"),
    "accelerometer": (2, "removed"),
}
OTHERS = {
    "gyroscope", "gyroscopeuncalibrated", "gravity", "magnetometer", "magnetometeruncalibrated",
    "orientation", "barometer", "compass", "annotation", "metadata", "location", "pedometer",
    "activity", "battery", "brightness", "light", "microphone", "network", "heartrate",
}  # fmt: skip
# iPhones give apps at most 100 samples a second.
IPHONE_MAX_HZ = 110


def _kind(head: Head) -> str:
    return head.stem.lower().replace(" ", "").replace("_", "")


def recognise(head: Head) -> bool:
    columns = {c.lower() for c in head.columns}
    other = sensors.kind_of_path(head.stem, "") == sensors.OTHER or _kind(head) in OTHERS
    return {"time", "seconds_elapsed", "x", "y", "z"} <= columns and not other


def companion(head: Head) -> bool:
    columns = {c.lower() for c in head.columns}
    return (
        ("seconds_elapsed" in columns and "time" in columns and not recognise(head))
        or {"platform", "device name"} <= columns
        or {"platform", "appversion"} <= columns
    )


def rank(head: Head) -> int:
    return KINDS.get(_kind(head), (3, "present"))[0]


def in_parts(head: Head, hints: Hints) -> bool:
    """Unless the whole of `Gravity.csv` may have to be added."""
    gravity = KINDS.get(_kind(head), (0, "present"))[1]
    return gravity == "present" or hints.table.gravity == "removed"


def read(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    names = {c.lower(): c for c in head.columns}
    axes = [names[a] for a in "xyz"]
    wanted = {names["time"]: "", **dict.fromkeys([names["seconds_elapsed"], *axes], "float64")}
    columns, rejected = cells.columns_of(source, head, wanted)
    acceleration = np.column_stack([columns[a] for a in axes])
    time_s = numbers(columns[names["seconds_elapsed"]])
    kind = _kind(head)
    gravity: Gravity | None = KINDS[kind][1] if kind in KINDS else None
    findings, provenance = [], {"recorder": "Sensor Logger"}
    if gravity == "removed" and hints.table.gravity != "removed":
        vector = _gravity(source, time_s)
        if vector is not None:
            acceleration, gravity = acceleration + vector, "present"
            provenance["sum"] = "Accelerometer + Gravity"
    if [c.lower() for c in head.columns if c.lower() in "xyz"] != ["x", "y", "z"]:
        order = " ".join(c for c in head.columns if c.lower() in "xyz")
        message = f"Columns run {order}: read by name, as x y z."
        findings.append(Finding("axis-order", "info", "fixed", message, source.name))
    convention, unit, note = _platform(source, kind, time_s)
    if note:
        findings.append(note)
    label, found = _annotations(source, time_s)
    findings += found
    yield from tables.stretches(
        source, hints, acceleration, time_s=time_s, label=label, unit=unit, convention=convention,
        gravity=gravity, rejected=rejected, findings=findings, provenance=provenance,
        start_time=_started(columns[names["time"]], time_s),
    )  # fmt: skip


def _started(epoch_ns: np.ndarray, time_s: np.ndarray) -> datetime | None:
    """When 0 s was, by the stamps beside the first of them."""
    stamps = numbers(epoch_ns[:1])
    if not len(stamps) or clock.epoch_unit(stamps) != "ns" or not np.isfinite(time_s[0]):
        return None
    return datetime.fromtimestamp(float(stamps[0]) * 1e-9 - float(time_s[0]), UTC)


def _platform(
    source: Source, kind: str, time_s: np.ndarray
) -> tuple[Convention | None, Unit | None, Finding | None]:
    rows = small_table(beside(source, "Metadata.csv"))
    metadata = {k.lower(): v for k, v in rows[0].items()} if rows else {}
    platform = metadata.get("platform", "").lower()
    standard = metadata.get("standardisation", "").lower() == "true"
    unit: Unit | None = "m/s2" if kind != "accelerometeruncalibrated" else None
    if platform == "ios":
        if kind == "accelerometeruncalibrated":
            unit = "m/s2" if standard else "g"
        return ("android" if standard else "ios"), unit, None
    if platform == "android":
        return "android", "m/s2", None
    steps = np.diff(time_s[np.isfinite(time_s)])
    rate = 1 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 0.0
    if rate > IPHONE_MAX_HZ:
        message = (
            f"No Metadata.csv, but {rate:.0f} Hz is more than an iPhone gives: Android's sign."
        )
        return "android", unit, Finding("convention", "info", "fixed", message, source.name)
    return None, unit, None


def _gravity(source: Source, time_s: np.ndarray) -> np.ndarray | None:
    """`Gravity.csv` at the times of the accelerometer; iOS writes both from one event.

    Gravity turns slowly, so that it may be interpolated where the times differ a little. Outside
    its own times it is NaN, and those samples are rejected.
    """
    beside_it = beside(source, "Gravity.csv")
    try:
        columns, _ = text.read_columns(
            content.read_bytes(beside_it),
            include=["seconds_elapsed", "x", "y", "z"],
            types=dict.fromkeys(["seconds_elapsed", "x", "y", "z"], "float64"),
            where=beside_it.name,
        )
    except (DataError, FileNotFoundError):
        return None
    t = columns["seconds_elapsed"]
    good = np.isfinite(t) & np.isfinite(columns["x"] + columns["y"] + columns["z"])
    order = np.argsort(t[good], kind="stable")
    if len(order) < 2:
        return None
    return np.column_stack(
        [
            np.interp(time_s, t[good][order], columns[a][good][order], left=np.nan, right=np.nan)
            for a in "xyz"
        ]
    )


def _annotations(source: Source, time_s: np.ndarray) -> tuple[np.ndarray | None, list[Finding]]:
    rows = small_table(beside(source, "Annotation.csv"))
    marks = []
    for row in rows:
        try:
            marks.append((float(row["seconds_elapsed"]), row.get("text", "").strip()))
        except (KeyError, ValueError):
            continue
    if not marks:
        return None, []
    marks.sort()
    texts = np.array(["", *(t for _, t in marks)], dtype=object)
    which = np.searchsorted([t for t, _ in marks], time_s, side="right")
    message = f"{len(marks)} marks of Annotation.csv: each labels what follows, up to the next."
    return texts[which], [Finding("annotations", "info", "none", message, source.name, len(marks))]


# The Apple Watch's file ---------------------------------------------------------------------------

_WRIST = tuple(f"{part}{axis}" for part in ("acceleration", "gravity") for axis in "XYZ")


def is_wrist(head: Head) -> bool:
    return {"time", "seconds_elapsed", *_WRIST} <= set(head.columns)


def read_wrist(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    """`WristMotion.csv`: acceleration and gravity apart, in g and iOS's sign, or standardised."""
    wanted = dict.fromkeys(["seconds_elapsed", *_WRIST], "float64")
    columns, rejected = cells.columns_of(source, head, wanted)
    values = np.column_stack([columns[c] for c in _WRIST])
    removed = hints.table.gravity == "removed"
    rows = small_table(beside(source, "Metadata.csv"))
    standard = bool(rows) and any(
        k.lower() == "standardisation" and v.lower() == "true" for k, v in rows[0].items()
    )
    for raw in tables.stretches(
        source, hints, values[:, :3] if removed else values[:, :3] + values[:, 3:],
        time_s=columns["seconds_elapsed"], unit="m/s2" if standard else "g",
        convention="android" if standard else "ios", gravity="removed" if removed else "present",
        rejected=rejected,
        provenance={"recorder": "Sensor Logger", "sum": "acceleration + gravity"},
    ):  # fmt: skip
        if raw.placement == "unknown":
            raw.placement = "wrist"
        yield raw


FORMATS = (
    Format(
        "sensor-logger-watch",
        "Sensor Logger, Apple Watch",
        is_wrist,
        read_wrist,
        in_parts=lambda _head, _hints: True,
    ),
    Format("sensor-logger", "Sensor Logger", recognise, read, companion, rank, in_parts),
)
