"""PAMAP2: three IMUs (hand, chest, ankle), 9 people, 18 activities, 100 Hz.

`PAMAP2_Dataset/{Protocol,Optional}/subject10N.dat`, 54 columns separated by spaces: time (s),
activity, heart rate, then 17 columns for each IMU of which 2 to 4 are the ±16 g accelerometer in
m/s² (the ±6 g one clips and is not used, as the authors recommend). Missing values are NaN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest import content, text
from har.ingest.datasets.dataset import Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source, runs

FILE = "PAMAP2_Dataset.zip"
FIRST = {"wrist": 4, "chest": 21, "ankle": 38}
ACTIVITIES = {
    1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running", 6: "cycling",
    7: "nordic walking", 9: "watching tv", 10: "computer work", 11: "car driving",
    12: "ascending stairs", 13: "descending stairs", 16: "vacuum cleaning", 17: "ironing",
    18: "folding laundry", 19: "house cleaning", 20: "playing soccer", 24: "rope jumping",
}  # fmt: skip
_MEMBER = re.compile(r".*(Protocol|Optional)/subject(\d+)\.dat$")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "pamap2")
    found = []
    for member in content.members(path, ".dat"):
        if match := _MEMBER.match(member):
            extra = {"session": match[1].lower(), "subject": match[2]}
            found.append(Source(path, member, placement, extra))
    return found


def read(source: Source) -> Iterator[Raw]:
    first = FIRST[source.placement]
    names = [f"c{i}" for i in range(54)]
    axes = names[first : first + 3]
    columns, skipped = text.read_columns(
        content.read_bytes(source),
        names=names,
        include=["c0", "c1", *axes],
        types=dict.fromkeys(["c0", "c1", *axes], "float64"),
        delimiter=" ",
        where=source.name,
    )
    code = columns["c1"].astype(int)
    yield Raw(
        dataset="pamap2",
        subject=source.extra["subject"],
        session=source.extra["session"],
        placement=source.placement,
        acceleration=np.column_stack([columns[a] for a in axes]),
        unit="m/s2",
        convention="android",
        rate_hz=100.0,
        time_s=columns["c0"],
        notes=[(ACTIVITIES[code[a]], a, b) for a, b in runs(code) if code[a] in ACTIVITIES],
        source=source.name,
        rejected={"malformed line": skipped} if skipped else {},
    )


DATASET = Dataset(
    name="pamap2",
    title="PAMAP2 Physical Activity Monitoring",
    page="https://archive.ics.uci.edu/dataset/231",
    licence="CC BY 4.0",
    citation="Reiss, Stricker, Introducing a New Benchmarked Dataset for Activity Monitoring, "
    "ISWC 2012, doi:10.1109/ISWC.2012.13",
    subjects=9,
    rate_hz=100.0,
    placements=("wrist", "chest", "ankle"),
    files=(
        PublishedFile(
            FILE,
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00231/PAMAP2_Dataset.zip",
        ),
    ),
    sources=sources,
    read=read,
    note="wrist is the dominant arm's; activity 0 (between activities) carries no label.",
    proven_on="files written by the tests in the published layout",
)
