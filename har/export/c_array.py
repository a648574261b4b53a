"""A model as a C header, for TensorFlow Lite for Microcontrollers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from har.export import templates
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
    return templates.render(
        "bundle_model.h",
        about=about,
        variant=variant,
        file=path.name,
        operators=model.operators,
        activities=[json.dumps(a) for a in about.activities],
        content=path.read_bytes(),
        windows=_as_text(windows.reshape(len(windows), -1)),
        probabilities=_as_text(model(windows)),
    )


def _as_text(values: np.ndarray) -> list[list[str]]:
    return [[f"{v:.9e}f" for v in row] for row in values.tolist()]  # exact for a float32
