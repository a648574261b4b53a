"""`watch`: seven shoulder exercises on a smartwatch, the recordings that travel in this package.

`data/builtin/watch.parquet` holds the acceleration of seglearn's `watch_dataset.npy` as it was
published; `data/builtin/README.md` says how it was made, whose it is and under what licence.

Sign: the full set was recorded on Apple Watches 2 and 3 [1]_ [2]_, whose Core Motion reports
gravity with the opposite sign to Android. The recordings agree: in the two rotation exercises the
forearm is held level, thumb up, so that the watch's 12 o'clock points down, and y reads +0.9 to
+1.0 g on both arms. Android's convention would read −1. They are therefore negated.

References
----------
.. [1] D. M. Burns and others, Shoulder physiotherapy exercise recognition: machine learning the
   inertial signals from a smartwatch. Physiological Measurement 39 (2018) 075007,
   doi:10.1088/1361-6579/aacfd9.
.. [2] The full set's description, https://github.com/dmbee/SPAR-dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from har.errors import DataError
from har.ingest.datasets.dataset import Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source, runs

FILE = "watch.parquet"
EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward_elevation",
    "IR": "internal_rotation",
    "ER": "external_rotation",
    "TRAP": "trapezius_row",
    "ROW": "row_bent_over",
}
"""What the publisher calls them in full [2]_. In the alphabet they come as their codes do."""


def sources(folder: Path, placement: str) -> list[Source]:
    return [Source(need(folder / FILE, "watch"), placement=placement)]


def read(source: Source) -> Iterator[Raw]:
    """One recording for each subject, side and exercise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(source.path, use_threads=False)
    except (pa.ArrowInvalid, OSError) as e:
        raise DataError(f"{source.path} is damaged ({e}). Install this package again.") from e
    acceleration = np.column_stack([table[axis].to_numpy() for axis in "xyz"])
    keys = table.select(["subject", "side", "exercise"]).to_pandas()
    same = keys.groupby([*keys], observed=True).ngroup().to_numpy()
    for i, (start, end) in enumerate(runs(same)):
        subject, side, exercise = keys.iloc[start]
        yield Raw(
            dataset="watch",
            subject=str(subject),
            session=f"{side}-{exercise}",
            placement=source.placement,
            acceleration=acceleration[start:end],
            unit="g",
            convention="ios",
            rate_hz=50.0,
            notes=[(EXERCISES[exercise], 0, end - start)],
            source=f"{FILE}/{i}",
            provenance={"side": side},
        )


DATASET = Dataset(
    name="watch",
    title="Shoulder exercises on a smartwatch (built in)",
    page="https://github.com/dmbee/seglearn",
    licence="BSD-3-Clause",
    citation="Burns and others, Physiological Measurement 39 (2018) 075007, "
    "doi:10.1088/1361-6579/aacfd9",
    subjects=10,
    rate_hz=50.0,
    placements=("wrist",),
    files=(PublishedFile(FILE),),
    sources=sources,
    read=read,
    convention="ios",
    note="7 exercises, both arms, 140 recordings; the acceleration in the test data of the Python "
    "package seglearn 1.2.5, copied into this one.",
    builtin=True,
    proven_on="published files",
)
