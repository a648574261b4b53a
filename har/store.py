"""One folder per stage output, keyed by config + inputs + code version, written atomically.

    <stage>/<key>/                     the output, complete by construction
    <stage>/<key>/meta.json            what the key was made of, so that a miss can say why
    <stage>/.partial-<pid>-<host>-…/   being written; never read, swept when its writer is gone
    <stage>/.claim-<key>               locked by who makes that key, where only one should

A folder appears by one rename, after its files are on disk. Two writers of one key make the same
thing: the first rename wins and the other's work is thrown away.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from har.errors import StoreError

# A change of these can change results.
VERSIONED = ("numpy", "scipy", "keras", "tensorflow")


@dataclass(frozen=True)
class Workspace:
    """Where things land: the current folder, `--workspace` or `HAR_WORKSPACE`."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw"

    @property
    def cache(self) -> Path:
        return self.root / "data" / "cache"

    @property
    def reports(self) -> Path:
        return self.root / "reports"


# Keys ----------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """JSON with sorted keys: the same value always has the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(value: Any, length: int = 16) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def _module_file(name: str) -> Path | None:
    """The source of a `har` module, found without importing it."""
    base = Path(__file__).parent.joinpath(*name.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """The `har` modules that a module's source imports, at the top or inside functions."""
    path = _module_file(module)
    if path is None:
        raise StoreError(f"No source for module {module!r}.")
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.level:
                raise StoreError(f"{path}: relative imports are not followed; write them out.")
            found.add(node.module)
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return frozenset(m for m in found if m.split(".")[0] == "har" and _module_file(m))


@functools.cache
def code_version(*modules: str) -> str:
    """Hash of the sources of modules and of every `har` module that they import, and of versions.

    Modules that move results about and change none are left out, so that work on the machinery
    does not throw away days of training; of `har.config`, the registry and the choice of a
    backend only the values count, and those stand in the key by themselves.
    """
    moves_only = {
        *("har", "har.errors", "har.store", "har.fanout", "har.stages", "har.tracking"),
        *("har.config", "har.models.registry", "har.training.backend"),
    }
    packages = ("har.fanout.", "har.tracking.")
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module in seen or module in moves_only or module.startswith(packages):
            continue
        seen.add(module)
        todo += imports_of(module)
    sources = {}
    for module in sorted(seen):
        path = _module_file(module)
        assert path is not None
        sources[module] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest({"sources": sources, "versions": versions()})


@functools.cache
def versions(packages: tuple[str, ...] = VERSIONED) -> dict[str, str]:
    """Installed versions, read from metadata: nothing is imported."""
    out = {}
    for name in packages:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "absent"
    return out


# The store -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Output:
    """A finished folder and what it was made of."""

    stage: str
    key: str
    path: Path
    meta: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """What stages after this one depend on: the contents, not the key. A stage that ran again
        and made the same thing reruns nothing."""
        return str(self.meta["fingerprint"])


class Store:
    """The cache folder of a workspace.

    Parameters
    ----------
    root : Path
        `data/cache`; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, stage: str, key: str) -> Output | None:
        """The finished output of that key, or None."""
        path = self.root / stage / key
        try:
            meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except json.JSONDecodeError as e:
            raise StoreError(
                f"{path / 'meta.json'} is damaged ({e}). Delete that folder and run again."
            ) from e
        return Output(stage, key, path, meta)

    @contextlib.contextmanager
    def claimed(self, stage: str, key: str, *, wait: bool) -> Iterator[bool]:
        """Hold a key while its output is made, so that nobody else makes it too.

        Parameters
        ----------
        stage, key : str
        wait : bool
            Until who holds it is finished or dead; otherwise False is given.

        Yields
        ------
        bool
            Whether it is held. Look with `find` again then: it may be finished by now.

        Notes
        -----
        A lock of the file system, which also ends when its holder is killed. Where there are none
        (some cluster file systems, Windows) everybody holds every key: work may be done twice, and
        the store stays whole.
        """
        folder = self.root / stage
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f".claim-{key}"
        handle = _lock(path, wait)
        if handle is None:
            yield False
            return
        try:
            yield True
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()  # before it is released: see `_lock`
            os.close(handle)

    @contextlib.contextmanager
    def writing(
        self, stage: str, key: str, parts: Mapping[str, Any], *, replace: bool = False
    ) -> Iterator[Writing]:
        """A scratch folder that becomes the output when the block ends without an exception."""
        folder = self.root / stage
        folder.mkdir(parents=True, exist_ok=True)
        self._sweep(folder)
        scratch = self._scratch(folder)
        writing = Writing(scratch)
        try:
            yield writing
            meta = {
                "stage": stage,
                "key": key,
                "parts": json.loads(canonical(parts)),
                "fingerprint": digest([contents(scratch), writing.extra]),
                **writing.extra,
            }
            write_json(scratch / "meta.json", meta)
            _sync(scratch)
            self._publish(scratch, folder / key, replace)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _scratch(self, folder: Path) -> Path:
        return Path(tempfile.mkdtemp(prefix=f".partial-{os.getpid()}-{_host()}-", dir=folder))

    def _publish(self, scratch: Path, target: Path, replace: bool) -> None:
        if replace and target.exists():
            grave = Path(
                tempfile.mkdtemp(prefix=f".partial-{os.getpid()}-{_host()}-", dir=target.parent)
            )
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, grave / "old")
            shutil.rmtree(grave, ignore_errors=True)
        try:
            os.rename(scratch, target)
        except OSError:
            if not (target / "meta.json").is_file():  # not a race with an equal writer
                raise
        _sync_folder(target.parent)

    def _sweep(self, folder: Path) -> None:
        """Remove what dead processes of this machine left behind; others may share the folder."""
        for partial in folder.glob(f".partial-*-{_host()}-*"):
            pid = partial.name.split("-")[1]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(partial, ignore_errors=True)

    def why_missing(self, stage: str, parts: Mapping[str, Any]) -> str:
        """What differs from the newest output of a stage: `signal.rate_hz 50 → 25`."""
        wanted = json.loads(canonical(parts))
        metas = sorted(
            (self.root / stage).glob("[!.]*/meta.json"),
            key=lambda p: p.stat().st_mtime,
            reverse=True,
        )
        best: list[str] | None = None
        for path in metas[:50]:
            found = json.loads(path.read_text(encoding="utf-8"))["parts"]
            changes = list(_differences(found, wanted))
            if changes and (best is None or len(changes) < len(best)):
                best = changes
        if best is None:
            return "nothing stored yet"
        more = f" and {len(best) - 3} more" if len(best) > 3 else ""
        return "; ".join(best[:3]) + more


class Writing:
    """The scratch folder of an output that is being made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.extra: dict[str, Any] = {}

    def note(self, **extra: Any) -> None:
        """Add to the output's meta data; it counts in the fingerprint."""
        self.extra |= json.loads(canonical(extra))


def _differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for k in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(k), new.get(k), f"{at}.{k}" if at else str(k))
    elif old != new:
        if at == "code" or at.startswith("inputs"):
            yield f"{at} changed"
        else:
            yield f"{at} {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 40 else text[:37] + "…"


