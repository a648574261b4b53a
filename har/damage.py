"""Stored outputs that are no longer what was stored: found when first used, and set aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har.errors import DamagedError
from har.files import Stamp, contents, digest, read_json, stamp

CHANGES_NO_RESULT = True

META = "meta.json"
OF_THE_STORE = ("stage", "key", "parts", "fingerprint", "files")
"""Entries of the meta data that the store writes; the others are a stage's own."""

_checked: dict[Path, dict[Path, Stamp]] = {}
"""Folders that this process found whole, and when their files were last changed then."""


def fingerprint(files: Mapping[str, str], meta: Mapping[str, Any]) -> str:
    """The hash of an output: its files' hashes, and what its stage noted."""
    return digest([files, {k: v for k, v in meta.items() if k not in OF_THE_STORE}])


def read_meta(folder: Path) -> dict[str, Any] | None:
    """The meta data of an output; None if it has none.

    Raises
    ------
    DamagedError
        If they cannot be read. The folder is set aside.
    """
    try:
        meta = read_json(folder / META)
    except FileNotFoundError:
        return None
    except ValueError:
        meta = None
    if not isinstance(meta, dict) or {"fingerprint", "parts"} - meta.keys():
        raise _damaged(folder, [META])
    return meta


def checked(folder: Path) -> Path:
    """The folder of an output, once its files were compared with what was stored.

    This is done when a process first uses it, and again if a file was changed since. A folder
    without meta data is not of the store, and not checked.

    Raises
    ------
    DamagedError
        If a file is missing, was added, or has other contents. The folder is set aside.
    """
    now = {path: stamp(path) for path in folder.rglob("*") if path.is_file()}
    if _checked.get(folder) != now and (meta := read_meta(folder)) is not None:
        found = contents(folder)
        found.pop(META, None)
        if fingerprint(found, meta) != meta["fingerprint"]:
            stored = meta.get("files", {})
            names = sorted(n for n in found | stored if found.get(n) != stored.get(n))
            raise _damaged(folder, names or [META])
        _checked[folder] = now
    return folder


def set_aside(folder: Path) -> Path:
    """Move an output out of the way; only the last one of its key is kept."""
    aside = folder.with_name(f".damaged-{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(folder, aside)
    return aside


def _damaged(folder: Path, names: list[str]) -> DamagedError:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    what = f"{folder}: {', '.join(names[:3])}{more} is not what was stored (damaged, or edited)."
    try:
        aside = set_aside(folder)
    except OSError as e:
        then = f"It could not be set aside ({e.strerror}). Delete that folder and run again."
    else:
        then = f"It was set aside as {aside.name}; a run makes it again."
    return DamagedError(f"{what} {then}", folder)
