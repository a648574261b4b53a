"""Bytes of a source: a file, some of its lines, or a member of an archive."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from har.errors import DataError
from har.files import Stamp, stamp
from har.ingest.archives import BROKEN_ARCHIVE, most_unpacked
from har.ingest.raw import Part, Source

TAIL_BYTES = 4096

GZIP = b"\x1f\x8b"
"""What a file compressed by gzip begins with."""

LOOKED_AT = 64
"""Bytes that tell whether a file is text in UTF-16."""


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
            with zip_archive(source.path).open(source.member) as f:
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
        most = most_unpacked(len(data))
        try:
            data = unpack.decompress(data, size or most)
        except zlib.error as e:
            raise DataError(f"{where}: an incomplete gzip file ({e}).") from e
        if size is None and not unpack.eof:
            raise DataError(
                f"{where}: a gzip file that is truncated, or unpacks to more than "
                f"{most / 1e9:.1f} GB, which is refused."
            )
    if (coding := _utf_16(data)) is not None:
        return data.decode(coding, "ignore" if size else "replace").encode()
    return data


def _utf_16(data: bytes) -> str | None:
    """The kind of UTF-16 that some bytes are, by their mark or by every other one being zero."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    some = data[: min(LOOKED_AT, len(data) // 2 * 2)]
    for coding, low, high in (("utf-16-le", some[::2], some[1::2]),
                              ("utf-16-be", some[1::2], some[::2])):  # fmt: skip
        if len(some) > 7 and not any(high) and re.fullmatch(rb"[\t\r\n -~\xa0-\xff]+", low):
            return coding
    return None


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
        return zip_archive(source.path).read(source.member)
    except BROKEN_ARCHIVE as e:
        raise DataError(f"{source.name}: cannot be read from the archive ({e}).") from e


def zip_archive(path: Path) -> zipfile.ZipFile:
    """An archive, opened once for all its members: its list of them is read when it is opened.

    Raises
    ------
    One of BROKEN_ARCHIVE
    """
    return _opened(path, stamp(path))


@lru_cache(maxsize=2)
def _opened(path: Path, _: Stamp) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def exists(source: Source) -> bool:
    """Whether there is such a file, or such a member of an archive."""
    if not source.member:
        return source.path.is_file()
    try:
        return source.member in zip_archive(source.path).NameToInfo
    except BROKEN_ARCHIVE:
        return False


def is_coded(source: Source) -> bool:
    """Whether `read_bytes` gives other bytes than there are in the file."""
    with source.path.open("rb") as f:
        data = f.read(LOOKED_AT)
    return data.startswith(GZIP) or _utf_16(data) is not None


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
    """An archive, opened once for all its members."""
    try:
        yield _opened_tar(path, stamp(path))
    except (tarfile.TarError, OSError, EOFError, zlib.error) as e:
        raise DataError(
            f"{path} cannot be read as a tar archive ({e}). Delete it and fetch it again."
        ) from e


@lru_cache(maxsize=2)
def _opened_tar(path: Path, _: Stamp) -> tarfile.TarFile:
    return tarfile.open(path)


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
            found = archive.getmembers()
            return sorted(m.name for m in found if m.isfile() and m.name.endswith(suffix))
    try:
        names = zip_archive(path).namelist()
    except (zipfile.BadZipFile, OSError) as e:
        raise DataError(
            f"{path} cannot be read as a zip archive ({e}). Delete it and fetch it again."
        ) from e
    return sorted(
        n
        for n in names
        if n.endswith(suffix) and not n.endswith("/") and not n.startswith("__MACOSX/")
    )
