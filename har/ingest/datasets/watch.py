"""`watch`: seven shoulder exercises on a smartwatch, carried by the package seglearn.

The published file is a pickled dictionary. It is read by an unpickler that knows numpy arrays and
nothing else, and without importing seglearn.

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

import importlib.util
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import DataError
from har.ingest.datasets.dataset import Dataset, PublishedFile, need
from har.ingest.raw import Raw, Source

FILE = "watch_dataset.npy"
EXERCISES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
SIDES = ("left", "right")  # seglearn's documentation: 1 = right, 0 = left

_NUMPY = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays; anything else in the file is refused before it can run."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy._core", "numpy.core")
        if (module, name) not in _NUMPY:
            raise DataError(f"{FILE} asks for {module}.{name}: it is not the published file.")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def folder() -> Path:
    """seglearn's data folder, found without importing it.

    Raises
    ------
    DataError
        If seglearn is not installed.
    """
    spec = importlib.util.find_spec("seglearn")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "Data set watch comes with the package seglearn, which is not installed. "
            "Install it: pip install seglearn==1.2.5"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def load(data: bytes) -> dict[str, Any]:
    """The dictionary in the file, its structure checked."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        header(stream)
        content = _ArraysOnly(stream, encoding="latin1").load()
    except (ValueError, pickle.UnpicklingError, EOFError) as e:
        raise DataError(f"{FILE} is not the published file ({e}).") from e
    if isinstance(content, np.ndarray):
        content = content.item() if content.size == 1 else content.tolist()
    while isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict) or not {"X", "y", "subject", "side"} <= set(content):
        raise DataError(f"{FILE} does not hold X, y, subject and side.")
    n = len(content["X"])
    if not all(len(content[k]) == n for k in ("y", "subject", "side")):
        raise DataError(f"{FILE}: X, y, subject and side differ in length.")
    if tuple(content["y_labels"]) != EXERCISES or list(content["X_labels"])[:3] != [
        "ax", "ay", "az",
    ]:  # fmt: skip
        raise DataError(f"{FILE}: other labels or columns than published.")
    return content


def sources(folder: Path, placement: str) -> list[Source]:
    return [Source(need(folder / FILE, "watch"), placement=placement)]


def read(source: Source) -> Iterator[Raw]:
    """One recording for each subject, side and exercise."""
    content = load(source.path.read_bytes())
    for i, signal in enumerate(content["X"]):
        side = SIDES[int(content["side"][i])]
        exercise = EXERCISES[int(content["y"][i])]
        yield Raw(
            dataset="watch",
            subject=str(int(content["subject"][i])),
            session=f"{side}-{exercise}",
            placement=source.placement,
            acceleration=np.asarray(signal, np.float64)[:, :3],
            unit="g",
            convention="ios",
            rate_hz=50.0,
            notes=[(exercise, 0, len(signal))],
            source=f"{FILE}/{i}",
            provenance={"side": side},
        )


DATASET = Dataset(
    name="watch",
    title="Shoulder exercises on a smartwatch (in seglearn)",
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
    note="7 exercises, both arms, 140 recordings; comes with the package seglearn 1.2.5.",
    packaged=folder,
)
