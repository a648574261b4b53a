"""A published set that was unpacked, packed again as its readers take it."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from har.errors import DataError
from har.ingest.archives import MAX_MEMBERS
from har.ingest.content import is_tar
from har.ingest.datasets.dataset import Dataset


def unpacked(folder: Path, dataset: Dataset) -> dict[str, Path]:
    """The files of a set's archive by their names in it, if they are in a folder; else none.

    Of a folder that holds other things too, these are the texts and the set's own kinds of files
    below where its recordings are.
    """
    files = {f"{folder.name}/{p.relative_to(folder).as_posix()}": p for p in _below(folder)}
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / dataset.files[0].name
        pack(dict.fromkeys(files, Path(os.devnull)), archive)  # names tell what there is
        try:
            sources = [s for p in dataset.placements for s in dataset.sources(archive.parent, p)]
        except DataError:
            return {}
    found = [files[s.member] for s in sources]
    if not found:
        return {}
    root = Path(os.path.commonpath([path.parent for path in found]))
    kinds = {".csv", ".txt", *(path.suffix for path in found)}
    return {n: p for n, p in files.items() if root in p.parents and p.suffix in kinds}


def _below(folder: Path) -> list[Path]:
    found = []
    for here, folders, files in os.walk(folder):
        folders.sort()
        found += [Path(here, f) for f in sorted(files) if not f.startswith(".")]
        if len(found) > MAX_MEMBERS:
            raise DataError(f"{folder} holds more than {MAX_MEMBERS} files. Name the set's folder.")
    return found


def pack(files: Mapping[str, Path], archive: Path) -> None:
    """Files as an archive of the kind that its name says."""
    if is_tar(archive):
        with tarfile.open(archive, "w:gz" if archive.suffix in {".gz", ".tgz"} else "w") as tar:
            for name, path in files.items():
                member = tarfile.TarInfo(name)
                member.size = path.stat().st_size if path.is_file() else 0
                with path.open("rb") as f:
                    tar.addfile(member, f)
        return
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, path in files.items():
            with path.open("rb") as f, packed.open(name, "w", force_zip64=True) as target:
                while chunk := f.read(1 << 20):
                    target.write(chunk)
