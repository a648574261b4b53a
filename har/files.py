"""Files written whole, and what is in them: atomic writes, content hashes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from har.errors import ChangedError

CHANGES_NO_RESULT = True


def canonical(value: Any) -> str:
    """JSON with sorted keys: the same value always has the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(value: Any, length: int = 16) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def json_text(value: Any) -> str:
    """Readable JSON; NaN is refused, since JSON has none."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    path.write_text(json_text(value), encoding="utf-8")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in files}


def sync(folder: Path) -> None:
    """Have a folder and its files on disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            sync_one(path)
    sync_one(folder)


def sync_one(path: Path) -> None:
    """Have a file, or the names in a folder, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


Stamp = tuple[int, int, int]


def stamp(path: Path) -> Stamp:
    """Size and times of a file. The last, when it or its name was changed, cannot be set back."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


class FileHashes:
    """Content hashes of files, remembered by path and `stamp` so that raw data is read once.

    Parameters
    ----------
    memory : Path
        A JSON file; a lost or damaged one, or one that cannot be written, only costs time.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        try:
            self._known: dict[str, list[Any]] = json.loads(memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def of(self, paths: Iterable[Path]) -> dict[str, str]:
        """SHA-256 by path, in the order of the sorted paths.

        Raises
        ------
        ChangedError
            If a file changes while it is read, more than once.
        """
        out, fresh = {}, False
        for path in sorted(paths):
            name = str(path)
            entry = self._known.get(name)
            if not entry or entry[:-1] != list(stamp(path)):
                entry = self._known[name] = _hashed(path)
                fresh = True
            out[name] = entry[-1]
        if fresh:
            with contextlib.suppress(OSError):
                replace_file(self._memory, canonical(self._known).encode())
        return out

    def changed(self, hashes: Mapping[Path, str]) -> list[Path]:
        """Files that were changed since `of` gave these hashes, even if they were changed back."""
        return [p for p, known in hashes.items() if not self._unchanged(p, known)]

    def _unchanged(self, path: Path, known: str) -> bool:
        try:
            entry = self._known.get(str(path)) or _hashed(path)
            return entry[-1] == known and entry[:-1] == list(stamp(path))
        except FileNotFoundError:
            return False


def _hashed(path: Path) -> list[Any]:
    """A file's stamp and hash."""
    for _ in range(3):
        before = stamp(path)
        found = sha256_file(path)
        if stamp(path) == before:
            return [*before, found]
    raise ChangedError(f"{path} changes while it is read. End what writes it, and run again.")


def sha256_file(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
