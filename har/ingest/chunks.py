"""Recordings as chunks, read as they are needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har.config import Columns, Table
from har.errors import DataError
from har.ingest.examine.treat import treat
from har.ingest.formats import tables
from har.ingest.formats.format import Head, Hints
from har.ingest.raw import TO_MS2, Raw
from har.recording import Chunk, Recording

CHUNK_ROWS = 1 << 15
"""Rows at a time: they and what is computed from them stay in the processor's cache."""

BLOCK_BYTES = 1 << 20

PLAIN = {"time", "x", "y", "z"}
"""A table with these columns is in s and m/s², unless its values are surely something else."""

RESTART_S = 1.0
"""A step back of more than this is another recording; a smaller one is rows out of order."""


@dataclass
class Source:
    """A recording that is about to be read.

    Parameters
    ----------
    name : str
    chunks : iterator of Chunk
        To be used once.
    annotations : list of (start_s, end_s, label)
        Complete once the chunks are used up.
    rejected : dict
        Rows left out, by reason; complete once the chunks are used up.
    gravity : str or None
        present or removed; None where nobody can tell.
    """

    name: str
    chunks: Iterator[Chunk]
    annotations: list[tuple[float, float, str]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    gravity: str | None = None


def of_recording(recording: Recording, name: str = "", gravity: str | None = None) -> Source:
    """The chunks of a recording in memory (or memory-mapped)."""

    def chunks() -> Iterator[Chunk]:
        for a in range(0, recording.n_samples, CHUNK_ROWS):
            b = min(a + CHUNK_ROWS, recording.n_samples)
            if recording.time_s is None:
                time = np.arange(a, b) / recording.rate_hz
            else:
                time = np.asarray(recording.time_s[a:b]) - recording.time_s[0]
            yield Chunk(time, np.asarray(recording.acceleration[a:b]))

    def seconds(i: int) -> float:
        if recording.time_s is None or i >= recording.n_samples:
            return recording.length_s if i >= recording.n_samples else i / recording.rate_hz
        return float(recording.time_s[i] - recording.time_s[0])

    notes = [(seconds(n.start), seconds(n.end), n.label) for n in recording.annotations]
    return Source(name or recording.id, chunks(), notes, gravity=gravity)


def of_table(path: Path, head: Head, said: Table) -> Source | None:
    """The chunks of a text table with a time column, whatever its length.

    The first block tells the units, with the signal doctor's help where the header does not.

    Parameters
    ----------
    path : Path
    head : Head
    said : Table
        What the user said. The sign is Android's unless it says otherwise.

    Returns
    -------
    Source or None
        None if the table must be read whole: no time column, dates, several people.

    Raises
    ------
    DataError
        (Also while the chunks are read) if the file is not such a table.
    """
    columns = tables.guess_columns(head)
    if columns is None or columns.time is None or columns.subject or not head.columns:
        return None
    try:
        reader = _Reader(path, head, columns)
        first = next(reader.blocks(), None)
    except DataError:
        return None
    if first is None:
        return None
    time_scale, scale, gravity = _units(first, columns, said, path.name)
    source = Source(path.name, iter(()), gravity=gravity)
    source.chunks = _chunks(source, reader, time_scale, scale)
    return source


def _units(
    first: dict[str, Any], columns: Columns, said: Table, name: str
) -> tuple[float, float, str | None]:
    """Seconds in a unit of time, m/s² in a unit of acceleration with its sign, gravity or not."""
    assert columns.time is not None
    time = first["time"]
    relative, _ = tables.seconds(time, columns.time, Hints(said), name)
    steps = np.diff(time) != 0
    ratio = np.diff(relative)[steps] / np.diff(time)[steps]
    time_scale = float(f"{np.median(ratio):.3g}") if len(ratio) else 1.0
    raw = Raw(
        dataset="", subject="-", session="", placement="",
        acceleration=first["samples"].astype(np.float64),
        unit=said.unit or tables.unit_of(columns), convention=said.convention or "android",
        gravity=said.gravity, time_s=relative, source=name,
    )  # fmt: skip
    treat(raw)
    if raw.unit is None and {columns.time, columns.x, columns.y, columns.z} == PLAIN:
        raw.unit = "m/s2"  # as the documentation says of such a table
    if raw.unit is None:
        raise DataError(
            f"{name}: neither the header nor the values tell the unit of acceleration. "
            "Say --unit m/s2, g or mg."
        )
    sign = -1.0 if raw.convention == "ios" else 1.0
    return time_scale, sign * TO_MS2[raw.unit], raw.gravity


def _chunks(source: Source, reader: _Reader, time_scale: float, scale: float) -> Iterator[Chunk]:
    origin = last = None
    for block in reader.blocks():
        time, samples = block["time"], block["samples"]
        good = np.isfinite(time) & np.isfinite(samples).all(1)
        _count(source, "not finite", len(time) - int(good.sum()))
        if not good.any():
            continue
        origin = float(time[good][0]) if origin is None else origin
        time = (time - origin) * time_scale
        # Later than everything before it: repeated instants and small steps back go.
        before = -np.inf if last is None else last
        reached = np.maximum.accumulate(np.where(good, time, -np.inf))
        reached = np.maximum(np.r_[before, reached[:-1]], before)
        behind = good & (time <= reached)
        if (back := float((reached - time)[behind].max(initial=0))) > RESTART_S:
            raise DataError(
                f"{source.name}: time steps back by {back:.3g} s. Split the file there: these are "
                "two recordings."
            )
        _count(source, "repeated instant or step back", int(behind.sum()))
        keep = good & ~behind
        if not keep.any():
            continue
        if block["label"] is not None:
            _annotate(source, time[keep], np.array(block["label"], object)[keep])
        time = time[keep]
        samples = (samples[keep] * scale).astype(np.float32)
        last = float(time[-1])
        for a in range(0, len(time), CHUNK_ROWS):
            yield Chunk(time[a : a + CHUNK_ROWS], samples[a : a + CHUNK_ROWS])


class _Reader:
    """Blocks of a text table: time, samples (n, 3), label."""

    def __init__(self, path: Path, head: Head, columns: Columns) -> None:
        import pyarrow as pa
        import pyarrow.csv as csv

        self.path, self.head, self.columns = path, head, columns
        numbers = [columns.time, columns.x, columns.y, columns.z]
        types = {str(c): pa.float64() for c in numbers}
        if columns.label:
            types[columns.label] = pa.string()
        self._read = csv.ReadOptions(
            use_threads=False, block_size=4 * BLOCK_BYTES, column_names=head.names
        )
        self._parse = csv.ParseOptions(delimiter=head.delimiter)
        self._convert = csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            strings_can_be_null=True,
            decimal_point=head.decimal,
            null_values=["", "NaN", "nan", "null", "NULL", "NA"],
        )

    def blocks(self) -> Iterator[dict[str, Any]]:
        import pyarrow as pa
        import pyarrow.csv as csv

        c = self.columns
        for text in _whole_lines(self.path, self.head.skip_rows):
            try:
                table = csv.read_csv(
                    pa.BufferReader(text),
                    read_options=self._read,
                    parse_options=self._parse,
                    convert_options=self._convert,
                )
            except pa.ArrowInvalid as e:
                raise DataError(
                    f"{self.path} is not a table of time, x, y, z: {str(e).splitlines()[0]}"
                ) from e
            axes = [table[name].to_numpy(zero_copy_only=False) for name in (c.x, c.y, c.z)]
            yield {
                "time": table[c.time].to_numpy(zero_copy_only=False),
                "samples": np.stack(axes, axis=1),
                "label": table[c.label].to_pylist() if c.label else None,
            }


