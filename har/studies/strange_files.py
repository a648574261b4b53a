"""Recordings written as strangers' files, and whether the same recordings are read from them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from har.errors import DataError
from har.ingest import discovery, resolution
from har.ingest.raw import Raw
from har.ingest.repair import repair_source
from har.own_recordings import Table
from har.recording import STANDARD_GRAVITY, Recording

LENGTH_S = 60.0
"""Of each recording that is written."""

MIDNIGHT = np.datetime64("2024-12-12T00:00:00", "ns")
AXES = ["x", "y", "z"]
SAID = {"unit": "m/s2", "convention": "android", "subject": "somebody"}

Write = Callable[[Path, pd.DataFrame], None]


@dataclass(frozen=True)
class StrangeFile:
    """A way to write `time,x,y,z`.

    Parameters
    ----------
    name, strength : str
    write : callable
        `(folder, table) -> None`; the table has seconds and m/s².
    pieces : tuple of int
        How many recordings come out, and the rows of each that are rejected.
    """

    name: str
    strength: str
    write: Write
    pieces: tuple[int, int] = (1, 0)


def beginning(raw: Raw) -> pd.DataFrame:
    """The first minute as `time,x,y,z`, in numbers as a logger writes them."""
    assert raw.time_s is not None
    time = raw.time_s - raw.time_s[0]
    n = int(np.searchsorted(time, LENGTH_S))
    table = pd.DataFrame(raw.acceleration[:n].round(5), columns=AXES)
    table.insert(0, "time", time[:n].round(6))
    return table


def read(folder: Path) -> list[Recording]:
    """The recordings of a folder; none if it is refused."""
    table = Table.model_validate({"path": "*", **SAID})
    try:
        sources = discovery.find(table, folder).sources
        found = [r for s in sources for r in repair_source(resolution.read(s, table))]
    except DataError:
        return []
    return [] if any(r.problems for r in found) else [one for r in found for one in r.recordings]


def survives(file: StrangeFile, table: pd.DataFrame, plain: list[Recording]) -> bool:
    """Whether what is read of a strange file is what is read of the plain one."""
    got = written_and_read(file.write, table)
    n, rejected = file.pieces
    if not plain or len(got) != n * len(plain):
        return False
    return all(_alike(g, p, rejected) for k, p in enumerate(plain) for g in got[k :: len(plain)])


def written_and_read(write: Write, table: pd.DataFrame) -> list[Recording]:
    """The recordings of a table that is written in some way."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), table.copy())
        return read(Path(folder))


