"""Bundles of untrained networks of the default size: as fast as trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from har.export import convert, writer
from har.export.description import describe
from har.models import registry
from har.pipeline_file import parse
from har.runtime.interpreter import LiteModel
from har.runtime.manifest import TrainedOn
from har.signal.filters import taps_of
from har.signal.windows import Windows
from tests import manifests

ACTIVITIES = ("a", "b", "c", "d", "e", "f", "g")


def write(folder: Path, name: str) -> Path:
    """A bundle with the float32 file, 2.56 s windows at 50 Hz, a hop of 1.28 s."""
    pipeline = parse(
        {
            "name": "speed",
            "dataset": {"path": "*.csv"},
            "signal": {"filter": {"kind": "lowpass", "cutoff_hz": 20}},
            "models": [name],
        }
    )
    taps = taps_of(pipeline.signal.filter, 50.0)
    n_raw = 128 + len(taps) - 1
    model = registry.get(name).build((n_raw, 3), len(ACTIVITIES), taps=taps)
    folder.mkdir(parents=True)
    model.save(folder / "m.keras")
    noise = np.random.default_rng(0).normal(0, 3, (len(ACTIVITIES) * n_raw, 3)).astype(np.float32)
    n = len(ACTIVITIES)
    starts = np.arange(n, dtype=np.int64) * n_raw
    names = np.array(["s/0/wrist"] * n)
    windows = Windows(
        noise, starts, 128, taps, np.arange(n), np.ones(n, np.float32), names, names,
        np.stack([starts, starts + n_raw], axis=1), ACTIVITIES, 50.0, {},
    )  # fmt: skip
    probe = windows.gather(np.arange(n))
    (made,) = convert.convert(
        [convert.Request(folder / "m.keras", folder, ("float32",), None, probe)]
    )
    score = {
        "accuracy": 0,
        "macro_f1": 0,
        "macro_f1_ci95": None,
        "per_subject": {},
        "parameters": 1,
    }
    results = {
        "models": {name: score},
        "protocol": "none",
        "config_key": "-",
        "data_fingerprint": "-",
    }
    path = convert.required(made)
    writer.write(
        folder / "bundle",
        describe(
            pipeline,
            pipeline.models[0],
            TrainedOn(fit="final", subjects=("s",), epochs=1, seed=0),
            {},
            windows,
            results,
            gravity="present",
        ),
        {"float32": path},
        {"float32": manifests.figures(operators=LiteModel(path).operators)},
        {"windows": probe, **made.keras._asdict(), "labels": windows.labels},
    )
    return folder / "bundle"
