"""The prepared windows on disk: the samples once, and a table of starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from har.files import read_json, write_json
from har.signal.windows import Windows

SAMPLES = "samples.npy"


def write(folder: Path, windows: Windows) -> None:
    """Write windows; their samples may be there already, mapped."""
    samples = folder / SAMPLES
    mapped = getattr(windows.samples, "filename", None)
    if mapped is None or Path(mapped).resolve() != samples.resolve():
        np.save(samples, windows.samples)
    pd.DataFrame(
        {
            "start": windows.starts,
            "label": windows.labels,
            "purity": windows.purity,
            "subject": pd.Categorical(windows.subjects),
            "recording": pd.Categorical(windows.recordings),
            "span_start": windows.spans[:, 0],
            "span_end": windows.spans[:, 1],
        }
    ).to_parquet(folder / "windows.parquet", index=False)
    write_json(
        folder / "prepared.json",
        {
            "n_samples": windows.n_samples,
            "taps": windows.taps.tolist(),
            "activities": list(windows.activities),
            "rate_hz": windows.rate_hz,
            "rejected": windows.rejected,
            "aligned": windows.aligned,
        },
    )


def load(folder: Path) -> Windows:
    """Read windows; the samples are memory-mapped."""
    about = read_json(folder / "prepared.json")
    table = pd.read_parquet(folder / "windows.parquet")
    return Windows(
        samples=np.load(folder / SAMPLES, mmap_mode="r", allow_pickle=False),
        starts=table["start"].to_numpy(np.int64),
        n_samples=about["n_samples"],
        taps=np.array(about["taps"], dtype=np.float64),
        labels=table["label"].to_numpy(np.int64),
        purity=table["purity"].to_numpy(np.float32),
        subjects=_names(table["subject"]),
        recordings=_names(table["recording"]),
        spans=table[["span_start", "span_end"]].to_numpy(np.int64),
        activities=tuple(about["activities"]),
        rate_hz=about["rate_hz"],
        rejected=about["rejected"],
        aligned=about["aligned"],
    )


def _names(column: pd.Series) -> np.ndarray:
    """Text of each row, without an object for each."""
    known = column.astype("category").cat
    names: np.ndarray = np.asarray(known.categories.astype(str), dtype=str)[known.codes]
    return names
