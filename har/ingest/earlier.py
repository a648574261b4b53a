"""What an earlier ingest read of the same files, so that an added recording costs its own reading.

pieces.json in an output: for each source, by its key, which rows of the recordings and which
entries of the account are its.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.errors import DamagedError
from har.files import digest, read_json, write_json
from har.ingest import recording_files
from har.ingest.raw import Source
from har.ingest.resolution import Resolved
from har.recording import Recording
from har.store import Output, Store

PIECES = "pieces.json"
Pieces = dict[str, tuple[int, int, int, int]]
"""First and number of recordings, first and number of entries of the account, by key."""


def key_of(
    resolved: Resolved, sources: Sequence[Source], files: Mapping[str, str], root: Path
) -> Callable[[Source], str]:
    """What a source's recordings depend on, as a function of it.

    Parameters
    ----------
    files : mapping
        SHA-256 by path, relative to the root, of all files that are read.

    Notes
    -----
    A file that is no source may tell something of those beside it, and counts for all of them.
    """
    hashes = {(root / name).resolve(): sha for name, sha in files.items()}
    beside: dict[Path, list[str]] = {}
    for path in sorted(hashes.keys() - {s.path.resolve() for s in sources}):
        beside.setdefault(path.parent, []).append(f"{path.name} {hashes[path]}")
    of_folder = {folder: digest(names) for folder, names in beside.items()}
    of_all = digest([resolved.table.model_dump(mode="json"), sorted(resolved.by_format.items())])

    def key(source: Source) -> str:
        path = source.path.resolve()
        labels = source.extra.get("labels")
        return digest(
            [
                of_all, hashes[path], source.member, source.placement, of_folder.get(path.parent),
                hashes.get(labels.path) if labels else None,
                {name: value for name, value in source.extra.items() if name != "labels"},
                labels.shown if labels else None,
            ]
        )  # fmt: skip

    return key


class Earlier:
    """The newest output of `ingest` by the same code that has files in common.

    Parameters
    ----------
    store : Store
    parts : mapping
        What the key of the output that is being made is made of.
    """

    def __init__(self, store: Store, parts: Mapping[str, Any]) -> None:
        alike = (o for o in store.newest("ingest") if _alike(o, parts))
        self._folder = Path()
        self._pieces: Pieces = {}
        self._account: list[Any] = []
        for output in alike:
            try:
                self._folder = output.path
            except DamagedError:  # it is made again when it is needed
                continue
            if (file := self._folder / PIECES).is_file():
                self._pieces = read_json(file)
                self._account = read_json(self._folder / "account.json")["sources"]
                return

    def __contains__(self, key: str) -> bool:
        return key in self._pieces

    @functools.cached_property
    def _recordings(self) -> list[Recording]:
        return recording_files.read(self._folder)

    def get(self, key: str) -> tuple[list[Recording], list[dict[str, Any]]]:
        """The recordings of a source, memory-mapped, and its entries of the account."""
        first, n, at, m = self._pieces[key]
        return self._recordings[first : first + n], self._account[at : at + m]


def write(folder: Path, pieces: Iterable[tuple[str, tuple[int, int, int, int]]]) -> None:
    """Keep which source gave what."""
    write_json(folder / PIECES, dict(pieces))


def _alike(output: Output, parts: Mapping[str, Any]) -> bool:
    """Whether it was made by the same code, and of some of the same files."""
    there = output.meta["parts"]
    inputs = [p["inputs"] for p in (there, parts)]
    files = [set(of["files"].values()) for of in inputs if isinstance(of["files"], dict)]
    same_code = there["code"] == parts["code"] and len({i.get("reader") for i in inputs}) == 1
    return same_code and len(files) == 2 and bool(files[0] & files[1])
