"""`windows.parquet`: every out-of-fold prediction, for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.evaluation.collect import ModelJobs
from har.signal.windows import Windows


def write(path: Path, windows: Windows, models: Mapping[str, ModelJobs]) -> int:
    """Write a row for each (model, seed, window), in order of model, seed, fold, window.

    How many rows there are is returned.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    activities = np.array(windows.activities, dtype=object)
    fields = [
        ("model", pa.string()), ("seed", pa.int64()), ("fold", pa.int64()),
        ("recording", pa.string()), ("subject", pa.string()),
        ("start", pa.int64()), ("end", pa.int64()), ("purity", pa.float32()),
        ("true", pa.string()), ("predicted", pa.string()),
        *((f"p_{a}", pa.float32()) for a in windows.activities),
    ]  # fmt: skip
    rows = 0
    with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
        for name, model in models.items():
            for job in sorted(model.done, key=lambda j: (j.seed, j.fold)):
                i, p = job.predictions.of("test")
                if not len(i):
                    continue
                columns: list[Any] = [
                    [name] * len(i), np.full(len(i), job.seed), np.full(len(i), job.fold),
                    windows.recordings[i].tolist(), windows.subjects[i].tolist(),
                    windows.spans[i, 0], windows.spans[i, 1], windows.purity[i],
                    activities[windows.labels[i]].tolist(), activities[p.argmax(axis=1)].tolist(),
                    *p.T,
                ]  # fmt: skip
                arrays = [pa.array(c, type=t) for c, (_, t) in zip(columns, fields, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))
                rows += len(i)
    return rows
