"""A model as a C header, for TensorFlow Lite for Microcontrollers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from har.runtime.interpreter import LiteModel
from har.runtime.manifest import Description

N_GOLDEN = 4


def header(about: Description, variant: str, path: Path, windows: np.ndarray) -> str:
    """The header: the file's bytes, what goes in and out, and golden vectors.

    Parameters
    ----------
    path : Path
        The `.tflite` file.
    windows : ndarray of float32, shape (n, n_raw, 3)
        Golden windows; what this very file answers on a computer is written beside them.
    """
    model = LiteModel(path)
    content = path.read_bytes()
    name = f"{about.pipeline} {about.model}, {variant}"
    activities = ", ".join(json.dumps(a) for a in about.activities)
    operators = ", ".join(model.operators)
    lines = [
        f"// {name}: the bytes of {path.name}, made by `har export`.",
        "// In: float32 x, y, z in m/s2 (Android's sign), oldest first; model.json says the rest.",
        *(["// The samples must be turned first: README.md says how."] if about.align else []),
        f"// Operators to register: {operators}.",
        "#ifndef HAR_MODEL_H",
        "#define HAR_MODEL_H",
        "",
        f"#define HAR_RATE_HZ {about.rate_hz!r}f",
        f"#define HAR_N_RAW {about.n_raw}",
        f"#define HAR_HOP {about.window.hop_samples}",
        f"#define HAR_N_ACTIVITIES {len(about.activities)}",
        f"#define HAR_N_GOLDEN {len(windows)}",
        f"#define HAR_MODEL_LENGTH {len(content)}u",
        "",
        f"static const char *const har_activities[HAR_N_ACTIVITIES] = {{{activities}}};",
        "",
        "__attribute__((aligned(16)))",
        "static const unsigned char har_model[HAR_MODEL_LENGTH] = {",
        *_rows((str(b) for b in content), 24),
        "};",
        "",
        "// Windows, and what this model says of them; int8 may differ in the last step of 1/256.",
        "static const float har_golden_windows[HAR_N_GOLDEN][HAR_N_RAW * 3] = {",
        *_table(windows.reshape(len(windows), -1)),
        "};",
        "static const float har_golden_probabilities[HAR_N_GOLDEN][HAR_N_ACTIVITIES] = {",
        *_table(model(windows)),
        "};",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _rows(items: Iterable[str], n: int) -> list[str]:
    values = list(items)
    return ["  " + ", ".join(values[i : i + n]) + "," for i in range(0, len(values), n)]


def _table(values: np.ndarray) -> list[str]:
    out = []
    for row in values.tolist():
        out += ["{", *_rows((f"{v:.9e}f" for v in row), 6), "},"]  # exact for a float32
    return out
