"""The columns of a table's file: text or Parquet, whole or those that are wanted."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping

import numpy as np

from har.errors import DataError
from har.ingest import content, text
from har.ingest.formats.format import Head
from har.ingest.formats.headers import Header
from har.ingest.raw import REPEATED_HEADER, Source
from har.own_recordings import Columns


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


def delimited(
    source: Source, head: Head, columns: Columns, sensor: str | None, days: str | None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The columns that are wanted, and the column of sensors and that of dates if there are any."""
    types = {c: "dictionary" for c in (columns.label, columns.subject, sensor) if c}
    types |= dict.fromkeys((columns.x, columns.y, columns.z), "float64")
    if columns.time is not None:
        types |= {columns.time: "string" if days else "", **({days: "string"} if days else {})}
    known = {name: kind for name, kind in types.items() if name in head.names}
    data = content.read_bytes(source)
    table, rejected = columns_of(source, head, known, data)
    axes = [a for a in (columns.x, columns.y, columns.z) if a in table]
    if not rejected and not any(np.isnan(table[a]).any() for a in axes):
        return table, rejected
    data, repeated = _without_headers(data, head.header)
    if not repeated:
        return table, rejected
    table, rejected = columns_of(source, head, known, data)
    return table, {**rejected, REPEATED_HEADER: repeated}


def texts(source: Source, head: Head) -> tuple[dict[str, np.ndarray], int]:
    """All columns of a small table, as texts, and how many lines had another number of fields."""
    if head.data[:4] == b"PAR1":
        return {name: strings(column) for name, column in parquet(source).items()}, 0
    table, rejected = columns_of(source, head, dict.fromkeys(head.names, "string"))
    return {name: strings(column) for name, column in table.items()}, sum(rejected.values())


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


def parquet(source: Source) -> dict[str, np.ndarray]:
    """All columns of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content.read_bytes(source)), use_threads=False)
    except (pa.ArrowInvalid, OSError) as e:
        raise DataError(f"{source.name}: an incomplete Parquet file ({e}).") from e

    def values(name: str) -> np.ndarray:
        if pa.types.is_nested(table[name].type):
            return np.array([str(v) for v in table[name].to_pylist()], dtype=object)
        return table[name].to_numpy(zero_copy_only=False)

    return {name: values(name) for name in table.column_names}


def strings(column: np.ndarray) -> np.ndarray:
    """Strings, stripped; a missing value is the empty string."""
    import pandas as pd

    codes, values = pd.factorize(pd.Series(column))
    if np.issubdtype(np.asarray(values).dtype, np.floating):  # 1.0 and so on: a nullable integer
        texts = [f"{v:g}" for v in values]
    else:
        texts = [str(v).strip() for v in values]
    out = np.array([*texts, ""], dtype=object)
    return out[codes]