def _alike(got: Recording, plain: Recording, rejected: int) -> bool:
    middle = np.arange(plain.n_samples // 2, plain.n_samples // 2 + rejected)
    expected = np.delete(plain.acceleration, middle, axis=0)
    if got.n_samples != len(expected) or abs(got.rate_hz / plain.rate_hz - 1) > 0.02:
        return False
    return bool(np.allclose(got.acceleration, expected, atol=2e-3))


# How they are written ---------------------------------------------------------------------------


def write_plain(folder: Path, table: pd.DataFrame) -> None:
    table.to_csv(folder / "a.csv", index=False)


def _turn(table: pd.DataFrame) -> np.ndarray:
    """A gyroscope that reads about as much as gravity."""
    return 7 * np.sin(2 * np.pi * table["time"].to_numpy()[:, None] * [1, 1.3, 0.7])


def _gyroscope_first(turning: str, accelerating: str) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        for k, (axis, turn) in enumerate(zip("xyz", _turn(table).T, strict=True)):
            table.insert(1 + k, turning.format(axis), turn.round(4))
        write_plain(folder, table.rename(columns={a: accelerating.format(a) for a in AXES}))

    return write


def _in_rows(acc: str, gyr: str, column: str) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        other = table.assign(**dict(zip(AXES, _turn(table).T.round(4), strict=True)))
        both = pd.concat([other.assign(**{column: gyr}), table.assign(**{column: acc})])
        write_plain(folder, both.sort_values("time", kind="stable"))

    return write


def _clock(per_second: int, since_s: int = 0) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        micro = (table.pop("time") * 1e6).round().astype("int64") + since_s * 10**6
        whole, part = divmod(per_second, 10**6)
        table.insert(0, "timestamp", micro * whole if whole else micro // (10**6 // part))
        write_plain(folder, table)

    return write


def _dates(form: str) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        moments = MIDNIGHT - np.timedelta64(10, "s") + pd.to_timedelta(table["time"], unit="s")
        table["time"] = moments.dt.strftime(form)
        write_plain(folder, table)

    return write


def _batches(n: int) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        first = np.arange(len(table)) // n * n
        table["time"] = table["time"].to_numpy()[first]
        write_plain(folder, table)

    return write


def _dropout(n: int) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        table.loc[len(table) // 2 : len(table) // 2 + n - 1, AXES] = 0.0
        write_plain(folder, table)

    return write


def _ended(every: int) -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        header, *rows = table.to_csv(index=False).splitlines()
        ended = (row if i % every else f"{row}," for i, row in enumerate(rows))
        (folder / "a.csv").write_text("\n".join([header, *ended]) + "\n")

    return write


def _as_text(encoding: str, sep: str = ",", decimal: str = ".") -> Write:
    def write(folder: Path, table: pd.DataFrame) -> None:
        text = table.to_csv(index=False, sep=sep, decimal=decimal)
        (folder / "a.csv").write_bytes(text.encode(encoding))

    return write


def _views(folder: Path, table: pd.DataFrame) -> None:
    """Two files of Sensor Logger: one movement with gravity and without it."""
    table.insert(0, "seconds_elapsed", table["time"])
    table["time"] = (table["time"] * 1e9).astype("int64") + 1_700_000_000_000_000_000
    table.to_csv(folder / "TotalAcceleration.csv", index=False)
    table["z"] -= STANDARD_GRAVITY
    table.to_csv(folder / "Accelerometer.csv", index=False)


def _exports(folder: Path, table: pd.DataFrame) -> None:
    """Two exports of phyphox."""
    columns = ["Time (s)", *(f"Acceleration {a} (m/s^2)" for a in AXES)]
    for name in ("ann_walk.csv", "bob_walk.csv"):
        table.to_csv(folder / name, index=False, header=columns)
        table["time"] += 1000


def files() -> list[StrangeFile]:
    """All that are tried, in the order of the table."""
    epoch = 1_700_000_000
    return [
        StrangeFile("gyroscope's columns first", "gx, ax", _gyroscope_first("g{}", "a{}")),
        StrangeFile("gyroscope's columns first", "angular_velocity.x, linear_acceleration.x",
                    _gyroscope_first("angular_velocity.{}", "linear_acceleration.{}")),
        StrangeFile("sensors in rows", "ACC, GYR", _in_rows("ACC", "GYR", "sensor")),
        StrangeFile("sensors in rows", "Android's 1, 4", _in_rows("1", "4", "sensorType")),
        StrangeFile("unit of the time not given", "ms", _clock(10**3)),
        StrangeFile("unit of the time not given", "µs", _clock(10**6)),
        StrangeFile("unit of the time not given", "ns", _clock(10**9)),
        StrangeFile("unit of the time not given", "ms since 1970", _clock(10**3, epoch)),
        StrangeFile("unit of the time not given", "ns since 1970", _clock(10**9, epoch)),
        StrangeFile("dates over midnight", "day first", _dates("%d/%m/%Y %H:%M:%S.%f")),
        StrangeFile("dates over midnight", "month first", _dates("%m/%d/%Y %H:%M:%S.%f")),
        StrangeFile("dates over midnight", "times of day alone", _dates("%H:%M:%S.%f")),
        StrangeFile("dates over midnight", "run together", _dates("%Y%m%d%H%M%S.%f")),
        StrangeFile("samples share a timestamp", "10 in a batch", _batches(10)),
        StrangeFile("samples share a timestamp", "36 in a batch", _batches(36)),
        StrangeFile("dropout of zeros", "50 samples", _dropout(50), (1, 50)),
        StrangeFile("separator at the end", "of each row", _ended(1)),
        StrangeFile("separator at the end", "of every other row", _ended(2)),
        StrangeFile("decimal comma", "", _as_text("utf-8", sep=";", decimal=",")),
        StrangeFile("UTF-16", "with a byte order mark", _as_text("utf-16")),
        StrangeFile("UTF-16", "without", _as_text("utf-16-le")),
        StrangeFile("two views of one movement", "are one recording", _views),
        StrangeFile("two exports in a folder", "are two recordings", _exports, (2, 0)),
    ]  # fmt: skip
