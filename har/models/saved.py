"""A model from its file, with the layers of this package."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from har.quiet import quiet


def load_model(path: Path) -> Any:
    """A saved Keras model, with the layers of this package."""
    with quiet():
        import keras

        importlib.import_module("har.models.layers")  # registers them
        return keras.saving.load_model(path, compile=False)
