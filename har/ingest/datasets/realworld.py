"""RealWorld (HAR) 2016: seven placements at once, 15 people, 8 activities, 50 Hz, Android, m/s².

`probandN/data/acc_<activity>_csv.zip` inside the archive, each with `acc_<activity>_<place>.csv`
(`id,attr_time,attr_x,attr_y,attr_z`, ms). Where a recording was interrupted, that inner archive
holds further ones, `acc_<activity>_1_csv.zip` and so on.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from har.errors import DataError
from har.ingest import content
from har.ingest.datasets.dataset import Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Raw, Source

FILE = "realworld2016_dataset.zip"
PLACES = {
    "waist": "waist", "wrist": "forearm", "chest": "chest", "head": "head", "shin": "shin",
    "thigh": "thigh", "upperarm": "upperarm",
}  # fmt: skip
_OUTER = re.compile(r".*proband(?P<subject>\d+)/data/acc_(?P<activity>\w+?)_csv\.zip")
_INNER = re.compile(r".*acc_(\w+?)_(waist|forearm|chest|head|shin|thigh|upperarm)(_\d+)?\.csv$")
MAX_DEPTH = 3


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "realworld")
    return members(path, _OUTER, placement, by=("subject", "activity"))


def _tables(data: bytes, where: str, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".zip") and depth < MAX_DEPTH:
                    yield from _tables(archive.read(name), f"{where}/{name}", depth + 1)
                elif name.endswith(".csv"):
                    yield name, archive.read(name)
    except zipfile.BadZipFile as e:
        raise DataError(f"{where}: an archive inside the archive is damaged ({e}).") from e


def read(source: Source) -> Iterator[Raw]:
    x, number = source.extra, 0
    for name, data in _tables(content.read_bytes(source), source.name):
        match = _INNER.match(name)
        if not match or match[2] != PLACES[source.placement]:
            continue
        number += 1
        axes, others = [f"attr_{a}" for a in "xyz"], {"attr_time": "float64"}
        where = f"{source.name}/{name}"
        acceleration, table, rejected = columns(source, axes, others, data, where=where)
        time = table["attr_time"]
        yield Raw(
            dataset="realworld",
            subject=str(x["subject"]),
            session=f"{x['activity']}-{number}",
            placement=source.placement,
            acceleration=acceleration,
            unit="m/s2",
            convention="android",
            rate_hz=50.0,
            time_s=(time - time[0]) / 1000 if len(time) else time,
            notes=[(re.sub(r"_\d+$", "", x["activity"]), 0, len(acceleration))],
            source=where,
            rejected=rejected,
        )


DATASET = Dataset(
    name="realworld",
    title="RealWorld (HAR) 2016",
    page="https://www.uni-mannheim.de/dws/research/projects/activity-recognition/dataset/"
    "dataset-realworld/",
    licence="free for research; see its page",
    citation="Sztyler, Stuckenschmidt, On-body Localization of Wearable Devices, PerCom 2016, "
    "doi:10.1109/PERCOM.2016.7456521",
    subjects=15,
    rate_hz=50.0,
    placements=tuple(PLACES),
    files=(
        PublishedFile(
            FILE,
            "http://wifo5-14.informatik.uni-mannheim.de/sensor/dataset/realworld2016/"
            "realworld2016_dataset.zip",
        ),
    ),
    sources=sources,
    read=read,
    note="wrist is the forearm's. The same minutes at every placement: split by subject.",
)
