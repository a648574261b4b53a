"""Plain tables: CSV, TSV, semicolons, Parquet; columns named by the user or by their names."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from har.errors import DataError, did_you_mean
from har.ingest import clock, content, text
from har.ingest.decimals import numbers
from har.ingest.formats import guess, long_form, sensors
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
        whole = _parquet(source)
        first = (map(str, column[:LOOKED_AT]) for column in whole.values())
        rows = tuple(zip(*first, strict=True))
        head = replace(head, header=Header(tuple(whole), n_fields=len(whole), rows=rows))
    findings: list[Finding] = []
    linear = hints.table.gravity == "removed"
    columns = hints.columns
    if columns is None:
        columns, why = _told(source, head, linear=linear)
        if why:
            findings.append(Finding("sensor", "info", "fixed", why, source.name))
    sensor = guess.sensor_column(head, columns)
    days = guess.date_column(head, columns.time)
    table, rejected = (whole, {}) if whole else _delimited(source, head, columns, sensor, days)
    axes = [columns.x, columns.y, columns.z]
    for wanted in (*axes, columns.time, columns.label, columns.subject):
        if wanted is not None and wanted not in table:
            raise DataError(
                f"{source.name}: no column {wanted!r}{did_you_mean(wanted, table)} "
                f"It has: {listed(head.names)}."
            )
    if days is not None and columns.time is not None:
        table[columns.time] = _texts(table[days]) + " " + _texts(table[columns.time])
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
        time_s, learnt, found = seconds(table[columns.time], name, hints, source.name)
        findings += found
    order = [c for c in head.columns if c in axes]
    if order and order != axes:
        message = f"Columns run {', '.join(order)}: read by name, as x y z."
        findings.append(Finding("axis-order", "info", "fixed", message, source.name))
    if n := rejected.get(REPEATED_HEADER):
        message = f"The header line comes again {n} times."
        findings.append(Finding("header", "info", "rejected", message, source.name, n))
    label = _texts(table[columns.label]) if columns.label else None
    subject = _texts(table[columns.subject]) if columns.subject else None
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
            f"{source.name}: no columns that are plainly x, y, z; it has {listed(head.names)}. "
            "Name them in dataset.columns."
        )
    return columns, why


def _one_sensor(
    source: Source, table: dict[str, np.ndarray], sensor: str, axes: list[str], *, linear: bool
) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """The accelerometer's rows of a table in long form, and how many were left out."""
    acceleration = np.column_stack([numbers(table[a]) for a in axes])
    try:
        rows = long_form.select(_texts(table[sensor]), sensor, acceleration, linear=linear)
    except DataError as e:
        raise DataError(f"{source.name}: {e}") from e
    if rows is None or rows.keep.all():
        return table, []
    n = int((~rows.keep).sum())
    others = ", ".join(f"{count} of {value}" for value, count in rows.others.items())
    message = f"Rows of {rows.value} in column {sensor!r} are read. Left out: {others}."
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
            message = f"People take turns {len(bounds)} times: their rows are put together."
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
                elif table.null_label == "keep":
                    notes.append(("null", a, b))
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


def columns_of(
    source: Source, head: Head, types: Mapping[str, str], data: bytes | None = None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Columns of a text by their types, an empty one found out, and the lines left out."""
    table, skipped = text.read_columns(
        content.read_bytes(source) if data is None else data,
        names=head.names,
        include=list(types),
        types={name: kind for name, kind in types.items() if kind},
        delimiter=head.header.delimiter,
        decimal=head.header.decimal,
        skip_rows=head.header.skip_rows,
        where=source.name,
    )
    return table, {"malformed line": skipped} if skipped else {}


def _delimited(
    source: Source, head: Head, columns: Columns, sensor: str | None, days: str | None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    types = {c: "dictionary" for c in (columns.label, columns.subject, sensor) if c}
    types |= dict.fromkeys((columns.x, columns.y, columns.z), "float64")
    if columns.time is not None:
        types |= {columns.time: "string" if days else "", **({days: "string"} if days else {})}
    known = {name: kind for name, kind in types.items() if name in head.names}
    data, repeated = _without_headers(content.read_bytes(source), head.header)
    table, rejected = columns_of(source, head, known, data)
    return table, {**rejected, **({REPEATED_HEADER: repeated} if repeated else {})}


def texts(source: Source, head: Head) -> tuple[dict[str, np.ndarray], int]:
    """All columns of a small table, as texts, and how many lines had another number of fields."""
    if head.data[:4] == b"PAR1":
        return {name: _texts(column) for name, column in _parquet(source).items()}, 0
    table, rejected = columns_of(source, head, dict.fromkeys(head.names, "string"))
    return {name: _texts(column) for name, column in table.items()}, sum(rejected.values())


def _without_headers(data: bytes, header: Header) -> tuple[bytes, int]:
    """Text whose header line comes only once, and how often it came again."""
    line = header.line.encode()
    ends = itertools.islice(re.finditer(rb"\r\n|\n|\r", data), header.skip_rows)
    start = max((end.end() for end in ends), default=0)
    if not line or data.find(line, start) < 0:
        return data, 0
    again = rb"(?m)^[ \t]*" + re.escape(line) + rb"[ \t]*\r?(?:\n|\Z)"
    body, n = re.subn(again, b"", data[start:])
    return data[:start] + body, n


def _parquet(source: Source) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content.read_bytes(source)), use_threads=False)
    except (pa.ArrowInvalid, OSError) as e:
        raise DataError(f"{source.name}: not a whole Parquet file ({e}).") from e
    return {n: table[n].to_numpy(zero_copy_only=False) for n in table.column_names}


def _texts(column: np.ndarray) -> np.ndarray:
    """Strings, stripped; a missing value is the empty string."""
    import pandas as pd

    codes, values = pd.factorize(pd.Series(column))
    if np.issubdtype(np.asarray(values).dtype, np.floating):  # 1.0 and so on: a nullable integer
        texts = [f"{v:g}" for v in values]
    else:
        texts = [str(v).strip() for v in values]
    out = np.array([*texts, ""], dtype=object)
    return out[codes]


def seconds(
    column: np.ndarray, name: str, hints: Hints, where: str
) -> tuple[np.ndarray, clock.Clock, list[Finding]]:
    """A time column in seconds, as the user said and as its earlier rows told."""
    unit = hints.table.time_unit
    time_s, learnt, notes = clock.seconds(column, name, where, unit=unit, clock=hints.clock)
    return time_s, learnt, [Finding(n.code, n.severity, "fixed", n.message, where) for n in notes]


def in_parts(head: Head, hints: Hints) -> bool:
    """With times to go by, and one person's rows."""
    if head.data[:4] == b"PAR1":
        return False
    columns = hints.columns or guess.columns(head)
    if columns is None or columns.time is None or columns.subject is not None:
        return False
    return guess.sensor_column(head, columns) is None


FORMAT = Format(
    "table", "plain table (CSV, TSV, Parquet)", recognise, read, companion, in_parts=in_parts
)
