"""Plain tables: CSV, TSV, semicolons, Parquet; columns named by the user or by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from har.errors import DataError, did_you_mean
from har.ingest import clock
from har.ingest.decimals import numbers
from har.ingest.formats import cells, guess, long_form, sensors
from har.ingest.formats.format import Format, Head, Hints
from har.ingest.formats.headers import LOOKED_AT, Header, listed
from har.ingest.raw import (
    ANOTHER_SENSOR,
    REPEATED_HEADER,
    Convention,
    Finding,
    Gravity,
    Raw,
    Source,
    Unit,
    runs,
)
from har.own_recordings import Columns

# Turns for each person from which on a table of several is taken to be interleaved.
MANY_TURNS = 20


def recognise(head: Head) -> bool:
    return head.data[:4] == b"PAR1" or bool(guess.candidates(head))


def companion(head: Head) -> bool:
    """A table of another sensor."""
    return bool(sensors.triples(head.columns, head.header.units)) and not recognise(head)


def recognise_with(head: Head, columns: Columns) -> bool:
    """Whether a table has the columns that the user named."""
    if head.data[:4] == b"PAR1":
        return True
    return {columns.x, columns.y, columns.z} <= set(head.names)


def read(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    """One recording for each stretch of one subject."""
    whole = None
    if head.data[:4] == b"PAR1":
        whole = cells.parquet(source)
        first = (map(str, column[:LOOKED_AT]) for column in whole.values())
        rows = tuple(zip(*first, strict=True))
        head = replace(head, header=Header(tuple(whole), n_fields=len(whole), rows=rows))
    findings: list[Finding] = []
    linear = hints.table.gravity == "removed"
    columns = hints.columns
    if columns is None:
        columns, why = _told(source, head, linear=linear)
        if whole and columns.time is None:
            typed = [c for c, v in whole.items() if v.dtype.kind in "mM"]
            columns = columns.model_copy(update={"time": typed[0] if len(typed) == 1 else None})
        if why:
            findings.append(Finding("sensor", "info", "fixed", why, source.name))
    sensor = guess.sensor_column(head, columns)
    days = guess.date_column(head, columns.time)
    table, rejected = (whole, {}) if whole else cells.delimited(source, head, columns, sensor, days)
    axes = [columns.x, columns.y, columns.z]
    for wanted in (*axes, columns.time, columns.label, columns.subject):
        if wanted is not None and wanted not in table:
            raise DataError(
                f"{source.name}: no column {wanted!r}{did_you_mean(wanted, table)} "
                f"It has: {listed(head.names)}."
            )
    if days is not None and columns.time is not None:
        table[columns.time] = cells.strings(table[days]) + " " + cells.strings(table[columns.time])
    if sensor is not None:
        table, found = _one_sensor(source, table, sensor, axes, linear=linear)
        findings += found
        if found:
            rejected[ANOTHER_SENSOR] = found[0].count
    acceleration = np.column_stack([numbers(table[a]) for a in axes])
    time_s, learnt = None, None
    if columns.time is not None and len(acceleration):
        unit = dict(zip(head.columns, head.header.units, strict=False)).get(columns.time)
        name = f"{columns.time} ({unit})" if unit else columns.time
        times = _with_comma(table[columns.time], head.header.decimal)
        time_s, learnt, found = seconds(times, name, hints, source.name)
        findings += found
    order = [c for c in head.columns if c in axes]
    if order and order != axes:
        message = f"Columns run {', '.join(order)}: read by name, as x y z."
        findings.append(Finding("axis-order", "info", "fixed", message, source.name))
    if n := rejected.get(REPEATED_HEADER):
        message = f"The header line occurs {n} more times."
        findings.append(Finding("header", "info", "rejected", message, source.name, n))
    label = cells.strings(table[columns.label]) if columns.label else None
    subject = cells.strings(table[columns.subject]) if columns.subject else None
    yield from stretches(
        source, hints, acceleration, time_s=time_s, learnt=learnt, label=label, subject=subject,
        unit=guess.unit(columns, head), rejected=rejected, findings=findings,
    )  # fmt: skip


def _told(source: Source, head: Head, *, linear: bool) -> tuple[Columns, str]:
    """The columns that the header or the values name, and why they are taken."""
    try:
        columns, why = guess.told(head, linear=linear)
    except DataError as e:
        raise DataError(f"{source.name}: {e}") from e
    if columns is None:
        raise DataError(
            f"{source.name}: no columns that are clearly x, y and z; it has {listed(head.names)}. "
            "Name them in dataset.columns."
        )
    return columns, why


def _with_comma(column: np.ndarray, decimal: str) -> np.ndarray:
    """Numbers, where texts are such with a decimal comma."""
    if decimal == "." or column.dtype != object:
        return column
    values = numbers(column, decimal)
    return values if np.isfinite(values).mean() > 0.5 else column


def _one_sensor(
    source: Source, table: dict[str, np.ndarray], sensor: str, axes: list[str], *, linear: bool
) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """The accelerometer's rows of a table in long form, and how many were left out."""
    acceleration = np.column_stack([numbers(table[a]) for a in axes])
    try:
        rows = long_form.select(cells.strings(table[sensor]), sensor, acceleration, linear=linear)
    except DataError as e:
        raise DataError(f"{source.name}: {e}") from e
    if rows is None or rows.keep.all():
        return table, []
    n = int((~rows.keep).sum())
    others = ", ".join(f"{count} of {value}" for value, count in rows.others.items())
    message = f"Rows of {rows.value} in column {sensor!r} are read. Omitted: {others}."
    found = Finding("sensor", "info", "rejected", message, source.name, n)
    return {c: v[rows.keep] for c, v in table.items()}, [found]


