"""mHealth: chest, left ankle and right lower arm (Shimmer 2), 10 people, 12 activities, 50 Hz.

`MHEALTHDATASET/mHealth_subjectN.log`, 24 columns separated by tabs, m/s²: chest 1 to 3, ankle 6 to
8, arm 15 to 17 (1-based), the activity last, 0 for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Raw, Source, runs

FILE = "MHEALTHDATASET.zip"
FIRST = {"wrist": 14, "chest": 0, "ankle": 5}
ACTIVITIES = (
    "", "standing still", "sitting and relaxing", "lying down", "walking", "climbing stairs",
    "waist bends forward", "frontal elevation of arms", "knees bending", "cycling", "jogging",
    "running", "jump front and back",
)  # fmt: skip
_MEMBER = re.compile(r".*mHealth_subject(?P<subject>\d+)\.log")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "mhealth")
    return members(path, _MEMBER, placement, by=("subject",))


def read(source: Source) -> Iterator[Raw]:
    names = [f"c{i}" for i in range(24)]
    axes = names[FIRST[source.placement] :][:3]
    acceleration, table, rejected = columns(
        source, axes, {"c23": "int64"}, names=names, delimiter="\t"
    )
    code = table["c23"].astype(int)
    yield Raw(
        dataset="mhealth",
        subject=str(source.extra["subject"]),
        session="1",
        placement=source.placement,
        acceleration=acceleration,
        unit="m/s2",
        convention="android",
        rate_hz=50.0,
        notes=[(ACTIVITIES[code[a]], a, b) for a, b in runs(code) if 0 < code[a] < 13],
        source=source.name,
        rejected=rejected,
    )


DATASET = Dataset(
    name="mhealth",
    title="MHEALTH",
    page="https://archive.ics.uci.edu/dataset/319",
    licence="CC BY 4.0",
    citation="Banos and others, mHealthDroid: A Novel Framework for Agile Development of Mobile "
    "Health Applications, IWAAL 2014, doi:10.1007/978-3-319-13105-4_14",
    subjects=10,
    rate_hz=50.0,
    placements=("wrist", "chest", "ankle"),
    files=(PublishedFile(FILE, f"{UCI}/00319/MHEALTHDATASET.zip"),),
    sources=sources,
    read=read,
    note="wrist is the right lower arm, ankle the left.",
)
