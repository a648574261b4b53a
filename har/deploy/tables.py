"""Recordings as chunks, read as they are needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from har.deploy.streaming import Chunk
from har.errors import DataError
from har.recording import Recording

CHUNK_ROWS = 1 << 15
"""Rows at a time: they and what is computed from them stay in the processor's cache."""

BLOCK_BYTES = 1 << 20


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
    """

    name: str
    chunks: Iterator[Chunk]
    annotations: list[tuple[float, float, str]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)


def of_recording(recording: Recording) -> Source:
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
    return Source(recording.id, chunks(), notes)


def is_plain_table(path: Path) -> bool:
    """Whether a file is a CSV whose header has the columns time, x, y and z."""
    if path.suffix.lower() != ".csv":
        return False
    with path.open("rb") as f:
        header = f.readline(4096).decode("utf-8-sig", "replace").strip().lower()
    names = [c.strip().strip('"') for c in header.split(",")]
    return {"time", "x", "y", "z"} <= set(names)


def of_table(path: Path) -> Source:
    """The chunks of a CSV: time in seconds, x, y, z in m/s² in Android's sign; maybe a label.

    Raises
    ------
    DataError
        (Also while the chunks are read) if the file is not such a table.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    with path.open("rb") as f:
        header = f.readline(4096).decode("utf-8-sig", "replace")
    columns = [c.strip().strip('"') for c in header.strip().split(",")]
    lower = [c.lower() for c in columns]
    wanted = ["time", "x", "y", "z"] + (["label"] if "label" in lower else [])
    source = Source(path.name, iter(()))
    read = csv.ReadOptions(use_threads=False, block_size=4 * BLOCK_BYTES, column_names=lower)
    types = {n: pa.string() if n == "label" else pa.float64() for n in wanted}
    convert = csv.ConvertOptions(
        include_columns=wanted, column_types=types, strings_can_be_null=True
    )

    def chunks() -> Iterator[Chunk]:
        try:
            origin = last = None
            for text in _whole_lines(path):
                block = csv.read_csv(
                    pa.BufferReader(text), read_options=read, convert_options=convert
                )
                time = block["time"].to_numpy(zero_copy_only=False)
                xyz = [block[c].to_numpy(zero_copy_only=False).astype(np.float32) for c in "xyz"]
                samples = np.stack(xyz, axis=1)
                good = np.isfinite(time) & np.isfinite(samples).all(1)
                _count(source, "not finite", len(time) - int(good.sum()))
                if not good.any():
                    continue
                origin = float(time[good][0]) if origin is None else origin
                time = time - origin
                # Later than everything before it: repeated instants and small steps back go.
                reached = np.maximum.accumulate(np.where(good, time, -np.inf))
                reached = np.r_[-np.inf if last is None else last, reached[:-1]]
                reached = np.maximum(reached, -np.inf if last is None else last)
                behind = good & (time <= reached)
                if (back := float((reached - time)[behind].max(initial=0))) > 1:
                    raise DataError(
                        f"{path}: time steps back by {back:.3g} s. Split the file there: these are "
                        "two recordings."
                    )
                _count(source, "repeated instant or step back", int(behind.sum()))
                keep = good & ~behind
                labels = block["label"].to_pylist() if "label" in wanted else None
                time, samples = time[keep], samples[keep]
                if not len(time):
                    continue
                last = float(time[-1])
                if labels is not None:
                    _annotate(source, time, np.array(labels, object)[keep])
                for a in range(0, len(time), CHUNK_ROWS):
                    yield Chunk(time[a : a + CHUNK_ROWS], samples[a : a + CHUNK_ROWS])
        except pa.ArrowInvalid as e:
            raise DataError(
                f"{path} is not a table of time (s), x, y, z (m/s²): {str(e).splitlines()[0]}"
            ) from e

    source.chunks = chunks()
    return source


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines after the header, a block at a time.

    pyarrow's own streaming reader reads ahead: its memory grows with the file.
    """
    with path.open("rb", buffering=0) as f:
        rest = f.read(BLOCK_BYTES)
        rest = rest[rest.index(b"\n") + 1 :] if b"\n" in rest else b""
        while more := f.read(BLOCK_BYTES):
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
            rest = rest[cut:] + more
        if rest.strip():
            yield rest


def _count(source: Source, reason: str, n: int) -> None:
    if n:
        source.rejected[reason] = source.rejected.get(reason, 0) + n


def _annotate(source: Source, time: np.ndarray, labels: np.ndarray) -> None:
    """Runs of one label become annotations; a run goes on from block to block."""
    change = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    bounds = [0, *change.tolist(), len(labels)]
    for a, b in itertools.pairwise(bounds):
        end = float(time[b]) if b < len(time) else float(time[-1])
        if not labels[a]:
            continue
        before = source.annotations[-1] if source.annotations and a == 0 else None
        if before and before[2] == labels[a]:
            source.annotations[-1] = (before[0], end, before[2])
        else:
            source.annotations.append((float(time[a]), end, str(labels[a])))