def stretches(
    source: Source,
    hints: Hints,
    acceleration: np.ndarray,
    *,
    time_s: np.ndarray | None,
    learnt: clock.Clock | None = None,
    label: np.ndarray | None = None,
    subject: np.ndarray | None = None,
    unit: Unit | None = None,
    convention: Convention | None = None,
    gravity: Gravity | None = None,
    rejected: Mapping[str, int] | None = None,
    findings: list[Finding] | None = None,
    provenance: Mapping[str, Any] | None = None,
    start_time: Any = None,
) -> Iterator[Raw]:
    """`Raw`s of a table: what the user said, over what the format knows, per subject."""
    table, fields = hints.table, source.extra.get("fields", {})
    provenance = dict(provenance or {})
    if table.scale is not None:
        per_g, zero = table.scale
        acceleration, unit = (acceleration - zero) / per_g, "g"
        provenance |= {"counts_per_g": per_g, "zero": zero}
    findings = list(findings or [])
    bounds = [(0, len(acceleration))]
    if subject is not None:
        bounds = runs(subject)
        if len(bounds) > MANY_TURNS * len({str(subject[a]) for a, _ in bounds}):
            order = np.argsort(subject.astype(str), kind="stable")
            acceleration, subject = acceleration[order], subject[order]
            time_s = time_s[order] if time_s is not None else None
            label = label[order] if label is not None else None
            message = (
                f"Rows of different people alternate ({len(bounds)} stretches): each person's are "
                "joined."
            )
            findings.append(Finding("interleaved", "info", "fixed", message, source.name))
            bounds = runs(subject)
    seen: dict[str, int] = {}
    for number, (start, end) in enumerate(bounds):
        who = str(subject[start]) if subject is not None else fields.get("subject", "")
        seen[who] = seen.get(who, 0) + 1
        session = fields.get("session", "")
        if seen[who] > 1:
            session = f"{session}-{seen[who]}"
        notes = []
        if label is not None:
            part = label[start:end]
            for a, b in runs(part):
                if part[a]:
                    notes.append((str(part[a]), a, b))
        elif fields.get("activity"):
            notes = [(fields["activity"], 0, end - start)]
        yield Raw(
            dataset=table.name,
            subject=who,
            session=session,
            placement=fields.get("placement", "") or "unknown",
            acceleration=acceleration[start:end],
            unit=table.unit or unit,
            convention=table.convention or convention,
            gravity=table.gravity or gravity,
            rate_hz=table.rate_hz,
            time_s=time_s[start:end] if time_s is not None else None,
            clock=learnt,
            notes=notes,
            start_time=start_time,
            source=source.name if len(bounds) == 1 else f"{source.name}#{number + 1}",
            rejected=dict(rejected or {}) if number == 0 else {},
            findings=findings if number == 0 else [],
            provenance=dict(provenance),
            autocalibrate=table.autocalibrate,
        )


def seconds(
    column: np.ndarray, name: str, hints: Hints, where: str
) -> tuple[np.ndarray, clock.Clock, list[Finding]]:
    """A time column in seconds, as the user said and as its earlier rows told."""
    unit = hints.table.time_unit
    time_s, learnt, notes = clock.seconds(column, name, where, unit=unit, clock=hints.clock)
    return time_s, learnt, [Finding(n.code, n.severity, "fixed", n.message, where) for n in notes]


def in_parts(head: Head, hints: Hints) -> bool:
    """With times to go by, and one person's rows.

    Points that may set thousands apart are told from the whole column.
    """
    if head.data[:4] == b"PAR1":
        return False
    columns = hints.columns or guess.columns(head)
    if columns is None or columns.time is None or columns.subject is not None:
        return False
    if head.header.decimal == "," and columns.time in head.names:
        at = head.names.index(columns.time)
        if any("." in row[at] for row in head.header.rows if len(row) > at):
            return False
    return guess.sensor_column(head, columns) is None


def rank(head: Head) -> int:
    """Of two files that show one movement, the one with gravity comes first."""
    return int(sensors.says_linear(head.stem))


FORMAT = Format(
    "table", "plain table (CSV, TSV, Parquet)", recognise, read, companion, rank, in_parts
)
