"""WISDM v1.1 (2010): Android phones in the front trouser pocket, 36 people, 20 Hz, m/s².

`WISDM_ar_v1.1/WISDM_ar_v1.1_raw.txt`, lines `user,activity,timestamp_ns,x,y,z;`, with the defects
that the publication is known for: records joined on one line, a trailing comma before `;`, empty z,
timestamp 0, one instant twice, time that starts again. All are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest import content
from har.ingest.datasets.dataset import Dataset, PublishedFile, columns, need
from har.ingest.raw import Raw, Source, runs

FILE = "WISDM_ar_latest.tar.gz"
MEMBER = "WISDM_ar_v1.1_raw.txt"
_NAMES = ("user", "activity", "time_ns", "x", "y", "z")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "wisdm-v1.1")
    return [Source(path, m, placement) for m in content.members(path, MEMBER)]


def read(source: Source) -> Iterator[Raw]:
    data = content.read_bytes(source).replace(b"\r", b"").replace(b",;", b";")
    others = {"user": "dictionary", "activity": "dictionary", "time_ns": "int64"}
    data = data.replace(b";", b"\n")
    acceleration, table, rejected = columns(source, "xyz", others, data, names=_NAMES)
    time_ns = np.asarray(table["time_ns"], np.float64)
    who = np.asarray(table["user"].astype(object) + "," + table["activity"].astype(object))
    zero = time_ns == 0
    seen: dict[str, int] = {}
    for start, end in runs(who):
        user, activity = who[start].split(",", 1)
        seen[who[start]] = seen.get(who[start], 0) + 1
        keep = ~zero[start:end]
        if not keep.all():
            rejected["timestamp 0"] = rejected.get("timestamp 0", 0) + int((~keep).sum())
        yield Raw(
            dataset="wisdm-v1.1",
            subject=user,
            session=f"{activity.lower()}-{seen[who[start]]}",
            placement=source.placement,
            acceleration=acceleration[start:end][keep],
            unit="m/s2",
            convention="android",
            rate_hz=20.0,
            time_s=(time_ns[start:end][keep] - time_ns[start]) * 1e-9,
            notes=[(activity.lower(), 0, int(keep.sum()))] if keep.any() else [],
            source=f"{MEMBER}#{start + 1}",
            rejected=rejected,
        )
        rejected = {}


DATASET = Dataset(
    name="wisdm-v1.1",
    title="WISDM activity prediction, v1.1",
    page="https://www.cis.fordham.edu/wisdm/dataset.php",
    licence="not stated; cite the paper",
    citation="Kwapisz, Weiss, Moore, Activity Recognition using Cell Phone Accelerometers, "
    "SIGKDD Explorations 12 (2010), doi:10.1145/1964897.1964918",
    subjects=36,
    rate_hz=20.0,
    placements=("pocket",),
    files=(
        PublishedFile(
            FILE,
            "https://www.cis.fordham.edu/wisdm/includes/datasets/latest/WISDM_ar_latest.tar.gz",
        ),
    ),
    sources=sources,
    read=read,
    note="Line defects and clocks that restart are counted and repaired.",
)
