"""Faults of the world, told as `HarError`: a full disk, a file system that nobody may write to."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

from har.errors import HarError, WorldError

CHANGES_NO_RESULT = True

KEPT = "What was finished is kept; the same command continues."

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_IN_THE_WAY = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG}
_BROKEN = {errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EMFILE, errno.ENFILE}

_WRITTEN_IN_PART = re.compile(r"requested and \d+ written")
"""NumPy's words for a write that stopped."""


def explained(error: BaseException) -> HarError | None:
    """What is wrong with the world, and what to do about it; None for a mistake of the program.

    Libraries that close a file after a failed write raise another error: the one behind it counts.
    """
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, HarError):
            return at
        if (found := _one(at)) is not None:
            return found
        at = at.__cause__ or at.__context__
    return None


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Raise what is wrong with the world as `WorldError`, other errors as they are.

    Raises
    ------
    WorldError
    """
    try:
        yield
    except HarError:
        raise
    except Exception as e:
        if (known := explained(e)) is None or known is e:
            raise
        raise known from e


def _one(error: BaseException) -> WorldError | None:
    if isinstance(error, MemoryError):
        return WorldError(
            f"There is not enough memory{f' ({error})' if str(error) else ''}. Use fewer --jobs or "
            f"a machine with more. {KEPT}"
        )
    if not isinstance(error, OSError):
        return None
    number = _number(error)
    where = str(error.filename2 or error.filename or "") or "a file"
    reason = error.strerror or str(error)
    if number in _FULL:
        at = f", while {where} was written" if where != "a file" else ""
        return WorldError(
            f"The disk is full ({reason}){at}. Free some space, or name another place with "
            f"--workspace (temporary files: TMPDIR). {KEPT}"
        )
    if number in _FORBIDDEN:
        return WorldError(
            f"{where}: {reason}. Change its permissions, or name a writable folder with "
            f"--workspace. {KEPT}"
        )
    if number in _IN_THE_WAY:
        return WorldError(f"{where}: {reason}. Move or delete what is there. {KEPT}")
    if number in _BROKEN:
        return WorldError(f"{where}: {reason}. Check the disk or the mount. {KEPT}")
    if "No usable temporary directory" in str(error):
        return WorldError(f"{reason}. Name a writable one in TMPDIR. {KEPT}")
    if number == errno.ENOENT and error.filename:
        return WorldError(
            f"{where}: {reason}. It cannot be created there, or was deleted in the meantime. {KEPT}"
        )
    return None


def _number(error: OSError) -> int | None:
    """The error's number, also where a library has put it into words."""
    if error.errno is not None:
        return error.errno
    if _WRITTEN_IN_PART.search(str(error)):
        return errno.ENOSPC
    if match := re.search(r"(?:errno = |\[Errno )(\d+)", str(error)):
        return int(match[1])
    return None
