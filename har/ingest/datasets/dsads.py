"""DSADS, daily and sports activities: five Xsens units, 8 people, 19 activities, 25 Hz, m/s².

`data/aAA/pP/sSS.txt`: 5 s of 125 rows and 45 columns; nine columns for each of torso, right arm,
left arm, right leg and left leg, the first three acceleration. The 60 segments of one person and
activity follow on each other and are put together: one recording of 5 minutes.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from har.ingest import content
from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, columns, need
from har.ingest.raw import Finding, Raw, Source

FILE = "data.zip"
FIRST = {"wrist": 9, "torso": 0, "left wrist": 18, "right knee": 27, "left knee": 36}
ROWS = 125
ACTIVITIES = (
    "sitting", "standing", "lying on back", "lying on right side", "ascending stairs",
    "descending stairs", "standing in an elevator", "moving around in an elevator",
    "walking in a parking lot", "walking on a treadmill, flat",
    "walking on a treadmill, inclined", "running on a treadmill", "exercising on a stepper",
    "exercising on a cross trainer", "cycling, horizontal", "cycling, vertical", "rowing",
    "jumping", "playing basketball",
)  # fmt: skip
_MEMBER = re.compile(r"(?:.*/)?a(\d+)/p(\d+)/s(\d+)\.txt$")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "dsads")
    groups: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
    for member in content.members(path, ".txt"):
        if match := _MEMBER.match(member):
            activity, person, segment = map(int, match.groups())
            groups[person, activity].append((segment, member))
    return [
        Source(path, sorted(found)[0][1], placement,
               {"person": person, "activity": activity, "segments": sorted(found)})
        for (person, activity), found in sorted(groups.items())
    ]  # fmt: skip


def read(source: Source) -> Iterator[Raw]:
    x, first = source.extra, FIRST[source.placement]
    names = [f"c{i}" for i in range(45)]
    axes = names[first : first + 3]
    parts, findings = [], []
    rejected: Counter[str] = Counter()
    for _, member in x["segments"]:
        data = content.read_bytes(replace(source, member=member))
        part, _, lost = columns(source, axes, data=data, names=names, where=member)
        rejected += Counter(lost)
        parts.append(part)
    numbers = [n for n, _ in x["segments"]]
    activity = ACTIVITIES[x["activity"] - 1]
    bounds = [0, *(i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1), None]
    if len(bounds) > 2:
        message = f"Segments are missing: {len(bounds) - 1} recordings in place of one."
        findings.append(Finding("missing-segment", "warning", "kept", message, source.name))
    for number, (a, b) in enumerate(itertools.pairwise(bounds)):
        acceleration = np.concatenate(parts[a:b])
        yield Raw(
            dataset="dsads",
            subject=str(x["person"]),
            session=f"a{x['activity']:02d}" + (f"-{number + 1}" if number else ""),
            placement=source.placement,
            acceleration=acceleration,
            unit="m/s2",
            convention="android",
            rate_hz=25.0,
            notes=[(activity, 0, len(acceleration))],
            source=source.name,
            rejected=dict(rejected) if not number else {},
            findings=findings if not number else [],
        )


DATASET = Dataset(
    name="dsads",
    title="Daily and Sports Activities",
    page="https://archive.ics.uci.edu/dataset/256",
    licence="CC BY 4.0",
    citation="Barshan, Yuksek, Recognizing Daily and Sports Activities in Two Open Source Machine "
    "Learning Environments Using Body-Worn Sensor Units, The Computer Journal 57 (2014), "
    "doi:10.1093/comjnl/bxt075",
    subjects=8,
    rate_hz=25.0,
    placements=tuple(FIRST),
    files=(PublishedFile(FILE, f"{UCI}/00256/data.zip"),),
    sources=sources,
    read=read,
    note="wrist is the right one.",
)
