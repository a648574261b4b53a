"""A user's own recordings read: with what they said, and what their files together tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from har.errors import DataError
from har.ingest import content, formats, intervals
from har.ingest.clock import Clock
from har.ingest.discovery import head_of
from har.ingest.examine import timing, values
from har.ingest.examine.treat import FALLBACK_RATE_HZ
from har.ingest.formats.format import Hints
from har.ingest.raw import Gravity, Raw, Source, Unit
from har.own_recordings import Table

PROBES = 8
"""Files of each format that are looked at to find out what none of them says."""

LONG_BYTES = 16 << 20
"""A text file of this size is probed, and read for a prediction, a part at a time."""

PART_BYTES = 1 << 20
"""Its rows and what is computed from them stay in the processor's cache."""


def read(source: Source, table: Table, clock: Clock | None = None) -> Iterator[Raw]:
    """The recordings of one source, as they stand in it.

    Parameters
    ----------
    source : Source
    table : Table
    clock : Clock, optional
        What the rows before this part of it told.
    """
    form = formats.get(source.extra["format"])
    for raw in form.read(source, head_of(source), Hints(table, clock)):
        raw.source = raw.source.replace(source.name, source.extra["shown"], 1)
        raw.findings = [
            replace(f, where=f.where.replace(source.name, source.extra["shown"], 1))
            for f in raw.findings
        ]
        raw.provenance.setdefault("format", form.name)
        yield raw


def parts(source: Source, table: Table) -> Iterator[Source]:
    """A long text file as sources of some lines each; nothing if it must be read whole."""
    if (
        table.autocalibrate
        or source.member
        or source.path.stat().st_size < LONG_BYTES
        or content.is_coded(source)
    ):
        return
    head = head_of(source)
    if formats.get(source.extra["format"]).in_parts(head, Hints(table)):
        yield from content.parts(source, head.header.skip_rows, PART_BYTES)


@dataclass(frozen=True)
class Resolved:
    """A user's table, with what was found out from some of its files and holds for all.

    One file of vigorous arm movement may not tell whether gravity is in it; its neighbours of the
    same format do.

    Parameters
    ----------
    table : Table
    by_format : dict
        `(unit, gravity)` for each format whose files do not say.
    """

    table: Table
    by_format: dict[str, tuple[Unit | None, Gravity | None]] = field(default_factory=dict)

    def read(self, source: Source, clock: Clock | None = None) -> Iterator[Raw]:
        for raw in read(source, self.table, clock):
            unit, gravity = self.by_format.get(source.extra["format"], (None, None))
            if raw.unit is None and unit is not None:
                raw.unit = unit
                raw.provenance["unit_from"] = "the files read together"
            if raw.gravity is None and gravity is not None:
                raw.gravity = gravity
            if said := self.table.labels:
                intervals.join(raw, source.extra["labels"], said, source.extra["shown"])
            yield raw


def resolve(table: Table, sources: list[Source]) -> Resolved:
    """Find out unit and gravity, where nobody says, from a few files spread over all."""
    by_format: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        by_format[source.extra["format"]].append(source)
    told = table.gravity and (table.unit or table.scale)
    groups = {} if told else {name: group for name, group in by_format.items() if len(group) > 1}
    answers: dict[str, tuple[Unit | None, Gravity | None]] = {}
    for name, group in groups.items():
        units: set[Any] = set()
        gravities: set[Any] = set()
        silent = False
        for source in group[:: max(1, len(group) // PROBES)][:PROBES]:
            try:
                raws = list(read(next(parts(source, table), source), table))
            except DataError:
                continue
            for raw in raws:
                if raw.unit is not None and raw.gravity is not None:
                    continue
                silent = True
                timing.spread(raw)
                rate = timing.rate_hz(raw) or FALLBACK_RATE_HZ
                values.examine(raw, values.working(raw), rate)
                units |= {raw.unit} - {None}
                gravities |= {raw.gravity} - {None}
        if silent:
            answers[name] = (
                next(iter(units)) if len(units) == 1 else None,
                next(iter(gravities)) if len(gravities) == 1 else None,
            )
    return Resolved(table, answers)
