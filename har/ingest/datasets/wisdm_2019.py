"""WISDM 2019: phone and watch, 51 people, up to 18 activities; here the accelerometers.

`wisdm-dataset/raw/{phone,watch}/accel/data_<id>_accel_<device>.txt`, lines
`id,code,timestamp_ns,x,y,z;` in m/s². Documented as 20 Hz; by its timestamps a phone ran at 20, 25
or 50 Hz, some of them at two rates in one recording. One recording for each subject and activity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest import content
from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Finding, Raw, Source, runs

FILE = "wisdm-dataset.zip"
ACTIVITIES = {
    "A": "walking", "B": "jogging", "C": "stairs", "D": "sitting", "E": "standing", "F": "typing",
    "G": "teeth", "H": "soup", "I": "chips", "J": "pasta", "K": "drinking", "L": "sandwich",
    "M": "kicking", "O": "catch", "P": "dribbling", "Q": "writing", "R": "clapping",
    "S": "folding",
}  # fmt: skip
DEVICES = {"pocket": "phone", "wrist": "watch"}
_MEMBER = re.compile(r".*raw/(?P<device>phone|watch)/accel/data_(?P<subject>\d+)_accel_\1\.txt")
_NAMES = ("subject", "code", "time_ns", "x", "y", "z")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "wisdm-2019")
    found = members(path, _MEMBER, placement)
    return [s for s in found if s.extra["device"] == DEVICES[placement]]


def read(source: Source) -> Iterator[Raw]:
    data = content.read_bytes(source).replace(b";", b"")
    others = {"code": "dictionary", "time_ns": "int64"}
    acceleration, table, rejected = columns(source, "xyz", others, data, names=_NAMES)
    code = np.asarray(table["code"]).astype(str)
    seen: dict[str, int] = {}
    for number, (start, end) in enumerate(runs(code)):
        letter = code[start].strip()
        seen[letter] = seen.get(letter, 0) + 1
        findings, notes = [], []
        if activity := ACTIVITIES.get(letter):
            notes = [(activity, 0, end - start)]
        else:
            message = f"Activity code {letter!r} is not in activity_key.txt: kept without a label."
            findings = [Finding("label", "warning", "kept", message, source.name, end - start)]
        yield Raw(
            dataset="wisdm-2019",
            subject=str(source.extra["subject"]),
            session=letter if seen[letter] == 1 else f"{letter}-{seen[letter]}",
            placement=source.placement,
            acceleration=acceleration[start:end],
            unit="m/s2",
            convention="android",
            rate_hz=20.0,
            time_s=table["time_ns"][start:end] * 1e-9,
            notes=notes,
            source=f"{source.name}#{letter}",
            rejected=rejected if not number else {},
            findings=findings,
        )


def missing(found: list[Source]) -> list[str]:
    """Subjects 1600 to 1650 without a file."""
    have = {str(s.extra["subject"]) for s in found}
    return [f"subject {s}" for s in map(str, range(1600, 1651)) if s not in have]


DATASET = Dataset(
    name="wisdm-2019",
    title="WISDM Smartphone and Smartwatch Activity and Biometrics",
    page="https://archive.ics.uci.edu/dataset/507",
    licence="CC BY 4.0",
    citation="Weiss, Yoneda, Hayajneh, Smartphone and Smartwatch-Based Biometrics Using Activities "
    "of Daily Living, IEEE Access 7 (2019), doi:10.1109/ACCESS.2019.2940729",
    subjects=51,
    rate_hz=20.0,
    placements=("pocket", "wrist"),
    files=(PublishedFile(FILE, f"{UCI}/00507/wisdm-dataset.zip"),),
    sources=sources,
    read=read,
    note="Published as 20 Hz; by the timestamps 20, 25 or 50 Hz, some phones at two rates.",
    missing=missing,
    proven_on="published files",
)
