"""A whole `model.json` without a model: for tests that ask nothing of one."""

from __future__ import annotations

import json
from typing import Any

from har.runtime.manifest import Figures, Manifest

SHA = "0" * 64
FIGURES: dict[str, Any] = {
    "operators": {"SOFTMAX": 1},
    "latency_ms_p50": 0.1,
    "latency_ms_p99": 0.2,
    "peak_memory_bytes": 1000,
    "n_windows": 200,
    "max_abs_diff": 0.0,
    "mean_abs_diff": 0.0,
    "label_agreement": 1.0,
    "macro_f1": 0.5,
    "ece": 0.02,
}
RAW_PARITY = {"recordings": 2, "irregular": 1, "n_windows": 50, "max_abs_diff": 1e-7}
ALIGN = {
    "kind": "walking-1",
    "seconds": 20,
    "axis": "-y",
    "moving": 0.5,
    "around": 2,
    "at_least": 5,
}
MODEL_JSON: dict[str, Any] = {
    "schema": "har-model/1",
    "model": "cnn",
    "architecture": "cnn",
    "parameters": 100,
    "pipeline": "small",
    "activities": ["sit", "walk"],
    "input": {
        "name": "acceleration", "shape": [1, 84, 3], "dtype": "float32", "unit": "m/s2",
        "axes": ["x", "y", "z"], "convention": "android", "gravity": "present",
        "placements": ["wrist"],
    },
    "output": {"shape": [1, 2], "dtype": "float32", "meaning": "probability of each activity"},
    "rate_hz": 50.0,
    "window": {"n_samples": 64, "length_s": 1.28, "hop_samples": 32, "hop_s": 0.64},
    "lead_in_samples": 20,
    "filter": {"kind": "lowpass", "cutoff_hz": 20.0, "transition_hz": 8.0, "in_graph": True,
               "taps": [1 / 21] * 21, "delay_samples": 10.0},
    "resampler": {"kind": "cubic-sinc-1", "max_gap_s": 0.25, "warm_up": 64, "too_close": 0.25,
                  "faster": 1.1, "zero_crossings": 8},
    "smoothing": {"kind": "mean", "n_windows": 3, "delay_s": 0.64},
    "trained_on": {"fit": "final", "subjects": ["s0", "s1"], "epochs": 3, "seed": 0},
    "score_of": {"what": "the recipe's", "protocol": "in words", "accuracy": 0.5, "macro_f1": 0.5,
                 "macro_f1_ci95": None, "n_subjects": 2},
    "withheld": {"int8": "the converter died", "stream": "it is not recurrent"},
    "data": {"name": "small", "licence": "the recorder's own data", "fingerprint": "f"},
    "versions": {"har": "0"},
    "config_key": "k",
    "variants": {"float32": {"file": "model.tflite", "bytes": 10, "sha256": SHA, **FIGURES}},
    "golden": {"file": "golden.npz", "sha256": SHA, "n_windows": 2},
}  # fmt: skip


def manifest(**changes: Any) -> Manifest:
    """The manifest with other values for some of its fields."""
    return Manifest.model_validate_json(json.dumps({**MODEL_JSON, **changes}))


def figures(**changes: Any) -> Figures:
    """Figures of a variant that nobody measured."""
    return Figures(**{**FIGURES, **changes})
