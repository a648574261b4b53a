"""MotionSense: an iPhone 6s in the front trouser pocket, 24 people, 6 activities, 15 trials.

`A_DeviceMotion_data/<activity>_<trial>/sub_<n>.csv`, 50 Hz, no timestamps. Total acceleration is
`gravity.*` + `userAcceleration.*` in g with Core Motion's sign; it is negated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from har.ingest.datasets.dataset import Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Raw, Source

FILE = "A_DeviceMotion_data.zip"
AXES = tuple(f"{part}.{axis}" for part in ("gravity", "userAcceleration") for axis in "xyz")
_MEMBER = re.compile(
    r"(?:.*/)?(?P<activity>dws|ups|wlk|jog|sit|std)_(?P<trial>\d+)/sub_(?P<subject>\d+)\.csv"
)


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "motionsense")
    return members(path, _MEMBER, placement, by=("subject", "trial"))


def read(source: Source) -> Iterator[Raw]:
    both, _, rejected = columns(source, AXES)
    x = source.extra
    yield Raw(
        dataset="motionsense",
        subject=str(x["subject"]),
        session=f"{x['activity']}_{x['trial']}",
        placement=source.placement,
        acceleration=both[:, :3] + both[:, 3:],
        unit="g",
        convention="ios",
        rate_hz=50.0,
        notes=[(x["activity"], 0, len(both))],
        source=source.name,
        rejected=rejected,
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
    proven_on="published files",
)
