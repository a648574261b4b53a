"""Delimited text to arrays by pyarrow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.errors import DataError
from har.ingest.decimals import numbers

BLOCK_BYTES = 1 << 20
"""Text that pyarrow parses at a time."""

SHOWN_LINES = 3


class Lines(int):
    """A number of lines, with the first of them.

    Parameters
    ----------
    first : tuple of str
        Some of them as a user may look for them: number and text.
    """

    first: tuple[str, ...] = ()


def read_columns(
    data: bytes,
    *,
    names: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    include: Sequence[str] | None = None,
    delimiter: str = ",",
    decimal: str = ".",
    skip_rows: int = 0,
    where: str = "",
) -> tuple[dict[str, np.ndarray], int]:
    """Columns of delimited text, and how many lines (`Lines`) had another number of fields.

    A line with empty fields too many at its end, or without the last one where the header has no
    name for it, is like the others.

    Parameters
    ----------
    data : bytes
    names : sequence of str, optional
        Of the columns, for text without a header line.
    types : mapping, optional
        Column to pyarrow type name; others are inferred. `dictionary` is for a few texts that
        come again and again: it gives a pandas Categorical.
    include : sequence of str, optional
        The columns that are wanted.
    delimiter, decimal : str
    skip_rows : int
        Lines before the header (or before the data).
    where : str
        For messages.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    if not data.isascii():
        data = _utf8(data)
    if delimiter == " ":  # however many of them
        data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data)
        data = re.sub(rb"[ \t]+", b" ", data)
    if f'{delimiter} "'.encode() in data[:BLOCK_BYTES]:  # which pyarrow takes for text
        data = re.sub(rf'{re.escape(delimiter)}[ \t]+"'.encode(), f'{delimiter}"'.encode(), data)
    if delimiter != ";" and _last_sign(data) == b";":
        data = re.sub(rb"(?m);[ \t]*(?=\r?$)", b"", data)
    unnamed_last = bool(names and names[0] != "_0" and names[-1] == f"_{len(names) - 1}")
    skipped: list[str] = []
    uneven = 0

    def skip(row: Any) -> str:
        nonlocal uneven
        more = row.actual_columns - row.expected_columns
        if (unnamed_last and more == -1) or (more > 0 and row.text.rstrip().endswith(delimiter)):
            uneven = row.expected_columns
        shown = len(skipped) < SHOWN_LINES
        skipped.append(f"line {row.number}: {row.text[:80]}" if shown else "")
        return "skip"

    def parsed(column_types: Mapping[str, str]) -> Any:
        skipped.clear()
        return csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                column_names=list(names) if names else None,
                use_threads=False,
                skip_rows=skip_rows,
                block_size=BLOCK_BYTES,
            ),
            parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(
                column_types={k: _type(v) for k, v in column_types.items()},
                include_columns=list(include) if include else None,
                decimal_point=decimal,
                strings_can_be_null=True,
                null_values=["", "NaN", "nan", "null", "NULL", "NA"],
            ),
        )

    wanted = dict(types or {})

    def converted() -> Any:
        try:
            return parsed(wanted)
        except pa.ArrowInvalid as e:
            if "conversion error" not in str(e):
                raise
            # A word among the numbers: slower, through strings, and only that value is lost.
            return parsed({k: v if v == "dictionary" else "string" for k, v in wanted.items()})

    try:
        table = converted()
        if uneven:
            data = _evened(data, delimiter, uneven, skip_rows, fill=unnamed_last)
            table = converted()
    except pa.ArrowInvalid as e:
        if "straddling" in str(e):
            raise DataError(f"{where or 'text'}: a line longer than {BLOCK_BYTES:,} bytes.") from e
        raise DataError(f"{where or 'text'}: not the table that was expected ({e}).") from e
    out = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            out[name] = column.to_pandas().array
            continue
        values = column.to_numpy(zero_copy_only=False) if len(column) else np.zeros(0)
        if values.dtype == object and wanted.get(name) in ("float64", "int64"):
            values = numbers(values, decimal)
        out[name] = values
    lines = Lines(len(skipped))
    lines.first = tuple(skipped[:SHOWN_LINES])
    return out, lines


def _last_sign(data: bytes) -> bytes:
    """The last character that is no space, without a copy of the text."""
    end = len(data)
    while end and data[end - 1 : end].isspace():
        end -= 1
    return data[max(end - 1, 0) : end]


def _evened(data: bytes, delimiter: str, width: int, skip_rows: int, *, fill: bool) -> bytes:
    """Lines with no empty field too many at their end, and with the last one if it may lack."""
    sign = delimiter.encode()
    lines = data.splitlines()
    for i, line in enumerate(lines[skip_rows:], skip_rows):
        more = line.count(sign) + 1 - width
        if more > 0 and b'"' not in line and line.rstrip().endswith(sign * more):
            lines[i] = line.rstrip()[:-more]
        elif fill and more == -1:
            lines[i] = line + sign
    return b"\n".join(lines) + b"\n"


def _utf8(data: bytes) -> bytes:
    """Text that pyarrow takes; what is not UTF-8 is read as Latin-1."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").encode("utf-8")
    return data


def _type(name: str) -> Any:
    import pyarrow as pa

    if name == "dictionary":
        return pa.dictionary(pa.int32(), pa.string())
    return getattr(pa, name)()
