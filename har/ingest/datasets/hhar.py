"""HHAR: eight phones at the waist and four watches, 9 people, 6 activities, 50 to 200 Hz.

`Activity recognition exp/{Phones,Watch}_accelerometer.csv`, columns `Index, Arrival_Time (ms),
Creation_Time (ns), x, y, z (m/s²), User, Model, Device, gt`. A recording is one person with one
device; its time is the sensor's (Creation_Time), whose restarts and repeats are mended and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.ingest import content
from har.ingest.datasets.dataset import UCI, Dataset, PublishedFile, columns, need
from har.ingest.raw import Raw, Source, runs

FILE = "Activity recognition exp.zip"
MEMBERS = {"waist": "Phones_accelerometer.csv", "wrist": "Watch_accelerometer.csv"}


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "hhar")
    return [Source(path, m, placement) for m in content.members(path, MEMBERS[placement])]


def read(source: Source) -> Iterator[Raw]:
    others = {"Creation_Time": "int64", **dict.fromkeys(["User", "Device", "gt"], "dictionary")}
    acceleration, table, rejected = columns(source, "xyz", others)
    import pandas as pd

    user_code, users = pd.factorize(table["User"])
    device_code, devices = pd.factorize(table["Device"])
    codes = np.where(
        (user_code < 0) | (device_code < 0), -1, user_code * len(devices) + device_code
    )
    activity, names = pd.factorize(table["gt"])
    order = np.argsort(codes, kind="stable")
    for start, end in runs(codes[order]):
        rows = order[start:end]
        if codes[rows[0]] < 0:  # no user or device named
            rejected["no user or device"] = len(rows)
            continue
        user, device = str(users[user_code[rows[0]]]), str(devices[device_code[rows[0]]])
        label = activity[rows]
        notes = [
            (str(names[label[a]]), a, b)
            for a, b in runs(label)
            if label[a] >= 0 and names[label[a]] != "null"
        ]
        time = table["Creation_Time"][rows]
        yield Raw(
            dataset="hhar",
            subject=user,
            session=device,
            placement=source.placement,
            acceleration=acceleration[rows],
            unit="m/s2",
            convention="android",
            time_s=(time - time[0]) * 1e-9,
            notes=notes,
            source=f"{source.name}#{user}/{device}",
            rejected=rejected,
        )
        rejected = {}


DATASET = Dataset(
    name="hhar",
    title="Heterogeneity Activity Recognition",
    page="https://archive.ics.uci.edu/dataset/344",
    licence="CC BY 4.0",
    citation="Stisen and others, Smart Devices are Different, SenSys 2015, "
    "doi:10.1145/2809695.2809718",
    subjects=9,
    rate_hz=100.0,
    placements=("waist", "wrist"),
    files=(PublishedFile(FILE, f"{UCI}/00344/Activity%20recognition%20exp.zip"),),
    sources=sources,
    read=read,
    note="50 to 200 Hz by device. Several devices of one person ran at once: split by subject.",
)
