"""Recordings on disk: one array for all samples, tables for the rest.

samples.npy          (N, 3) float32 m/s², recording after recording
time.npy             (N,) float64 seconds since a recording's first sample, NaN where the
                     sampling is uniform; only if some recording has timestamps
recordings.parquet   one row each: who, where, rate, first row and number of rows, provenance,
                     hashes
annotations.parquet  recording (row of the table above), label, start, end
account.json         per source: samples in, kept, rejected by reason, findings
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from har.errors import DataError, StoreError
from har.files import digest, write_json
from har.recording import Annotation, Recording

_FIELDS = ("dataset", "subject", "session", "placement", "rate_hz", "start_time")


class Writer(AbstractContextManager["Writer"]):
    """Adds recordings one at a time, so that memory does not grow with their number.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._samples = ArrayFile(folder / "samples.npy", np.dtype(np.float32), (3,))
        self._time: ArrayFile | None = None
        self._rows: list[dict[str, Any]] = []
        self._notes: list[tuple[int, str, int, int]] = []
        self._ids: dict[tuple[str, str], str] = {}

    @property
    def n_recordings(self) -> int:
        """Added so far."""
        return len(self._rows)

    def add(self, recording: Recording) -> None:
        """Append one recording.

        Raises
        ------
        DataError
            If another recording has the same id.
        """
        source = str(recording.provenance.get("source", "?"))
        key = (recording.dataset, recording.id)
        if key in self._ids:
            raise DataError(
                f"Two recordings are called {recording.id}: {self._ids[key]} and {source}. "
                "Give each a session: dataset.pattern with {session}, or a column."
            )
        self._ids[key] = source
        start = self._samples.rows
        if recording.time_s is not None and self._time is None:
            self._time = ArrayFile(self.folder / "time.npy", np.dtype(np.float64), ())
        if self._time is not None:
            self._time.pad(start)
            if recording.time_s is not None:
                self._time.append(recording.time_s)
            else:
                self._time.pad(start + recording.n_samples)
        self._samples.append(recording.acceleration)
        row: dict[str, Any] = {name: getattr(recording, name) for name in _FIELDS}
        row["start_time"] = row["start_time"].isoformat() if row["start_time"] else None
        row |= {
            "id": recording.id,
            "start": start,
            "n_samples": recording.n_samples,
            "irregular": recording.time_s is not None,
            "sha256": _digest(recording.acceleration),
            "content": _content(recording),
            "provenance": json.dumps(recording.provenance, ensure_ascii=False, sort_keys=True),
        }
        self._notes += [(len(self._rows), a.label, a.start, a.end) for a in recording.annotations]
        self._rows.append(row)

    def finish(self, account: Any = None) -> None:
        """Write the tables and close."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._samples.close()
        if self._time:
            self._time.close()
        schema = pa.schema(
            [
                *((name, pa.string()) for name in ("dataset", "subject", "session", "placement")),
                ("rate_hz", pa.float64()),
                ("start_time", pa.string()),
                ("id", pa.string()),
                ("start", pa.int64()),
                ("n_samples", pa.int64()),
                ("irregular", pa.bool_()),
                ("sha256", pa.string()),
                ("content", pa.string()),
                ("provenance", pa.string()),
            ]
        )
        pq.write_table(
            pa.Table.from_pylist(self._rows, schema=schema), self.folder / "recordings.parquet"
        )
        columns = list(zip(*self._notes, strict=True)) or [(), (), (), ()]
        notes = pa.table(
            {
                "recording": pa.array(columns[0], pa.int64()),
                "label": pa.array(columns[1], pa.string()),
                "start": pa.array(columns[2], pa.int64()),
                "end": pa.array(columns[3], pa.int64()),
            }
        )
        pq.write_table(notes, self.folder / "annotations.parquet")
        write_json(self.folder / "account.json", account if account is not None else {})

    def __exit__(self, *_: object) -> None:
        self._samples.close()
        if self._time:
            self._time.close()


class ArrayFile:
    """An .npy file that grows: numpy leaves room in the header for a longer first axis."""

    def __init__(self, path: Path, dtype: Any, tail: tuple[int, ...]) -> None:
        self._dtype, self._tail = np.dtype(dtype), tail
        self.rows = 0
        self.path = path
        self._file: BinaryIO | None = path.open("wb")
        self._header()
        self._length = self._file.tell()

    def _header(self) -> None:
        assert self._file is not None
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (self.rows, *self._tail),
            },
        )

    def append(self, values: np.ndarray) -> None:
        assert self._file is not None
        self._file.write(np.ascontiguousarray(values, self._dtype).data)
        self.rows += len(values)

    def pad(self, rows: int) -> None:
        if rows > self.rows:
            self.append(np.full(rows - self.rows, np.nan))

    def close(self) -> None:
        if self._file is None:
            return
        self._file.seek(0)
        self._header()
        if self._file.tell() != self._length:
            raise StoreError(f"{self._file.name}: the header grew while it was written.")
        self._file.close()
        self._file = None

    def mapped(self) -> np.ndarray:
        """What was written, as a memory-mapped array; nothing can be added then."""
        self.close()
        return np.load(self.path, mmap_mode="r" if self.rows else None)


def write(folder: Path, recordings: Iterable[Recording], account: Any = None) -> None:
    """Write recordings, one at a time, and the account of their samples."""
    with Writer(folder) as writer:
        for recording in recordings:
            writer.add(recording)
        writer.finish(account)


def iterate(folder: Path) -> Iterator[Recording]:
    """The recordings of a folder, one at a time, their arrays memory-mapped."""
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(folder / "recordings.parquet").to_pylist()
        notes = pq.read_table(folder / "annotations.parquet").to_pydict()
        samples = _mapped(folder / "samples.npy", rows)
    except FileNotFoundError as e:
        raise StoreError(f"{folder} holds no recordings ({e.filename} is missing).") from e
    time = _mapped(folder / "time.npy", rows) if any(r["irregular"] for r in rows) else None
    by_recording: list[list[Annotation]] = [[] for _ in rows]
    for i, label, start, end in zip(
        notes["recording"], notes["label"], notes["start"], notes["end"], strict=True
    ):
        by_recording[i].append(Annotation(label, start, end))
    for row, row_notes in zip(rows, by_recording, strict=True):
        span = slice(row["start"], row["start"] + row["n_samples"])
        yield Recording(
            dataset=row["dataset"],
            subject=row["subject"],
            session=row["session"],
            placement=row["placement"],
            rate_hz=row["rate_hz"],
            acceleration=samples[span],
            annotations=tuple(row_notes),
            time_s=time[span] if time is not None and row["irregular"] else None,
            start_time=_moment(row["start_time"]),
            provenance=json.loads(row["provenance"]),
        )


def read(folder: Path) -> list[Recording]:
    """All recordings of a folder; their arrays are slices of memory-mapped files.

    Raises
    ------
    StoreError
        If a file is missing.
    """
    return list(iterate(folder))


def _mapped(path: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r") if rows else np.load(path)
    return array


def digests(folder: Path) -> dict[str, list[str]]:
    """Ids of the recordings by the hash of their samples: two ids of one hash are one recording."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "recordings.parquet", columns=["id", "sha256"]).to_pydict()
    out: dict[str, list[str]] = {}
    for name, sha256 in zip(table["id"], table["sha256"], strict=True):
        out.setdefault(sha256, []).append(name)
    return out


def sources(folder: Path) -> dict[str, str]:
    """Ids of the recordings, and the file that each was read from, as it was named then."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "recordings.parquet", columns=["id", "provenance"]).to_pydict()
    origins = [json.loads(text).get("source") for text in table["provenance"]]
    return {i: str(source) for i, source in zip(table["id"], origins, strict=True) if source}


def content_digests(folder: Path) -> list[str]:
    """For each recording the hash of what windows are made of: its samples, their times, its rate
    and its annotations."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "recordings.parquet", columns=["content"])
    found: list[str] = table["content"].to_pylist()
    return found


def _content(recording: Recording) -> str:
    time = None if recording.time_s is None else _digest(recording.time_s)
    notes = [(a.label, a.start, a.end) for a in recording.annotations]
    return digest([_digest(recording.acceleration), time, recording.rate_hz, notes], 32)


def _digest(samples: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(samples).data).hexdigest()


def _moment(text: str | None) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text) if text else None
