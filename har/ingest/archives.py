"""Archives from elsewhere: none may write outside its folder, link, or grow without bound."""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from har.errors import DataError

# What zipfile raises for damaged and for encrypted archives; ValueError for names in no known code.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile, KeyError, OSError, EOFError, zlib.error, struct.error, RuntimeError,
    ValueError,
)  # fmt: skip

MAX_UNPACKED_BYTES = 64 << 30
"""An archive that unpacks to more than this is refused before it is read."""
MAX_FILE_BYTES = 4 << 30
"""So is a file in it that unpacks to more; it is read whole."""
MAX_RATIO = 200
SMALL_BYTES = 256 << 20
"""What unpacks to no more may be packed as tightly as it likes: zeros are."""
MAX_MEMBERS = 100_000


def check_archive(path: Path, name: str) -> None:
    """Refuse an archive that is damaged or would do harm; any other file passes."""
    if name.endswith(".zip"):
        check_zip(path, name)
    elif name.endswith((".tar.gz", ".tgz", ".tar")):
        check_tar(path, name)


def check_zip(path: Path, name: str) -> list[zipfile.ZipInfo]:
    """The members of an archive, none of which may leave a folder, link, or explode.

    Raises
    ------
    DataError
        Naming the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except BROKEN_ARCHIVE as e:
        raise DataError(f"{name} is an incomplete zip archive ({e}). Fetch it again.") from e
    if len(infos) > MAX_MEMBERS:
        raise DataError(
            f"{name}: {len(infos):,} members; the most is {MAX_MEMBERS:,}. Pack it in parts."
        )
    total = 0
    for info in infos:
        pure = PurePosixPath(info.filename.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or (pure.parts and ":" in pure.parts[0]):
            raise DataError(
                f"{name}: member {info.filename!r} would be unpacked outside its folder. Refused."
            )
        if (info.external_attr >> 16) & 0o170000 == 0o120000:
            raise DataError(f"{name}: member {info.filename!r} is a link. Refused.")
        if info.file_size > most_unpacked(info.compress_size):
            raise DataError(
                f"{name}: member {info.filename!r} is {info.file_size / 1e9:.1f} GB unpacked from "
                f"{info.compress_size / 1e6:.1f} MB. Refused as an archive bomb."
            )
        total += info.file_size
    if total > MAX_UNPACKED_BYTES or (
        total > SMALL_BYTES and total > MAX_RATIO * path.stat().st_size
    ):  # fmt: skip
        raise DataError(
            f"{name}: {len(infos)} members of {total / 1e9:.1f} GB unpacked from "
            f"{path.stat().st_size / 1e6:.1f} MB. Refused as an archive bomb."
        )
    return infos


def most_unpacked(packed_bytes: int) -> int:
    """What a file may be unpacked, in bytes, by its size while it is packed."""
    return min(MAX_FILE_BYTES, max(SMALL_BYTES, MAX_RATIO * packed_bytes))


def check_tar(path: Path, name: str) -> None:
    """The same for a tar archive; its members are read in place, never unpacked."""
    total = count = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                pure = PurePosixPath(member.name)
                if pure.is_absolute() or ".." in pure.parts:
                    raise DataError(
                        f"{name}: member {member.name!r} would be unpacked outside its folder. "
                        "Refused."
                    )
                if member.issym() or member.islnk() or member.isdev():
                    raise DataError(f"{name}: member {member.name!r} is a link. Refused.")
                total, count = total + member.size, count + 1
                if total > MAX_UNPACKED_BYTES or count > MAX_MEMBERS:
                    raise DataError(f"{name}: too large unpacked. Refused as an archive bomb.")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as e:
        raise DataError(f"{name} is an incomplete tar archive ({e}). Fetch it again.") from e
