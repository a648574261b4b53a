"""One folder per stage output, keyed by config + inputs + code version, written atomically.

    <stage>/<key>/                     the output, complete by construction
    <stage>/<key>/meta.json            what the key was made of, so that a miss can say why
    <stage>/.partial-<pid>-<host>-…/   being written; never read, swept when its writer is gone
    <stage>/.claim-<key>               locked by who makes that key, where only one should
    <stage>/.damaged-<key>/            was not what had been stored any more, when it was used

A folder appears by one rename, after its files are on disk. Two writers of one key make the same
thing: the first rename wins and the other's work is thrown away.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from har import damage
from har.errors import DamagedError
from har.files import canonical, contents, digest, sync, sync_one, write_json

CHANGES_NO_RESULT = True


@dataclass(frozen=True)
class Output:
    """A finished folder and what it was made of."""

    stage: str
    key: str
    folder: Path
    meta: dict[str, Any]

    @property
    def path(self) -> Path:
        """The folder, its files compared with what was stored when a process first uses them.

        Raises
        ------
        DamagedError
            See `har.damage.checked`.
        """
        return damage.checked(self.folder)

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
        """The finished output of that key, or None.

        Raises
        ------
        DamagedError
            If its meta data are.
        """
        folder = self.root / stage / key
        meta = damage.read_meta(folder)
        return None if meta is None else Output(stage, key, folder, meta)

    @contextlib.contextmanager
    def claimed(self, stage: str, key: str, *, wait: bool) -> Iterator[bool]:
        """Hold a key while its output is made, so that nobody else makes it too.

        Parameters
        ----------
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
        scratch = _scratch(folder)
        writing = Writing(scratch, parts)
        try:
            yield writing
            files = contents(scratch)
            meta = {
                "stage": stage,
                "key": key,
                "parts": json.loads(canonical(parts)),
                "fingerprint": damage.fingerprint(files, writing.extra),
                "files": files,
                **writing.extra,
            }
            write_json(scratch / damage.META, meta)
            sync(scratch)
            self._publish(scratch, folder / key, replace)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _publish(self, scratch: Path, target: Path, replace: bool) -> None:
        if replace and target.exists():
            grave = _scratch(target.parent)
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, grave / "old")
            shutil.rmtree(grave, ignore_errors=True)
        try:
            os.rename(scratch, target)
        except OSError:
            if not (target / damage.META).is_file():  # not a race with an equal writer
                damage.set_aside(target)
                os.rename(scratch, target)
        sync_one(target.parent)

    def sweep(self, stage: str) -> None:
        """Remove what processes that were ended here left of a stage: parts, and claims that nobody
        holds."""
        folder = self.root / stage
        self._sweep(folder)
        for path in folder.glob(".claim-*"):
            if (handle := _lock(path, wait=False)) is not None:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                os.close(handle)

    def _sweep(self, folder: Path) -> None:
        """Remove what dead processes of this machine left behind; others may share the folder."""
        for partial in folder.glob(f".partial-*-{_host()}-*"):
            pid = partial.name.split("-")[1]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(partial, ignore_errors=True)

    def newest(self, stage: str) -> Iterator[Output]:
        """The finished outputs of a stage, the last first."""
        metas = (self.root / stage).glob(f"[!.]*/{damage.META}")
        for path in sorted(metas, key=lambda p: p.stat().st_mtime, reverse=True):
            with contextlib.suppress(DamagedError):  # is made again when it is needed
                if (found := self.find(stage, path.parent.name)) is not None:
                    yield found

    def why_missing(self, stage: str, parts: Mapping[str, Any]) -> str:
        """What differs from the output of a stage that is most like it: `signal.rate_hz 50 → 25`.

        In the words of the pipeline file; models are told by their names.
        """
        wanted = json.loads(canonical(parts))
        best: list[str] | None = None
        for output in itertools.islice(self.newest(stage), 50):
            changes = [*dict.fromkeys(_differences(output.meta["parts"], wanted))]
            if changes and (best is None or len(changes) < len(best)):
                best = changes
        if best is None:
            return "nothing stored yet"
        more = f" and {len(best) - 3} more" if len(best) > 3 else ""
        return "; ".join(best[:3]) + more


class Writing:
    """The scratch folder of an output that is being made, and what its key is made of."""

    def __init__(self, path: Path, parts: Mapping[str, Any]) -> None:
        self.path, self.parts = path, parts
        self.extra: dict[str, Any] = {}

    def note(self, **extra: Any) -> None:
        """Add to the output's meta data; it counts in the fingerprint."""
        self.extra |= json.loads(canonical(extra))


def _differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for k in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(k), new.get(k), f"{at}.{k}" if at else str(k))
    elif old != new:
        where = at.removeprefix("config.")
        if at.startswith("config.") and isinstance(old or new, dict) and None in (old, new):
            if not where.startswith("backends."):  # they follow from the models
                yield f"{where} {'removed' if new is None else 'added'}"
        elif at in ("code", "inputs.reader"):
            yield "code changed"
        elif at.startswith("inputs."):
            yield f"{at.removeprefix('inputs.')} changed"
        else:
            yield f"{where} {_short(old)} → {_short(new)}"


def _by_name(value: Any) -> Any:
    """Things in a list that have names, by them."""
    named = isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
    if not named or not all("name" in v for v in value):
        return value
    return {v.get("label") or v["name"]: v for v in value}


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 40 else text[:37] + "…"


def _scratch(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".partial-{os.getpid()}-{_host()}-", dir=folder))


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
