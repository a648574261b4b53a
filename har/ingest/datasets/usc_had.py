"""USC-HAD: a MotionNode at the front right hip, 14 people, 12 activities, 5 trials, 100 Hz.

`USC-HAD/SubjectN/aMtK.mat`: `sensor_readings`, six columns, the first three acceleration in g.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest.datasets.dataset import Dataset, PublishedFile, matlab, members, need
from har.ingest.raw import Raw, Source

FILE = "USC-HAD.zip"
ACTIVITIES = (
    "walking-forward", "walking-left", "walking-right", "walking-upstairs", "walking-downstairs",
    "running-forward", "jumping", "sitting", "standing", "sleeping", "elevator-up",
    "elevator-down",
)  # fmt: skip
_MEMBER = re.compile(r".*Subject(?P<subject>\d+)/a(?P<activity>\d+)t(?P<trial>\d+)\.mat")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "usc-had")
    return members(path, _MEMBER, placement, by=("subject", "activity", "trial"))


def read(source: Source) -> Iterator[Raw]:
    (readings,) = matlab(source, "sensor_readings")
    x = source.extra
    activity = ACTIVITIES[x["activity"] - 1]
    yield Raw(
        dataset="usc-had",
        subject=str(x["subject"]),
        session=f"a{x['activity']}t{x['trial']}",
        placement=source.placement,
        acceleration=readings[:, :3].astype(np.float64),
        unit="g",
        convention="android",
        rate_hz=100.0,
        notes=[(activity, 0, len(readings))],
        source=source.name,
    )


DATASET = Dataset(
    name="usc-had",
    title="USC-HAD",
    page="https://sipi.usc.edu/had/",
    licence="free for research; see its page",
    citation="Zhang, Sawchuk, USC-HAD: A Daily Activity Dataset for Ubiquitous Activity "
    "Recognition Using Wearable Sensors, SAGAware 2012, doi:10.1145/2370216.2370438",
    subjects=14,
    rate_hz=100.0,
    placements=("waist",),
    files=(PublishedFile(FILE, "https://sipi.usc.edu/had/USC-HAD.zip"),),
    sources=sources,
    read=read,
)
