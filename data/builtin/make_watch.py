"""Make `watch.parquet` from the file that seglearn publishes.

    python data/builtin/make_watch.py watch_dataset.npy

The published file is a pickled dictionary. It is read by an unpickler that knows numpy arrays and
nothing else. Of its six columns the three of acceleration are kept, in g, as the float64 values
that were published.
"""

from __future__ import annotations

import argparse
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

EXERCISES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
SIDES = ("left", "right")  # seglearn's documentation: 1 = right, 0 = left

NUMPY = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("_codecs", "encode"),
}


class ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays; anything else in the file is refused before it can run."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy._core", "numpy.core")
        if (module, name) not in NUMPY:
            raise ValueError(f"It asks for {module}.{name}: this is not the published file.")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load(data: bytes) -> dict[str, Any]:
    """The dictionary in the published file, its structure checked.

    Raises
    ------
    ValueError
        If it is another file.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        header(stream)
        content = ArraysOnly(stream, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError) as e:
        raise ValueError(f"This is not the published file ({e}).") from e
    if isinstance(content, np.ndarray):
        content = content.item() if content.size == 1 else content.tolist()
    while isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict) or not {"X", "y", "subject", "side"} <= set(content):
        raise ValueError("It does not hold X, y, subject and side.")
    if {len(content[k]) for k in ("y", "subject", "side")} != {len(content["X"])}:
        raise ValueError("X, y, subject and side differ in length.")
    if tuple(content["y_labels"]) != EXERCISES or [*content["X_labels"]][:3] != ["ax", "ay", "az"]:
        raise ValueError("It has other labels or columns than the published file.")
    return content


def table(content: dict[str, Any]) -> pa.Table:
    """One row a sample, recording after recording in the published order."""
    lengths = [len(signal) for signal in content["X"]]
    acceleration = np.concatenate([signal[:, :3] for signal in content["X"]])

    def column(values: Any, names: tuple[str, ...]) -> pa.DictionaryArray:
        codes = np.repeat(np.asarray(values).astype(np.int8), lengths)
        return pa.DictionaryArray.from_arrays(codes, list(names))

    return pa.table(
        {
            "subject": np.repeat(np.asarray(content["subject"]).astype(np.int8), lengths),
            "side": column(content["side"], SIDES),
            "exercise": column(content["y"], EXERCISES),
            **dict(zip("xyz", acceleration.T, strict=True)),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("published", type=Path, help="seglearn's watch_dataset.npy")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("watch.parquet"))
    options = parser.parse_args()
    pq.write_table(
        table(load(options.published.read_bytes())),
        options.out,
        compression="zstd",
        compression_level=22,
        use_dictionary=["side", "exercise"],
    )


if __name__ == "__main__":
    main()
