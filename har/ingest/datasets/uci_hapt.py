"""UCI HAPT: the raw recordings behind UCI HAR, a phone at the waist, 30 people.

`RawData/acc_expNN_userNN.txt` holds x y z in g at 50 Hz (Android's sign: standing upright, x reads
about +1 g); `RawData/labels.txt` holds experiment, user, activity, start and end, 1-based with the
end included. Activity names are the published ones in lower case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.errors import DataError
from har.ingest import content, text
from har.ingest.datasets.dataset import Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source

FILE = "HAPT Data Set.zip"
ACTIVITIES = (
    "walking",
    "walking_upstairs",
    "walking_downstairs",
    "sitting",
    "standing",
    "laying",
    "stand_to_sit",
    "sit_to_stand",
    "sit_to_lie",
    "lie_to_sit",
    "stand_to_lie",
    "lie_to_stand",
)
_MEMBER = re.compile(r".*RawData/acc_exp(\d+)_user(\d+)\.txt$")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "uci-hapt")
    names = content.members(path, ".txt")
    index = next((n for n in names if n.endswith("RawData/labels.txt")), None)
    if index is None:
        raise DataError(f"{path} has no RawData/labels.txt: it is not the published archive.")
    notes: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for line in content.read_bytes(Source(path, index)).decode("ascii").splitlines():
        if line.strip():
            experiment, _user, activity, start, end = map(int, line.split())
            notes[experiment].append((ACTIVITIES[activity - 1], start - 1, end))
    found = []
    for member in names:
        if match := _MEMBER.match(member):
            experiment, user = int(match[1]), int(match[2])
            extra = {"experiment": experiment, "user": user, "notes": sorted(
                notes[experiment], key=lambda n: n[1]
            )}  # fmt: skip
            found.append(Source(path, member, placement, extra))
    return sorted(found, key=lambda s: s.extra["experiment"])


def read(source: Source) -> Iterator[Raw]:
    columns, skipped = text.read_columns(
        content.read_bytes(source),
        names=("x", "y", "z"),
        types=dict.fromkeys("xyz", "float64"),
        delimiter=" ",
        where=source.name,
    )
    x = source.extra
    yield Raw(
        dataset="uci-hapt",
        subject=str(x["user"]),
        session=f"exp{x['experiment']:02d}",
        placement=source.placement,
        acceleration=np.column_stack([columns[a] for a in "xyz"]),
        unit="g",
        convention="android",
        rate_hz=50.0,
        notes=x["notes"],
        source=source.name,
        rejected={"malformed line": skipped} if skipped else {},
    )


DATASET = Dataset(
    name="uci-hapt",
    title="Smartphone-Based Recognition of Human Activities and Postural Transitions",
    page="https://archive.ics.uci.edu/dataset/341",
    licence="as in the archive's README.txt: free for research, no commercial use",
    citation="Reyes-Ortiz and others, Transition-Aware Human Activity Recognition Using "
    "Smartphones, Neurocomputing 171 (2016), doi:10.1016/j.neucom.2015.07.085",
    subjects=30,
    rate_hz=50.0,
    placements=("waist",),
    files=(
        PublishedFile(
            FILE,
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00341/HAPT%20Data%20Set.zip",
        ),
    ),
    sources=sources,
    read=read,
    note="61 recordings, 6 activities and 6 postural transitions. UCI HAR's test subjects are "
    "2 4 9 10 12 13 18 20 24.",
)