def _whole_lines(path: Path, skip_rows: int) -> Iterator[bytes]:
    """The lines after the header, a block at a time.

    pyarrow's own streaming reader reads ahead: its memory grows with the file.
    """
    with path.open("rb") as f:
        for _ in range(skip_rows):
            f.readline()
        rest = b""
        while more := f.read(BLOCK_BYTES):
            rest += more
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
        if rest.strip():
            yield rest


def _count(source: Source, reason: str, n: int) -> None:
    if n:
        source.rejected[reason] = source.rejected.get(reason, 0) + n


def _annotate(source: Source, time: np.ndarray, labels: np.ndarray) -> None:
    """Runs of one label become annotations; a run goes on from block to block, not over a gap."""
    steps = np.diff(time)
    period = float(np.median(steps)) if len(steps) else 0.0
    change = np.flatnonzero((labels[1:] != labels[:-1]) | (steps > RESTART_S)) + 1
    bounds = [0, *change.tolist(), len(labels)]
    for a, b in itertools.pairwise(bounds):
        if not labels[a]:
            continue
        end = float(time[b - 1]) + period
        before = source.annotations[-1] if source.annotations and a == 0 else None
        if before and before[2] == labels[a] and time[0] - before[1] <= RESTART_S:
            source.annotations[-1] = (before[0], end, before[2])
        else:
            source.annotations.append((float(time[a]), end, str(labels[a])))
