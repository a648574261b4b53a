"""The published files of a data set: from a mirror, from a folder of the user's, or the network.

Every file that arrives is written beside its place first and renamed when it is whole, and what is
known of it (SHA-256, size, where from, when) is kept in `fetched.json` beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from har.errors import DataError
from har.files import replace_file, sha256_file
from har.ingest import packing
from har.ingest.archives import check_archive
from har.ingest.datasets.dataset import Dataset, PublishedFile

RECORD = "fetched.json"
MIRROR = "HAR_DATA_MIRROR"
CHUNK = 1 << 20


def ensure(
    dataset: Dataset, raw: Path, *, console: Console, source: Path | None = None
) -> list[Path]:
    """The files of a data set, fetched if they are not there.

    Parameters
    ----------
    dataset : Dataset
    raw : Path
        `data/raw` of the workspace.
    console : Console
        For progress.
    source : Path, optional
        A folder that holds the files, as published or unpacked, or the file itself, to copy from;
        replaces what is there.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If a file can be had from nowhere, or is not what its checksum says.
    """
    if not dataset.files:  # recorded here, published nowhere
        return dataset.paths(raw)
    folder = dataset.folder(raw)
    for file in dataset.files:
        path = folder / file.name
        if dataset.builtin:
            if not path.is_file():
                raise DataError(f"{path} is missing: install this package again.")
            continue
        if source is not None and (local := _inside(source, dataset, file)):
            _copy(dataset, file, local, path, console)
        elif source is not None:
            _pack(dataset, file, source, path, console)
        elif not path.is_file():
            _get(dataset, file, path, console)
    return [folder / f.name for f in dataset.files]


def _get(dataset: Dataset, file: PublishedFile, path: Path, console: Console) -> None:
    mirror = os.environ.get(MIRROR)
    if mirror:
        local = Path(mirror) / dataset.name / file.name
        if local.is_file():
            _copy(dataset, file, local, path, console)
            return
    if not file.url:
        raise DataError(
            f"{file.name} of {dataset.name} cannot be downloaded directly. Get it from "
            f"{dataset.page} and run: har data fetch {dataset.name} --from FOLDER"
        )
    _download(dataset, file, path, console)


def _inside(source: Path, dataset: Dataset, file: PublishedFile) -> Path | None:
    candidates = [source] if source.is_file() else []
    candidates += [source / file.name, source / dataset.name / file.name]
    for candidate in candidates:
        if candidate.is_file() and (candidate != source or len(dataset.files) == 1):
            return candidate
    return None


def _pack(
    dataset: Dataset, file: PublishedFile, folder: Path, path: Path, console: Console
) -> None:
    one = folder.is_dir() and len(dataset.files) == 1
    found = packing.unpacked(folder, dataset) if one else {}
    if not found:
        raise DataError(
            f"{folder} contains neither {file.name} nor its unpacked files. --from takes a folder "
            "that contains one of them."
        )
    with _arriving(path) as scratch, console.status(f"packing {len(found)} files"):
        packed = scratch.with_name(f"{scratch.name}-{file.name}")
        try:
            packing.pack(found, packed)
            os.replace(packed, scratch)
        finally:
            packed.unlink(missing_ok=True)
        _record(path, {**_facts(scratch), "from": f"local copy: {folder}, unpacked"})
    console.print(f"{dataset.name}: {file.name} packed from {len(found)} files in {folder}")


def _copy(dataset: Dataset, file: PublishedFile, local: Path, path: Path, console: Console) -> None:
    with _arriving(path) as scratch, _progress(console, file.name, local.stat().st_size) as advance:
        with local.open("rb") as source, scratch.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                advance(len(chunk))
        check_archive(scratch, file.name)
        _record(path, {**_facts(scratch), "from": f"local copy: {local}"})
    console.print(f"{dataset.name}: {file.name} copied from {local}")


def _download(dataset: Dataset, file: PublishedFile, path: Path, console: Console) -> None:
    """Download by pooch. A partial file has another name, and a new try starts afresh."""
    import pooch
    import requests

    known = file.checksum or _remembered(path)
    console.print(f"{dataset.name}: fetching {file.url}")
    with _arriving(path) as scratch, _progress(console, file.name, None) as advance:
        downloader = pooch.HTTPDownloader(progressbar=_Bar(advance), timeout=60)
        try:
            downloader(file.url, str(scratch), None)
        except (requests.RequestException, OSError, ValueError) as e:
            raise DataError(
                f"Could not download {file.url} ({_brief(e)}). Try again, or get the file from "
                f"{dataset.page} and run: har data fetch {dataset.name} --from FOLDER\n"
                f"(or set {MIRROR} to a folder that holds {dataset.name}/{file.name})."
            ) from e
        facts = _facts(scratch)
        if known and not pooch.hashes.hash_matches(str(scratch), known):
            origin = "its publisher" if file.checksum else f"the first download ({RECORD})"
            raise DataError(
                f"{file.url} is not the file that {origin} gave: expected {known}, received "
                f"sha256:{facts['sha256']}. Delete {path.parent / RECORD} if you trust the new one."
            )
        check_archive(scratch, file.name)
        _record(path, {**facts, "from": file.url, "checksum": file.checksum or "unknown"})


def _brief(e: BaseException) -> str:
    text = str(e)
    return f"{type(e).__name__}: {text[:160]}{'…' if len(text) > 160 else ''}"


class _Bar:
    """What pooch wants of a progress bar."""

    def __init__(self, advance: Any) -> None:
        self._advance = advance
        self.total = 0

    def update(self, n: int) -> None:
        self._advance(n)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


@contextlib.contextmanager
def _progress(console: Console, name: str, total: int | None) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda n: progress.advance(task, n)


@contextlib.contextmanager
def _arriving(path: Path) -> Iterator[Path]:
    """A scratch file that becomes `path` when the block ends well; gone when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.part-*"):
        pid = left.name.rpartition(".part-")[2].split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):  # it was killed
            left.unlink(missing_ok=True)
    prefix = f".{path.name}.part-{os.getpid()}-"
    handle, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _facts(path: Path) -> dict[str, Any]:
    return {
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _record(path: Path, facts: dict[str, Any]) -> None:
    record = path.parent / RECORD
    known = records(path.parent)
    # A local copy may be repacked: it does not become what downloads are held to.
    old = known.get(path.name, {})
    if "downloaded_sha256" in old:
        facts["downloaded_sha256"] = old["downloaded_sha256"]
    if not str(facts["from"]).startswith("local copy"):
        facts["downloaded_sha256"] = facts["sha256"]
    known[path.name] = facts
    replace_file(record, (json.dumps(known, indent=2) + "\n").encode())


def records(folder: Path) -> dict[str, Any]:
    """What is known of the fetched files of a folder, by file name."""
    try:
        found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def _remembered(path: Path) -> str | None:
    digest = records(path.parent).get(path.name, {}).get("downloaded_sha256")
    return f"sha256:{digest}" if digest else None
