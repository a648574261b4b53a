"""What `har predict` is given: a file or folder of any format that `har data check` knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from har.config import Table
from har.deploy import tables
from har.errors import DataError
from har.ingest import own
from har.ingest.clean import clean
from har.ingest.doctor.treat import treat
from har.ingest.formats import tables as plain
from har.ingest.formats.base import HEAD_BYTES, look
from har.ingest.raw import Raw, Source

PERSON = "recording"
"""Nobody asks whose it is."""


def open_path(path: Path, said: Table | None = None) -> Iterator[tables.Source]:
    """The recordings of a path, one after the other.

    A text table with a time column is read as it is used, so that a day of it takes no more memory
    than an hour; other formats are read whole, one recording at a time.

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
    found = own.find(table, path.parent)
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
            resolved = own.resolve(table, found.sources)
        for raw in resolved.read(source):
            yield from _whole(raw)


def _streamed(source: Source, table: Table) -> tables.Source | None:
    if source.member or source.extra["format"] != plain.FORMAT.name:
        return None
    with source.path.open("rb") as f:
        head = look(source.path.as_posix(), f.read(HEAD_BYTES))
    return tables.of_table(source.path, head, table)


def _whole(raw: Raw) -> Iterator[tables.Source]:
    if raw.convention is None:  # as of_table, and as the help says
        raw.convention = "android"
    treat(raw)
    errors = [f for f in raw.findings if f.severity == "error"]
    if errors or raw.unit is None:
        what = errors[0].message if errors else "The unit of acceleration cannot be told."
        raise DataError(f"{raw.source}: {what} `har data check` says more; see also --unit.")
    recordings, account = clean(raw)
    for i, recording in enumerate(recordings):
        name = raw.source if len(recordings) == 1 else f"{raw.source}#{i + 1}"
        source = tables.of_recording(recording, name, raw.gravity)
        source.rejected = dict(account.rejected) if i == 0 else {}
        yield source
