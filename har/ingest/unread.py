"""Why a file cannot be read as a recording."""

from __future__ import annotations

from har.ingest.formats.format import Head
from har.ingest.formats.headers import listed


def no_table(head: Head) -> str:
    """Why a file cannot be read that need not be a table."""
    if not head.data:
        return "empty (0 bytes)"
    if head.suffix in {".xlsx", ".xls", ".xlsm", ".ods", ".numbers"}:
        return "a spreadsheet, which cannot be read: save it as CSV, with fractions of seconds"
    if b"\0" in head.data:
        return "neither text nor a known binary format"
    prose = head.suffix in {".md", ".rst", ".html"} or head.stem.lower().startswith("readme")
    if head.columns and not prose:
        return unknown(head)
    return "neither a table with three axes nor a known format"


def is_table(head: Head) -> bool:
    """Whether a file should have been read: by its suffix, or since it holds rows of numbers."""
    numbers = head.header.n_fields > 2 and len(head.header.rows) > 1
    return numbers or head.suffix in {".csv", ".tsv", ".parquet"}


def unknown(head: Head) -> str:
    if not head.data or b"\0" in head.data:
        return no_table(head)
    have = listed(head.columns)
    if not have:
        rows = head.header.rows
        first = f"; its first row is {listed(rows[0])}" if rows else ""
        return (
            f"not a known format (no header line with three columns or more{first}). If it "
            "is a table, its columns are called _0, _1, … in dataset.columns"
        )
    if head.data.lstrip()[:1] in (b"{", b"["):
        return "JSON, which cannot be read: write x, y and z as columns of a table (CSV, Parquet)"
    if apart := _no_columns(head):
        return apart
    if len(head.columns) == 2:
        return (
            f"one column of values beside time (its columns are {have}): x, y and z must be "
            "in one file"
        )
    return f"not a known format (its columns are {have}). Name them in dataset.columns"


def _no_columns(head: Head) -> str | None:
    """Why x, y and z are no columns of a table, where its values tell."""
    row = head.header.rows[0] if head.header.rows else ()
    if nested := next((v for v in row if v[:1] in ("[", "(", "{") and len(v) > 2), None):
        return f"several values in one cell, such as {nested[:40]!r}: x, y and z must be columns"
    for name, values in zip(head.columns, zip(*head.header.rows, strict=False), strict=False):
        if {v.lower() for v in values} <= {"x", "y", "z"}:
            return f"a row for each axis (column {name!r}): x, y and z must be columns of one row"
    return None
