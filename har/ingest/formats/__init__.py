"""Recordings of one's own: phone loggers, wearables, plain tables; recognised by their content.

To add a format: a module with a `FORMAT`, named below, specific ones before general ones.
"""

from __future__ import annotations

import functools
import importlib

from har.ingest.formats.format import Format, Head

MODULES = (
    "har.ingest.formats.wearables",
    "har.ingest.formats.sensor_logger",
    "har.ingest.formats.phyphox",
    "har.ingest.formats.physics_toolbox",
    "har.ingest.formats.androsensor",
    "har.ingest.formats.tables",
)


@functools.cache
def known() -> tuple[Format, ...]:
    """All formats, the most specific first."""
    found: list[Format] = []
    for module in MODULES:
        loaded = importlib.import_module(module)
        found += getattr(loaded, "FORMATS", None) or (loaded.FORMAT,)
    return tuple(found)


def get(name: str) -> Format:
    return next(f for f in known() if f.name == name)


def recognise(head: Head) -> Format | None:
    """The format of a file, or None if it holds no acceleration that we can read."""
    return next((f for f in known() if f.recognise(head)), None)


def is_companion(head: Head) -> bool:
    """A file that belongs to a recording and holds no acceleration itself."""
    return any(f.companion(head) for f in known())
