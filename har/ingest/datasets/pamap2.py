"""PAMAP2: three IMUs (hand, chest, ankle), 9 people, 18 activities, 100 Hz.

`PAMAP2_Dataset/{Protocol,Optional}/subject10N.dat`, 54 columns separated by spaces: time (s),
activity, heart rate, then 17 columns for each IMU of which 2 to 4 are the ±16 g accelerometer in
m/s² (the ±6 g one clips and is not used, as the authors recommend). Missing values are NaN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Raw, Source, runs

FILE = "PAMAP2_Dataset.zip"
FIRST = {"wrist": 4, "chest": 21, "ankle": 38}
ACTIVITIES = {
    1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running", 6: "cycling",
    7: "nordic walking", 9: "watching tv", 10: "computer work", 11: "car driving",
    12: "ascending stairs", 13: "descending stairs", 16: "vacuum cleaning", 17: "ironing",
    18: "folding laundry", 19: "house cleaning", 20: "playing soccer", 24: "rope jumping",
}  # fmt: skip
_MEMBER = re.compile(r".*(?P<session>Protocol|Optional)/subject(?P<subject>\d+)\.dat")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "pamap2")
    return members(path, _MEMBER, placement)


def read(source: Source) -> Iterator[Raw]:
    first = FIRST[source.placement]
    names = [f"c{i}" for i in range(54)]
    axes = names[first : first + 3]
    others = {"c0": "float64", "c1": "float64"}
    acceleration, table, rejected = columns(source, axes, others, names=names, delimiter=" ")
    code = table["c1"].astype(int)
    yield Raw(
        dataset="pamap2",
        subject=str(source.extra["subject"]),
        session=source.extra["session"].lower(),
        placement=source.placement,
        acceleration=acceleration,
        unit="m/s2",
        convention="android",
        rate_hz=100.0,
        time_s=table["c0"],
        notes=[(ACTIVITIES[code[a]], a, b) for a, b in runs(code) if code[a] in ACTIVITIES],
        source=source.name,
        rejected=rejected,
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
    files=(PublishedFile(FILE, f"{UCI}/00231/PAMAP2_Dataset.zip"),),
    sources=sources,
    read=read,
    note="wrist is the dominant arm's; activity 0 (between activities) carries no label.",
)
