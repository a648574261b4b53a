"""What `har predict` is given: a file or folder of any format that `har data check` knows."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from har.config import Table
from har.errors import DataError
from har.ingest import chunks, discovery
from har.ingest.clean import Account, clean
from har.ingest.examine.treat import treat
from har.ingest.formats import tables as plain
from har.ingest.formats.format import HEAD_BYTES, look
from har.ingest.raw import Raw, Source
from har.recording import Recording

WORTH_STREAMING_BYTES = 16 << 20
"""A phone logger's file below this is read whole, by its own reader."""

BEGINNING_BYTES = 1 << 20

PERSON = "recording"
"""Nobody asks whose it is."""


def open_path(path: Path, said: Table | None = None) -> Iterator[chunks.Source]:
    """The recordings of a path, one after the other.

    A text table with a time column, a phone logger's among them, is read as it is used, so that a
    day of it takes no more memory than an hour; archives and wearables' binary files are read
    whole, one recording at a time.

    Parameters
    ----------
    path : Path
        A file, a phone logger's zip archive, or a folder.
    said : Table, optional
        What the user said of unit, sign, rate and gravity.

    Raises
    ------
    DataError
        If there is nothing that can be read, or something must be said first.
    """
    if not path.exists():
        raise DataError(f"No recording at {path}.")
    table = (said or Table(path="")).model_copy(
        update={"path": str(path.resolve()), "subject": PERSON}
    )
    found = discovery.find(table, path.parent)
    if not found.sources:
        why = [f"{name}: {reason}" for name, reason in (*found.rejected, *found.not_used)[:3]]
        raise DataError(
            f"{path}: no recording in it that can be read. {'; '.join(why)}. A CSV with the "
            "columns time (s), x, y, z (m/s²) always can."
        )
    resolved = None
    for source in found.sources:
        streamed = _streamed(source, table)
        if streamed is not None:
            yield streamed
            continue
        if resolved is None:  # it reads whole files
            resolved = discovery.resolve(table, found.sources)
        for raw in resolved.read(source):
            yield from _whole(raw)


def _streamed(source: Source, table: Table) -> chunks.Source | None:
    """A table that is read as it is used, or None if it must be read whole."""
    if source.member:
        return None
    with source.path.open("rb") as f:
        head = look(source.path.as_posix(), f.read(HEAD_BYTES))
    if source.extra["format"] == plain.FORMAT.name:
        return chunks.of_table(source.path, head, table)
    if source.path.stat().st_size < WORTH_STREAMING_BYTES:
        return None
    beginning = _beginning(source, table)
    if beginning is None:
        return None
    raw, recording = beginning
    said = {"unit": raw.unit, "convention": raw.convention, "gravity": raw.gravity}
    made = chunks.of_table(source.path, head, table.model_copy(update=said))
    if made is None:
        return None
    # The logger's own reader must agree: it may add another file's gravity, or know better.
    first = next(made.chunks, None)
    if first is None:
        return None
    n = min(len(first.time_s), recording.n_samples)
    same = np.allclose(first.samples[:n], recording.acceleration[:n], atol=1e-3)
    if not same or (
        recording.time_s is not None
        and not np.allclose(first.time_s[:n], recording.time_s[:n], atol=1e-4)
    ):
        return None
    made.chunks = itertools.chain([first], made.chunks)
    return made


def _beginning(source: Source, table: Table) -> tuple[Raw, Recording] | None:
    """What the format's own reader makes of the first lines, with the small files beside them."""
    with tempfile.TemporaryDirectory() as folder, source.path.open("rb") as f:
        short = Path(folder) / source.path.name
        text = f.read(BEGINNING_BYTES)
        short.write_bytes(text[: text.rfind(b"\n") + 1])
        for other in source.path.parent.iterdir():
            if other != source.path and other.is_file() and other.stat().st_size < HEAD_BYTES:
                shutil.copy(other, folder)
        try:
            raws = list(discovery.read(replace(source, path=short), table))
            if len(raws) != 1:
                return None
            recordings = _cleaned(raws[0])[0]
        except DataError:
            return None
    return (raws[0], recordings[0]) if len(recordings) == 1 else None


def _cleaned(raw: Raw) -> tuple[list[Recording], Account]:
    if raw.convention is None:  # as of_table, and as the help says
        raw.convention = "android"
    treat(raw)
    errors = [f for f in raw.findings if f.severity == "error"]
    if errors or raw.unit is None:
        what = errors[0].message if errors else "The unit of acceleration cannot be told."
        see = "; see also --unit" if raw.unit is None and len(raw.acceleration) else ""
        raise DataError(f"{raw.source}: {what} `har data check` says more{see}.")
    return clean(raw)


def _whole(raw: Raw) -> Iterator[chunks.Source]:
    recordings, account = _cleaned(raw)
    for i, recording in enumerate(recordings):
        name = raw.source if len(recordings) == 1 else f"{raw.source}#{i + 1}"
        source = chunks.of_recording(recording, name, raw.gravity)
        source.rejected = dict(account.rejected) if i == 0 else {}
        yield source
