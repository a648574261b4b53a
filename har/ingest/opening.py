"""What is given to predict on: files or folders of any format that is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from har.errors import DataError
from har.ingest import chunks, discovery, resolution
from har.ingest.clean import REPEATED, Account
from har.ingest.formats import guess, tables
from har.ingest.raw import Raw, Source
from har.ingest.repair import is_problem, loss, refuse, repair_source
from har.own_recordings import Table
from har.recording import ChunkedRecording

PERSON = "recording"
"""Nobody asks whose a recording is that is only predicted on."""

PLAIN = {"time", "x", "y", "z"}
"""A table with these columns is in m/s², unless its values are surely something else."""

ADVICE = (
    "Run `har data check` for details. Options of `har predict`: --unit, --convention, --gravity, "
    "--time-unit, --rate-hz."
)


def open_path(
    path: Path, said: Table | None = None, trained: Table | None = None,
    left_out: list[tuple[str, str]] | None = None,
) -> Iterator[ChunkedRecording]:  # fmt: skip
    """The recordings of a path to predict on, one after the other.

    Each must be used up before the next is asked for: a text file of 16 MB or more is read as it is
    used (see `har.ingest.chunks.of_parts`), so that a day takes no more memory than an hour.

    Parameters
    ----------
    path : Path
        A file, an archive or a folder.
    said : Table, optional
        What the user said of unit, sign, rate and gravity. The sign is Android's unless the file or
        the user says otherwise.
    trained : Table, optional
        What was said of the tables that a model was trained on. It holds for tables with the same
        columns where the user says nothing else.
    left_out : list of (str, str), optional
        Is told of files that are not read, with the reason.

    Raises
    ------
    DataError
        If there is nothing that can be read, or something must be said first. Of one file among
        others that is no error where `left_out` is told of it.
    """
    said = (said or Table(path="")).model_copy(update={"subject": PERSON})
    found, resolved = _found(path, _as_trained(path, said, trained) if trained else said)
    opened = False
    empty: list[str] = []
    refused: list[tuple[str, DataError]] = []
    for source in found.sources:
        begun = False
        try:
            for one in _opened(source, resolved, empty):
                opened = begun = True
                one.name = one.name.removeprefix(f"{path.name}/")
                yield one
        except DataError as e:
            if begun or left_out is None:
                raise
            refused.append((source.extra["shown"], e))
    if not opened and refused:
        raise refused[0][1]
    if not opened:
        why = empty[0] if empty else f"{path}: it has no usable samples."
        raise DataError(f"{why} Run `har data check` for details.")
    if left_out is not None:
        left_out += [*((name, str(e)) for name, e in refused), *found.rejected, *found.not_used]


def _as_trained(path: Path, said: Table, trained: Table) -> Table:
    """What is known of the tables of a path, if a model was trained on their like."""
    known = {**trained.model_dump(exclude_defaults=True), **said.model_dump(exclude_defaults=True)}
    if said.unit or said.scale:  # the one takes the place of the other
        scale = {"unit", "counts_per_g", "zero", "six_positions"}
        known |= said.model_dump(include=scale)
    table = Table.model_validate({**known, "path": str(path.resolve())})
    sources = discovery.find(table, path.parent).sources if path.exists() else []
    if not sources or any(s.extra["format"] != tables.FORMAT.name for s in sources):
        return said.model_copy(update={"autocalibrate": table.autocalibrate})
    if (columns := table.columns) is None:
        return table
    heads = [discovery.head_of(s) for s in sources]
    if not all(tables.recognise_with(head, columns) for head in heads):
        return said
    # What is predicted on need not say what is in it, or whose it is.
    lacking = {
        name: None
        for name in ("label", "subject")
        if any(getattr(columns, name) not in head.names for head in heads)
    }
    return table.model_copy(update={"columns": columns.model_copy(update=lacking)})


def _found(path: Path, said: Table) -> tuple[discovery.Found, resolution.Resolved]:
    if not path.exists():
        raise DataError(f"No recording at {path}.")
    table = said.model_copy(update={"path": str(path.resolve())})
    found = discovery.find(table, path.parent)
    if not found.sources:
        why = [f"{name}: {reason}" for name, reason in (*found.rejected, *found.not_used)[:3]]
        raise DataError(
            f"{path}: no readable recording in it. {'; '.join(why)}. A CSV file with the "
            "columns time (s), x, y, z (m/s²) can always be read."
        )
    return found, resolution.resolve(table, found.sources)


def _opened(
    source: Source, resolved: resolution.Resolved, empty: list[str]
) -> Iterator[ChunkedRecording]:
    """What one source holds; why it holds nothing is added to `empty`."""
    suppose = _supposed(source)
    if (beginning := _beginning(source, resolved, suppose)) is not None:
        like, read_as = beginning
        account = Account(like.source)
        for one in chunks.of_parts(_in_parts(source, resolved, account), like):
            one.read_as = read_as
            yield one
            account.rejected.update(one.rejected)
        account.copies = account.rejected[REPEATED]  # what they repeat is no longer at hand
        if (found := loss([account])) and is_problem(found):
            refuse([found], ADVICE)
        return
    stretches = repair_source(resolved.read(source), suppose)
    if problems := [problem for one in stretches for problem in one.problems]:
        refuse(problems, ADVICE)
    for repaired in stretches:
        account, raw = repaired.account, repaired.raw
        empty += [f"{f.where}: {f.message}" for f in account.findings if f.action == "rejected"]
        for i, recording in enumerate(repaired.recordings):
            name = raw.source if i == 0 else f"{raw.source}#{i + 1}"
            one = chunks.of_recording(recording, name, repaired.raw.gravity)
            one.read_as = repaired.read_as
            one.rejected = dict(account.rejected) if i == 0 else {}
            yield one


def _in_parts(source: Source, resolved: resolution.Resolved, account: Account) -> Iterator[Raw]:
    """Each part, timed as those before it told; their samples are counted."""
    clock = None
    for part in resolution.parts(source, resolved.table):
        for raw in resolved.read(part, clock):
            clock = raw.clock
            account.samples_in += raw.n_in
            yield raw


def _supposed(source: Source) -> dict[str, Any]:
    """What is gone on with where nobody says it."""
    suppose = {"convention": "android"}
    if source.extra["format"] == tables.FORMAT.name:
        c = guess.columns(discovery.head_of(source))
        if c is not None and {c.time, c.x, c.y, c.z} == PLAIN:
            suppose["unit"] = "m/s2"
    return suppose


def _beginning(
    source: Source, resolved: resolution.Resolved, suppose: dict[str, Any]
) -> tuple[Raw, dict[str, str]] | None:
    """A long file's first rows, examined, and what they are read as; or None: to be read whole.

    So it is wherever its beginning alone does not settle how the rest is to be read.
    """
    first = next(resolution.parts(source, resolved.table), None)
    if first is None:
        return None
    try:
        stretches = repair_source(resolved.read(first), suppose)
    except DataError:
        return None
    if len(stretches) != 1:
        return None
    (repaired,) = stretches
    if repaired.problems or not repaired.recordings or repaired.raw.time_s is None:
        return None
    if any(f.code in ("coarse-clock", "date-order") for f in repaired.account.findings):
        return None
    rate_hz = repaired.recordings[0].rate_hz
    return replace(repaired.raw, **repaired.supposed, rate_hz=rate_hz), repaired.read_as
