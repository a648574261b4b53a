"""Who, what and where: from a file's path by a pattern, and from a sidecar CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from har.errors import ConfigError, did_you_mean
from har.ingest.formats.format import decode

T = TypeVar("T")

FIELDS = ("subject", "activity", "session", "placement")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """`{subject}/{activity}_{session}.csv` as a regular expression for the end of a path.

    Raises
    ------
    ConfigError
        For a field that does not exist or stands twice.
    """
    out, seen = "", set()
    for part in re.split(r"(\{[^{}]*\}|\*\*|\*)", pattern):
        if part == "**":
            out += ".*"
        elif part == "*":
            out += "[^/]*"
        elif part.startswith("{"):
            name = part[1:-1]
            if name in ("", "_"):
                out += "[^/]+?"
                continue
            if name not in FIELDS:
                raise ConfigError(
                    f"dataset.pattern: no field {name!r}{did_you_mean(name, FIELDS)} "
                    f"Fields: {', '.join(FIELDS)}; {{_}} matches anything."
                )
            if name in seen:
                raise ConfigError(f"dataset.pattern: {{{name}}} occurs twice in {pattern!r}.")
            seen.add(name)
            out += f"(?P<{name}>[^/]+?)"
        else:
            out += re.escape(part)
    return re.compile(rf"(?:.*/)?{out}")


def read_sidecar(path: Path) -> dict[str, dict[str, str]]:
    try:
        lines = decode(path.read_bytes()).splitlines()
    except OSError as e:
        raise ConfigError(f"dataset.sidecar: {path} cannot be read ({e}).") from e
    rows = list(csv.DictReader(lines))
    if not rows or "file" not in rows[0]:
        raise ConfigError(
            f"dataset.sidecar: {path} must have a column `file` and at least one row."
        )
    known = {"file", *FIELDS}
    if unknown := [c for c in rows[0] if c not in known]:
        raise ConfigError(
            f"dataset.sidecar: {path} has unknown columns: {', '.join(unknown)}. "
            f"Known: {', '.join(sorted(known))}."
        )
    out: dict[str, dict[str, str]] = {}
    for row in rows:
        out[row["file"].strip()] = {k: v.strip() for k, v in row.items() if k != "file" and v}
    return out


def entry(named: Mapping[str, T], shown: str) -> T | None:
    """What is named for a file: by the longest end of its path, or by a folder that it is in."""
    parts = PurePosixPath(shown).parts
    last = PurePosixPath(shown).stem
    ends = [("/".join([*parts[i:-1], x])) for i in range(len(parts)) for x in (parts[-1], last)]
    folders = ["/".join(parts[j:i]) for i in range(len(parts) - 1, 0, -1) for j in range(i)]
    return next((named[name] for name in (*ends, *folders) if name in named), None)
