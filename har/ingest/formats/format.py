"""What a format is, and what the first bytes of a file tell."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from har.errors import DataError
from har.ingest.clock import Clock
from har.ingest.formats import headers
from har.ingest.formats.headers import Header
from har.ingest.raw import Raw, Source
from har.own_recordings import Columns, Table

HEAD_BYTES = 16_384


class NotAcceleration(DataError):
    """A file of a known maker that holds something else, such as counts per epoch."""


@dataclass(frozen=True)
class Head:
    """The beginning of a file: enough to recognise it.

    Parameters
    ----------
    name : str
        Path inside its folder or archive, with `/`.
    data : bytes
        The first 16 kB.
    header : Header
        What its first lines say; empty if it is not text.
    """

    name: str
    data: bytes
    header: Header = field(default_factory=Header)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the header line; empty if there is none."""
        return self.header.columns

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @cached_property
    def names(self) -> list[str]:
        """A name for every field of a data line, unique, so that pyarrow takes them."""
        out: list[str] = []
        for i in range(max(self.header.n_fields, len(self.columns))):
            name = self.columns[i] if i < len(self.columns) else ""
            out.append(name if name and name not in out else f"_{i}")
        return out


@dataclass(frozen=True)
class Hints:
    """What the user said in the pipeline file (None where nothing), and what earlier rows told."""

    table: Table = field(default_factory=lambda: Table(path=""))
    clock: Clock | None = None

    @property
    def columns(self) -> Columns | None:
        return self.table.columns


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Parameters
    ----------
    name, title : str
    recognise : callable
        `(head) -> bool`, from the content.
    read : callable
        `(source, head, hints) -> iterable of Raw`.
    companion : callable
        `(head) -> bool`: a file that belongs to the format and holds no acceleration.
    rank : callable
        `(head) -> int`: of several views of the same movement in one folder, the lowest is read.
        None: every file stands for itself.
    in_parts : callable
        `(head, hints) -> bool`: whether some of its lines can be read without those before them.
    """

    name: str
    title: str
    recognise: Callable[[Head], bool]
    read: Callable[[Source, Head, Hints], Iterable[Raw]]
    companion: Callable[[Head], bool] = lambda _head: False
    rank: Callable[[Head], int] | None = None
    in_parts: Callable[[Head, Hints], bool] = lambda _head, _hints: False


def look(name: str, data: bytes) -> Head:
    """Recognise text, its delimiter, decimal sign and header line."""
    if b"\0" in data[:4096]:
        return Head(name, data)
    lines = re.split("\r\n|\n|\r", decode(data))
    if len(data) >= HEAD_BYTES:
        lines.pop()  # cut off in the middle
    return Head(name, data, headers.read(lines))


def decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "latin-1"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as e:
            if e.start >= len(data) - 4 and encoding == "utf-8-sig":  # a character cut in two
                return data[: e.start].decode(encoding)
    return data.decode("latin-1")


def beside(source: Source, name: str) -> Source:
    """A file in the same folder (or archive folder) as a source."""
    if source.member:
        return Source(source.path, str(PurePosixPath(source.member).parent / name).lstrip("./"))
    return Source(Path(source.path).parent / name)


def small_table(source: Source) -> list[dict[str, str]]:
    """Rows of a small sidecar file; empty if it is not there."""
    from har.ingest import content

    try:
        lines = decode(content.read_bytes(source)).splitlines()
    except (DataError, FileNotFoundError, NotADirectoryError):
        return []
    if not lines:
        return []
    delimiter = max(",;\t", key=lines[0].count)
    rows: list[dict[str, Any]] = list(csv.DictReader(lines, delimiter=delimiter))
    return [
        {str(k).strip(): str(v or "").strip() for k, v in row.items() if k is not None}
        for row in rows
    ]