@functools.cache
def _host() -> str:
    """This machine, as a part of a file name."""
    return digest(platform.node(), 8)


def _lock(path: Path, wait: bool) -> int | None:
    """A handle that holds the lock on a file; None if another has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # no locks here
            return handle
        try:  # whoever held it before has removed the file: a lock on that would keep nobody out
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)


# Files ---------------------------------------------------------------------------------------


def write_json(path: Path, value: Any) -> None:
    """Readable JSON; NaN is refused, since JSON has none."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in files}


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileHashes:
    """Content hashes of files, remembered by (path, size, mtime) so that raw data is read once.

    Parameters
    ----------
    memory : Path
        A JSON file; a lost or damaged one only costs time.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        try:
            self._known: dict[str, list[Any]] = json.loads(memory.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            self._known = {}

    def of(self, paths: Iterable[Path]) -> dict[str, str]:
        """SHA-256 by path, in the order of the sorted paths."""
        out, fresh = {}, False
        for path in sorted(paths):
            name, stat = str(path), path.stat()
            entry = self._known.get(name)
            if not entry or entry[:2] != [stat.st_size, stat.st_mtime_ns]:
                entry = [stat.st_size, stat.st_mtime_ns, sha256_file(path)]
                self._known[name] = entry
                fresh = True
            out[name] = entry[2]
        if fresh:
            replace_file(self._memory, canonical(self._known).encode())
        return out


def sha256_file(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
