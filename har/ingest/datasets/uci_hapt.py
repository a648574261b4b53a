"""UCI HAPT: the raw recordings behind UCI HAR, a phone at the waist, 30 people.

`RawData/acc_expNN_userNN.txt` holds x y z in g at 50 Hz (Android's sign: standing upright, x reads
about +1 g); `RawData/labels.txt` holds experiment, user, activity, start and end, 1-based with the
end included. Activity names are the published ones in lower case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from har.errors import DataError
from har.ingest import content
from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, columns, members, need
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
_MEMBER = re.compile(r".*RawData/acc_exp(?P<experiment>\d+)_user(?P<user>\d+)\.txt")


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
    for found in notes.values():
        found.sort(key=lambda n: n[1])
    return [
        replace(s, extra={**s.extra, "notes": notes[s.extra["experiment"]]})
        for s in members(path, _MEMBER, placement, by=("experiment",))
    ]


def read(source: Source) -> Iterator[Raw]:
    acceleration, _, rejected = columns(source, "xyz", names="xyz", delimiter=" ")
    x = source.extra
    yield Raw(
        dataset="uci-hapt",
        subject=str(x["user"]),
        session=f"exp{x['experiment']:02d}",
        placement=source.placement,
        acceleration=acceleration,
        unit="g",
        convention="android",
        rate_hz=50.0,
        notes=x["notes"],
        source=source.name,
        rejected=rejected,
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
    files=(PublishedFile(FILE, f"{UCI}/00341/HAPT%20Data%20Set.zip"),),
    sources=sources,
    read=read,
    note="61 recordings, 6 activities and 6 postural transitions. UCI HAR's test subjects are "
    "2 4 9 10 12 13 18 20 24.",
    proven_on="published files",
)
