"""The columns of a plain table as its header tells them, or its first values where it does not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from har.errors import DataError
from har.ingest import dates, time_columns
from har.ingest.decimals import numbers
from har.ingest.formats import long_form, sensors
from har.ingest.formats.format import Head
from har.ingest.raw import Unit
from har.own_recordings import Columns

_LABEL = re.compile(r"(label|activity|class|target|annotation)(_?name)?", re.IGNORECASE)
_SUBJECT = re.compile(r"(subject|participant|user|person|who)(_?(id|name|nr|no))?", re.IGNORECASE)


def columns(head: Head) -> Columns | None:
    """The columns of a table whose header or values name them plainly, or None."""
    try:
        return told(head)[0]
    except DataError:
        return None


def told(head: Head, *, linear: bool = False) -> tuple[Columns | None, str]:
    """The columns of a table, and why they are taken where that is worth saying."""
    found = candidates(head)
    triple, why = sensors.choose(found, lambda t: beginning(head, t.names), linear=linear)
    if triple is None:
        return None, ""
    if again := [i for i, c in enumerate(head.columns) if c in triple.names and c != head.names[i]]:
        raise DataError(
            f"several columns are called {triple}. Choose in dataset.columns, where the first "
            f"have these names and the others {', '.join(head.names[i] for i in again)}."
        )

    def first(pattern: re.Pattern[str]) -> str | None:
        return next((c for c in head.columns if pattern.fullmatch(c)), None)

    x, y, z = triple.names
    time = time_columns.column(head.columns) or _clock_column(head)
    label, subject = first(_LABEL), first(_SUBJECT)
    return Columns(time=time, x=x, y=y, z=z, label=label, subject=subject), why


def _clock_column(head: Head) -> str | None:
    """The one column that is a time by its unit or its values, if its name does not say so."""
    if (name := time_columns.by_unit(head.columns, head.header.units)) is not None:
        return name
    columns = zip(head.columns, zip(*head.header.rows, strict=False), strict=False)
    stamped = [n for n, values in columns if n and all(map(dates.is_stamp, values))]
    return stamped[0] if len(stamped) == 1 else None


def candidates(head: Head) -> list[sensors.Triple]:
    """Columns that may be an accelerometer's, by their names and the file's."""
    found = sensors.triples(head.columns, head.header.units)
    path = PurePosixPath(head.name)
    if sensors.kind_of_path(path.stem, path.parent.name) == sensors.OTHER:
        return [t for t in found if sensors.kind_of(t.words) == sensors.ACCELERATION]
    return [t for t in found if t.kind != sensors.OTHER]


def beginning(head: Head, names: Sequence[str]) -> np.ndarray:
    """Some columns of a table's first rows."""
    at = [head.names.index(n) for n in names]
    point = head.header.decimal
    rows = [[row[i].replace(point, ".") for i in at] for row in head.header.rows
            if len(row) > max(at)]  # fmt: skip
    texts = np.array(rows, dtype=object).reshape(-1, len(at))
    return np.column_stack([numbers(column) for column in texts.T])


def unit(named: Columns, head: Head) -> Unit | None:
    """The unit that the header gives, if any."""
    units = dict(zip(head.columns, head.header.units, strict=False))
    said = sensors.acceleration_unit(named.x)
    return said or sensors.acceleration_unit(f"({units.get(named.x, '')})")


def date_column(head: Head, time: str | None) -> str | None:
    """The column of the dates whose times of day are in the time column."""
    if time not in head.names or not head.header.rows:
        return None
    row = head.header.rows[0]
    first = dict(zip(head.names, row, strict=False))
    named = (c for c in head.columns if time_columns.DATE.fullmatch(c) and c != time)
    return next((c for c in named if dates.is_apart(first.get(c, ""), first.get(time, ""))), None)


def sensor_column(head: Head, named: Columns) -> str | None:
    """The column that may say which sensor a row is of."""
    if not {named.x, named.y, named.z} <= {*head.names}:
        return None
    used = named.model_dump().values()
    others = [(i, c) for i, c in enumerate(head.names) if c not in used]
    if not others:
        return None
    rows = [row for row in head.header.rows if len(row) >= len(head.names)]
    first = {c: [row[i] for row in rows] for i, c in others}
    whole = replace(head, header=replace(head.header, rows=tuple(rows)))
    return long_form.sensor_column(first, beginning(whole, (named.x, named.y, named.z)))
