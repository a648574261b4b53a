"""Capture-24: Axivity AX3 on the dominant wrist, a day of free living each, 151 people, 100 Hz, g.

`capture24/Pnnn.csv.gz`, columns `time,x,y,z,annotation`; `annotation-label-dictionary.csv` maps the
206 annotations to a few classes, of which `label:Walmsley2020` is used (sleep, sedentary, light,
moderate-vigorous).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from har.errors import DataError
from har.ingest import clock, content
from har.ingest.datasets.dataset import Dataset, PublishedFile, columns, members, need
from har.ingest.raw import Raw, Source, runs

FILE = "capture24.zip"
SCHEME = "label:Walmsley2020"
_MEMBER = re.compile(r".*(?P<subject>P\d+)\.csv\.gz")


def sources(folder: Path, placement: str) -> list[Source]:
    path = need(folder / FILE, "capture24")
    index = content.members(path, "annotation-label-dictionary.csv")
    if not index:
        raise DataError(
            f"{path} has no annotation-label-dictionary.csv: not the published archive."
        )
    rows = csv.DictReader(
        content.read_bytes(Source(path, index[0])).decode("utf-8-sig").splitlines()
    )
    labels = {row["annotation"]: row[SCHEME] for row in rows}
    found = members(path, _MEMBER, placement)
    return [replace(s, extra={**s.extra, "labels": labels}) for s in found]


def read(source: Source) -> Iterator[Raw]:
    import pandas as pd

    others = {"time": "", "annotation": "dictionary"}
    acceleration, table, rejected = columns(source, "xyz", others)
    time_s, *_ = clock.seconds(table["time"], "time", source.name)
    codes, values = pd.factorize(table["annotation"])
    names = [source.extra["labels"].get(str(v), "") for v in values] + [""]
    notes = [(names[codes[a]], a, b) for a, b in runs(codes) if names[codes[a]]]
    yield Raw(
        dataset="capture24",
        subject=source.extra["subject"],
        session="1",
        placement=source.placement,
        acceleration=acceleration,
        unit="g",
        convention="android",
        rate_hz=100.0,
        time_s=time_s,
        notes=notes,
        source=source.name,
        rejected=rejected,
    )


DATASET = Dataset(
    name="capture24",
    title="Capture-24",
    page="https://ora.ox.ac.uk/objects/uuid:99d7c092-d865-4a19-b096-cc16440cd001",
    licence="CC BY 4.0",
    citation="Chan Chang and others, CAPTURE-24: A large dataset of wrist-worn activity tracker "
    "data collected in the wild, Scientific Data 11 (2024), doi:10.1038/s41597-024-03960-3",
    subjects=151,
    rate_hz=100.0,
    placements=("wrist",),
    files=(
        PublishedFile(
            FILE,
            "https://ora.ox.ac.uk/objects/uuid:99d7c092-d865-4a19-b096-cc16440cd001/files/"
            "rpr76f381b",
        ),
    ),
    sources=sources,
    read=read,
    note=f"Classes of {SCHEME}; 6.9 GB, 2,500 labelled hours.",
)
