"""mHealth: chest, left ankle and right lower arm (Shimmer 2), 10 people, 12 activities, 50 Hz.

`MHEALTHDATASET/mHealth_subjectN.log`, 24 columns separated by tabs, m/s²: chest 1 to 3, ankle 6 to
8, arm 15 to 17 (1-based), the activity last, 0 for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest import content, text
from har.ingest.datasets.dataset import Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source, runs

FILE = "MHEALTHDATASET.zip"
FIRST = {"wrist": 14, "chest": 0, "ankle": 5}
ACTIVITIES = (
    "", "standing still", "sitting and relaxing", "lying down", "walking", "climbing stairs",
    "waist bends forward", "frontal elevation of arms", "knees bending", "cycling", "jogging",
    "running", "jump front and back",
)  # fmt: skip
_MEMBER = re.compile(r".*mHealth_subject(\d+)\.log$")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "mhealth")
    found = [
        Source(path, member, placement, {"subject": match[1]})
        for member in content.members(path, ".log")
        if (match := _MEMBER.match(member))
    ]
    return sorted(found, key=lambda s: int(s.extra["subject"]))


def read(source: Source) -> Iterator[Raw]:
    names = [f"c{i}" for i in range(24)]
    axes = names[FIRST[source.placement] :][:3]
    columns, skipped = text.read_columns(
        content.read_bytes(source),
        names=names,
        include=[*axes, "c23"],
        types={**dict.fromkeys(axes, "float64"), "c23": "int64"},
        delimiter="\t",
        where=source.name,
    )
    code = columns["c23"].astype(int)
    yield Raw(
        dataset="mhealth",
        subject=source.extra["subject"],
        session="1",
        placement=source.placement,
        acceleration=np.column_stack([columns[a] for a in axes]),
        unit="m/s2",
        convention="android",
        rate_hz=50.0,
        notes=[(ACTIVITIES[code[a]], a, b) for a, b in runs(code) if 0 < code[a] < 13],
        source=source.name,
        rejected={"malformed line": skipped} if skipped else {},
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
    files=(
        PublishedFile(
            FILE,
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00319/MHEALTHDATASET.zip",
        ),
    ),
    sources=sources,
    read=read,
    note="wrist is the right lower arm, ankle the left.",
    proven_on="files written by the tests in the published layout",
)
