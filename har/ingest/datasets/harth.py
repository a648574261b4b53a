"""HARTH and HAR70+: Axivity AX3 on lower back and thigh, free living, 22 and 18 people, 50 Hz, g.

One CSV for each person, `timestamp,back_x,back_y,back_z,thigh_x,thigh_y,thigh_z,label`. HARTH's
labels: walking, running and so on to cycling; HAR70+ (people over 70) has the first eight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from har.ingest import clock
from har.ingest.datasets.dataset import Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Raw, Source, runs

ACTIVITIES = {
    1: "walking", 2: "running", 3: "shuffling", 4: "stairs (ascending)", 5: "stairs (descending)",
    6: "standing", 7: "sitting", 8: "lying", 13: "cycling (sit)", 14: "cycling (stand)",
    130: "cycling (sit, inactive)", 140: "cycling (stand, inactive)",
}  # fmt: skip
_MEMBER = re.compile(r"(?:.*/)?(?P<subject>S\d+|\d+)\.csv")


def _sources(name: str, file: str) -> Callable[[Path, str], list[Source]]:
    def sources(folder: Path, placement: str) -> list[Source]:
        path = need(folder / file, name)
        found = members(path, _MEMBER, placement)
        return [replace(s, extra={**s.extra, "dataset": name}) for s in found]

    return sources


def read(source: Source) -> Iterator[Raw]:
    axes = [f"{source.placement.replace('lower ', '')}_{a}" for a in "xyz"]
    acceleration, table, rejected = columns(source, axes, {"timestamp": "", "label": "int64"})
    time_s, *_ = clock.seconds(table["timestamp"], "timestamp", source.name)
    code = table["label"].astype(int)
    yield Raw(
        dataset=source.extra["dataset"],
        subject=str(source.extra["subject"]),
        session="1",
        placement=source.placement,
        acceleration=acceleration,
        unit="g",
        convention="android",
        rate_hz=50.0,
        time_s=time_s,
        notes=[(ACTIVITIES[code[a]], a, b) for a, b in runs(code) if code[a] in ACTIVITIES],
        source=source.name,
        rejected=rejected,
    )


DATASET = Dataset(
    name="harth",
    title="HARTH: Human Activity Recognition Trondheim",
    page="https://archive.ics.uci.edu/dataset/779",
    licence="CC BY 4.0",
    citation="Logacjov and others, HARTH: A Human Activity Recognition Dataset for Machine "
    "Learning, Sensors 21 (2021), doi:10.3390/s21237853",
    subjects=22,
    rate_hz=50.0,
    placements=("thigh", "back"),
    files=(PublishedFile("harth.zip", "https://archive.ics.uci.edu/static/public/779/harth.zip"),),
    sources=_sources("harth", "harth.zip"),
    read=read,
    note="back is the lower back. Free living, so activities have very different durations.",
)

HAR70PLUS = Dataset(
    name="har70plus",
    title="HAR70+: people of 70 to 95 years",
    page="https://archive.ics.uci.edu/dataset/780",
    licence="CC BY 4.0",
    citation="Ustad and others, Validation of an Activity Type Recognition Model Classifying Daily "
    "Physical Behavior in Older Adults, Sensors 23 (2023), doi:10.3390/s23052368",
    subjects=18,
    rate_hz=50.0,
    placements=("thigh", "back"),
    files=(PublishedFile("har70.zip", "https://archive.ics.uci.edu/static/public/780/har70.zip"),),
    sources=_sources("har70plus", "har70.zip"),
    read=read,
    note="back is the lower back. Some of them walk with aids.",
)
