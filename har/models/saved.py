"""A model from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har.models.registry import import_layers
from har.quiet import quiet


def load_model(path: Path) -> Any:
    """A saved Keras model, with the layers of this package and of models from others."""
    with quiet():
        import keras

        import_layers()
        return keras.saving.load_model(path, compile=False)
