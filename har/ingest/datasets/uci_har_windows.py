"""UCI HAR as published: windows of 128 samples that overlap by half, a phone at the waist.

`UCI HAR Dataset/{train,test}/Inertial Signals/total_acc_{x,y,z}_*.txt`, in g, 50 Hz. Windows in a
row of one person and activity, whose halves are equal, are put together again: each sample stands
once, and cutting at 128 and 50 % gives the published windows back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.errors import DataError
from har.ingest import content
from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source

FILE = "UCI HAR Dataset.zip"
N = 128
ACTIVITIES = (
    "walking", "walking_upstairs", "walking_downstairs", "sitting", "standing", "laying",
)  # fmt: skip


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "uci-har-windows")
    return [
        Source(path, member, placement, {"part": part})
        for part in ("train", "test")
        for member in content.members(path, f"total_acc_x_{part}.txt")
    ]


def _table(source: Source, name: str) -> np.ndarray:
    """A whitespace-separated table of numbers beside the source's member."""
    data = content.read_bytes(Source(source.path, name))
    values = np.array(data.split(), np.float64)
    return values.reshape(len(data.strip().splitlines()), -1)


def read(source: Source) -> Iterator[Raw]:
    part = source.extra["part"]
    folder = source.member.split("Inertial Signals/")[0]
    windows = np.stack(
        [_table(source, source.member.replace("acc_x", f"acc_{a}")) for a in "xyz"], axis=2
    )
    subject = _table(source, f"{folder}subject_{part}.txt").astype(int).ravel()
    label = _table(source, f"{folder}y_{part}.txt").astype(int).ravel()
    if windows.shape[1] != N or not len(windows) == len(subject) == len(label):
        raise DataError(f"{source.name}: windows, subjects and labels differ in number.")
    follows = (
        (subject[1:] == subject[:-1])
        & (label[1:] == label[:-1])
        & (windows[:-1, N // 2 :] == windows[1:, : N // 2]).all(axis=(1, 2))
    )
    starts = np.flatnonzero(np.r_[True, ~follows])
    for start, end in zip(starts, [*starts[1:], len(windows)], strict=True):
        rest = windows[start + 1 : end, N // 2 :].reshape(-1, 3)
        acceleration = np.concatenate([windows[start], rest])
        overlap = (end - start) * N - len(acceleration)
        yield Raw(
            dataset="uci-har-windows",
            subject=str(subject[start]),
            session=f"{part}-{start + 1:04d}",
            placement=source.placement,
            acceleration=acceleration,
            unit="g",
            convention="android",
            rate_hz=50.0,
            notes=[(ACTIVITIES[label[start] - 1], 0, len(acceleration))],
            source=f"{source.name}#{start + 1}",
            rejected={"in the window before": int(overlap)} if overlap else {},
        )


DATASET = Dataset(
    name="uci-har-windows",
    title="UCI HAR, pre-cut windows",
    page="https://archive.ics.uci.edu/dataset/240",
    licence="as in the archive's README.txt: no commercial use; CC BY 4.0 on the page",
    citation="Anguita and others, A Public Domain Dataset for Human Activity Recognition Using "
    "Smartphones, ESANN 2013",
    subjects=30,
    rate_hz=50.0,
    placements=("waist",),
    files=(PublishedFile(FILE, f"{UCI}/00240/UCI%20HAR%20Dataset.zip"),),
    sources=sources,
    read=read,
    note="Filtered and cut by its authors; uci-hapt has the recordings behind it.",
)
