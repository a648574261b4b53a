"""What was recorded on the phone page: `recorded/<subject>/<activity>_<id>.csv` and its sidecar.

`time_s,x,y,z` in m/s² with Android's sign; the sidecar says who, what and where, and is written
last: a table without one is not complete and is not read. Who had no right to be here, or a file
that was changed by hand, shows in the checksum that the sidecar carries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from har.errors import DataError
from har.files import sha256_file
from har.ingest.datasets.dataset import Dataset, columns
from har.ingest.raw import Raw, Source

FOLDER = "recorded"
SCHEMA = "har-recorded/1"
COLUMNS = ("time_s", "x", "y", "z")


class Recorded(Dataset):
    """A set without published files: what there is is found by looking."""

    def paths(self, raw: Path) -> list[Path]:
        found = [
            path for sidecar in sidecars(raw / FOLDER) for path in (sidecar, table_of(sidecar))
        ]
        if not found:
            raise DataError(
                f"Nothing has been recorded in {raw / FOLDER} yet. Open the page of `har serve "
                "BUNDLE` on a phone and use its tab Record."
            )
        return found

    def at_hand(self, raw: Path) -> bool:
        return bool(sidecars(raw / FOLDER))

    def placement(self, wanted: str | None) -> str:
        """All placements, unless a pipeline names one."""
        return wanted or ""


def sidecars(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.glob("*/*.json")) if table_of(p).is_file()]


def table_of(sidecar: Path) -> Path:
    return sidecar.with_suffix(".csv")


def sources(folder: Path, placement: str) -> list[Source]:
    found = []
    for path in sidecars(folder):
        side = read_sidecar(path)
        if placement in ("", side["placement"]):
            found.append(Source(table_of(path), "", side["placement"], side))
    return found


def read_sidecar(path: Path) -> dict[str, Any]:
    try:
        side = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as e:
        raise DataError(
            f"{path} is not JSON: {e}. Delete it and its .csv, and record again."
        ) from e
    if not isinstance(side, dict) or side.get("schema") != SCHEMA:
        raise DataError(f"{path} is not a sidecar of the phone page (schema {SCHEMA}).")
    return side


def read(source: Source) -> Iterator[Raw]:
    side = source.extra
    if sha256_file(source.path) != side["sha256"]:
        raise DataError(
            f"{source.path} is not the file that its sidecar describes (SHA-256 differs): it was "
            "changed or truncated. Delete both, or restore the file."
        )
    acceleration, table, rejected = columns(source, "xyz", {"time_s": "float64"})
    yield Raw(
        dataset=FOLDER,
        subject=side["subject"],
        session=f"{side['activity']}-{side['id']}",
        placement=side["placement"],
        acceleration=acceleration,
        unit="m/s2",
        convention="android",
        rate_hz=side["rate_hz"],
        time_s=table["time_s"],
        notes=[(side["activity"], 0, len(acceleration))],
        start_time=_when(side.get("started", "")),
        source=source.name,
        rejected=rejected,
        provenance={
            "device": side.get("device", ""),
            "negated_by_the_page": side.get("negated_by_the_page", False),
        },
    )


def _when(started: str) -> datetime | None:
    try:
        return datetime.fromisoformat(started)
    except ValueError:
        return None


DATASET = Recorded(
    name=FOLDER,
    title="Recorded on the phone page",
    page="har serve BUNDLE",
    licence="the recorder's own data",
    citation="none: recorded here",
    subjects=0,
    rate_hz=0.0,
    placements=(),
    files=(),
    sources=sources,
    read=read,
    note="People, rates and placements are those of what was recorded.",
)
