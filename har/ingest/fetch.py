"""The published files of a data set: from a mirror, from a folder of the user's, or the network.

Every file that arrives is written beside its place first and renamed when it is whole, and what is
known of it (SHA-256, size, where from, when) is kept in `fetched.json` beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from har.errors import DataError
from har.files import replace_file, sha256_file
from har.ingest.datasets.dataset import Dataset, PublishedFile

RECORD = "fetched.json"
MIRROR = "HAR_DATA_MIRROR"
CHUNK = 1 << 20

# An archive that unpacks to more than this is refused before it is read.
MAX_UNPACKED_BYTES = 64 << 30
MAX_RATIO = 200
MAX_MEMBERS = 200_000


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
        A folder that holds the files, or the file itself, to copy from; replaces what is there.

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
        if source is not None:
            _copy(dataset, file, _inside(source, dataset, file), path, console)
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


def _inside(source: Path, dataset: Dataset, file: PublishedFile) -> Path:
    candidates = [source] if source.is_file() else []
    candidates += [source / file.name, source / dataset.name / file.name]
    for candidate in candidates:
        if candidate.is_file() and (candidate != source or len(dataset.files) == 1):
            return candidate
    raise DataError(f"No {file.name} in {source}. --from takes the folder that holds it.")


def _copy(dataset: Dataset, file: PublishedFile, local: Path, path: Path, console: Console) -> None:
    with _arriving(path) as scratch, _progress(console, file.name, local.stat().st_size) as advance:
        with local.open("rb") as source, scratch.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                advance(len(chunk))
        _check_archive(scratch, file.name)
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
                f"{file.url} is not the file that {origin} knows: expected {known}, got "
                f"sha256:{facts['sha256']}. Delete {path.parent / RECORD} if you trust the new one."
            )
        _check_archive(scratch, file.name)
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


# Archives --------------------------------------------------------------------------------------


def _check_archive(path: Path, name: str) -> None:
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
    except (zipfile.BadZipFile, OSError) as e:
        raise DataError(f"{name} is not a whole zip archive ({e}). Fetch it again.") from e
    total = 0
    for info in infos:
        pure = PurePosixPath(info.filename.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or (pure.parts and ":" in pure.parts[0]):
            raise DataError(f"{name}: member {info.filename!r} would leave its folder. Refused.")
        if (info.external_attr >> 16) & 0o170000 == 0o120000:
            raise DataError(f"{name}: member {info.filename!r} is a link. Refused.")
        total += info.file_size
    if len(infos) > MAX_MEMBERS or total > MAX_UNPACKED_BYTES or (
        total > (256 << 20) and total > MAX_RATIO * path.stat().st_size
    ):  # fmt: skip
        raise DataError(
            f"{name}: {len(infos)} members of {total / 1e9:.1f} GB unpacked from "
            f"{path.stat().st_size / 1e6:.1f} MB. Refused as an archive bomb."
        )
    return infos


def check_tar(path: Path, name: str) -> None:
    """The same for a tar archive; its members are read in place, never unpacked."""
    total = count = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                pure = PurePosixPath(member.name)
                if pure.is_absolute() or ".." in pure.parts:
                    raise DataError(f"{name}: member {member.name!r} would leave its folder.")
                if member.issym() or member.islnk() or member.isdev():
                    raise DataError(f"{name}: member {member.name!r} is a link. Refused.")
                total, count = total + member.size, count + 1
                if total > MAX_UNPACKED_BYTES or count > MAX_MEMBERS:
                    raise DataError(f"{name}: too large unpacked. Refused as an archive bomb.")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as e:
        raise DataError(f"{name} is not a whole tar archive ({e}). Fetch it again.") from e


def unpack_zip(path: Path, folder: Path) -> list[Path]:
    """Unpack an archive into a folder, after `check_zip`; an overlong member is refused."""
    infos = check_zip(path, path.name)
    done = []
    with zipfile.ZipFile(path) as archive:
        for info in infos:
            if info.is_dir():
                continue
            target = folder.joinpath(*PurePosixPath(info.filename.replace("\\", "/")).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
            done.append(target)
    return done
