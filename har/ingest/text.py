"""Bytes of a source, and delimited text to arrays by pyarrow."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import DataError
from har.ingest.decimals import numbers
from har.ingest.raw import Part, Source

# What zipfile raises for damaged and for encrypted archives.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile, KeyError, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError,
)  # fmt: skip

# Text that pyarrow parses at a time.
BLOCK_BYTES = 1 << 20
TAIL_BYTES = 4096

GZIP, UTF_16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")
"""What files begin with that are not plain text yet."""

MAX_UNPACKED_BYTES = 4 << 30
"""A file that unpacks to more is refused."""

SHOWN_LINES = 3


class Lines(int):
    """A number of lines, with the first of them.

    Parameters
    ----------
    first : tuple of str
        Some of them as a user may look for them: number and text.
    """

    first: tuple[str, ...] = ()


def read_bytes(source: Source) -> bytes:
    """The content of a file or of an archive's member; of a part, its lines below the header.

    What is compressed by gzip is unpacked, and UTF-16 becomes UTF-8.

    Raises
    ------
    DataError
        If the archive is damaged; the CRC of a zip member is checked.
    """
    return _plain(_stored(source), source.name)


def head(source: Source, size: int) -> bytes:
    """The first bytes of what `read_bytes` gives."""
    try:
        if source.member:
            with zipfile.ZipFile(source.path) as archive, archive.open(source.member) as f:
                data = f.read(size)
        else:
            with source.path.open("rb") as f:
                data = f.read(size)
    except BROKEN_ARCHIVE as e:
        if not source.member:
            raise
        raise DataError(f"{source.name}: cannot be read from the archive ({e}).") from e
    return _plain(data, source.name, size)


def _plain(data: bytes, where: str, size: int | None = None) -> bytes:
    """Unpacked and decoded; with a size, of the beginning of something."""
    if data.startswith(GZIP):
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            data = unpack.decompress(data, size or MAX_UNPACKED_BYTES)
        except zlib.error as e:
            raise DataError(f"{where}: not a whole gzip file ({e}).") from e
        if size is None and not unpack.eof:
            raise DataError(
                f"{where}: a gzip file that is cut short, or holds more than "
                f"{MAX_UNPACKED_BYTES >> 30} GB."
            )
    if data.startswith(UTF_16):
        return data.decode("utf-16", "ignore" if size else "replace").encode()
    return data


def _stored(source: Source) -> bytes:
    if source.part is not None:
        with source.path.open("rb") as f:
            header = f.read(source.part.header)
            f.seek(source.part.start)
            return header + f.read(source.part.stop - source.part.start)
    if not source.member:
        return source.path.read_bytes()
    if is_tar(source.path):
        return _from_tar(source)
    try:
        with zipfile.ZipFile(source.path) as archive:
            return archive.read(source.member)
    except BROKEN_ARCHIVE as e:
        raise DataError(f"{source.name}: cannot be read from the archive ({e}).") from e


def is_coded(source: Source) -> bool:
    """Whether `read_bytes` gives other bytes than there are in the file."""
    with source.path.open("rb") as f:
        return f.read(2) in (GZIP, *UTF_16)


def tail(source: Source) -> bytes:
    """The last lines of a text."""
    if source.member or is_coded(source):
        return read_bytes(source)[-TAIL_BYTES:]
    with source.path.open("rb") as f:
        f.seek(max(0, source.path.stat().st_size - TAIL_BYTES))
        return f.read()


def parts(source: Source, header_lines: int, size: int) -> Iterator[Source]:
    """A text file as sources of whole lines.

    Parameters
    ----------
    source : Source
        A plain file.
    header_lines : int
        Lines at its beginning that every part is given, too.
    size : int
        Bytes of a part, about.
    """
    with source.path.open("rb") as f:
        for _ in range(header_lines):
            f.readline()
        header = start = f.tell()
        while f.read(1):
            f.seek(start + size)
            f.readline()
            stop = f.tell()
            yield replace(source, part=Part(header, start, stop))
            start = stop
            f.seek(start)


def is_tar(path: Path) -> bool:
    return path.name.endswith((".tar.gz", ".tgz", ".tar"))


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, OSError, EOFError, zlib.error) as e:
        raise DataError(
            f"{path} is not a tar archive that can be read ({e}). Delete it and fetch it again."
        ) from e


def _from_tar(source: Source) -> bytes:
    with _tar(source.path) as archive:
        try:
            content = archive.extractfile(source.member)
        except KeyError:
            content = None
        if content is None:
            raise DataError(f"{source.name}: not in the archive, or not a file.")
        return content.read()


def members(path: Path, suffix: str = "") -> list[str]:
    """Names of the files in a zip or tar archive that end in `suffix`, sorted."""
    if is_tar(path):
        with _tar(path) as archive:
            return sorted(m.name for m in archive if m.isfile() and m.name.endswith(suffix))
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as e:
        raise DataError(
            f"{path} is not a zip archive that can be read ({e}). Delete it and fetch it again."
        ) from e
    return sorted(
        n
        for n in names
        if n.endswith(suffix) and not n.endswith("/") and not n.startswith("__MACOSX/")
    )


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
    if delimiter != ";" and data.rstrip().endswith(b";"):
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

    wanted = wanted_as = dict(types or {})
    try:
        try:
            table = parsed(wanted)
        except pa.ArrowInvalid as e:
            if "conversion error" not in str(e):
                raise
            # A word among the numbers: slower, through strings, and only that value is lost.
            wanted_as = {k: v if v == "dictionary" else "string" for k, v in wanted.items()}
            table = parsed(wanted_as)
        if uneven:
            data = _evened(data, delimiter, uneven, skip_rows, fill=unnamed_last)
            table = parsed(wanted_as)
    except pa.ArrowInvalid as e:
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
