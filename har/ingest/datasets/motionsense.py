"""MotionSense: an iPhone 6s in the front trouser pocket, 24 people, 6 activities, 15 trials.

`A_DeviceMotion_data/<activity>_<trial>/sub_<n>.csv`, 50 Hz, no timestamps. Total acceleration is
`gravity.*` + `userAcceleration.*` in g with Core Motion's sign; it is negated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest import content, text
from har.ingest.datasets.dataset import Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source

FILE = "A_DeviceMotion_data.zip"
AXES = tuple(f"{part}.{axis}" for part in ("gravity", "userAcceleration") for axis in "xyz")
_MEMBER = re.compile(r"(?:.*/)?(dws|ups|wlk|jog|sit|std)_(\d+)/sub_(\d+)\.csv$")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "motionsense")
    found = []
    for member in content.members(path, ".csv"):
        if match := _MEMBER.match(member):
            activity, trial, subject = match[1], int(match[2]), int(match[3])
            extra = {"activity": activity, "trial": trial, "subject": subject}
            found.append(Source(path, member, placement, extra))
    return sorted(found, key=lambda s: (s.extra["subject"], s.extra["trial"]))


def read(source: Source) -> Iterator[Raw]:
    columns, skipped = text.read_columns(
        content.read_bytes(source),
        include=AXES,
        types=dict.fromkeys(AXES, "float64"),
        where=source.name,
    )
    gravity = np.column_stack([columns[a] for a in AXES[:3]])
    user = np.column_stack([columns[a] for a in AXES[3:]])
    x = source.extra
    yield Raw(
        dataset="motionsense",
        subject=str(x["subject"]),
        session=f"{x['activity']}_{x['trial']}",
        placement=source.placement,
        acceleration=gravity + user,
        unit="g",
        convention="ios",
        rate_hz=50.0,
        notes=[(x["activity"], 0, len(user))],
        source=source.name,
        rejected={"malformed line": skipped} if skipped else {},
        provenance={"sum": "gravity + userAcceleration"},
    )


DATASET = Dataset(
    name="motionsense",
    title="MotionSense",
    page="https://github.com/mmalekzadeh/motion-sense",
    licence="MIT",
    citation="Malekzadeh and others, Mobile Sensor Data Anonymization, IoTDI 2019, "
    "doi:10.1145/3302505.3310068",
    subjects=24,
    rate_hz=50.0,
    placements=("pocket",),
    files=(
        PublishedFile(
            FILE,
            "https://github.com/mmalekzadeh/motion-sense/raw/master/data/A_DeviceMotion_data.zip",
        ),
    ),
    sources=sources,
    read=read,
    convention="ios",
    note="dws ups wlk jog sit std: downstairs, upstairs, walking, jogging, sitting, standing.",
)
