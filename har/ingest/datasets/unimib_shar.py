"""UniMiB SHAR: an Android phone in a trouser pocket, 30 people, 9 activities and 8 falls, 50 Hz.

`data/acc_data.mat` holds windows of 151 samples as 453 values (all x, all y, all z, m/s²);
`data/acc_labels.mat` class, subject and trial of each. Windows stand apart: each is a recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from har.errors import DataError
from har.ingest import content
from har.ingest.datasets.dataset import Dataset, PublishedFile, matlab, need
from har.ingest.raw import Raw, Source

FILE = "UniMiB-SHAR.zip"
N = 151
ACTIVITIES = (
    "StandingUpFS", "StandingUpFL", "Walking", "Running", "GoingUpS", "Jumping", "GoingDownS",
    "LyingDownFS", "SittingDown", "FallingForw", "FallingRight", "FallingBack",
    "HittingObstacle", "FallingWithPS", "FallingBackSC", "Syncope", "FallingLeft",
)  # fmt: skip


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "unimib-shar")
    found = [m for m in content.members(path, "acc_data.mat") if "/data/" in f"/{m}"]
    return [Source(path, member, placement) for member in found[:1]]


def read(source: Source) -> Iterator[Raw]:
    (data,) = matlab(source, "acc_data")
    beside = replace(source, member=source.member.replace("acc_data", "acc_labels"))
    labels = matlab(beside, "acc_labels")[0].astype(int)
    if data.shape != (len(labels), 3 * N):
        raise DataError(f"{source.name}: {data.shape} values for {len(labels)} labels.")
    windows = data.reshape(-1, 3, N).transpose(0, 2, 1)
    for i, (window, (label, subject, trial)) in enumerate(zip(windows, labels[:, :3], strict=True)):
        activity = ACTIVITIES[label - 1]
        yield Raw(
            dataset="unimib-shar",
            subject=str(subject),
            session=f"{activity}-{trial}-{i + 1:05d}",
            placement=source.placement,
            acceleration=window,
            unit="m/s2",
            convention="android",
            rate_hz=50.0,
            notes=[(activity, 0, N)],
            source=f"{source.name}#{i + 1}",
        )


DATASET = Dataset(
    name="unimib-shar",
    title="UniMiB SHAR",
    page="http://www.sal.disco.unimib.it/technologies/unimib-shar/",
    licence="see its page",
    citation="Micucci, Mobilio, Napoletano, UniMiB SHAR: A Dataset for Human Activity Recognition "
    "Using Acceleration Data from Smartphones, Applied Sciences 7 (2017), doi:10.3390/app7101101",
    subjects=30,
    rate_hz=50.0,
    placements=("pocket",),
    files=(PublishedFile(FILE, "https://www.dropbox.com/s/x2fpfqj0bpf8ep6/UniMiB-SHAR.zip?dl=1"),),
    sources=sources,
    read=read,
    note="Pre-cut windows of 3 s around a peak: windows longer than that cannot be cut.",
)
