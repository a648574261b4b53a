"""The bundle's folder: every file, then the manifest that describes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from har.evaluation.results import Results
from har.export import c_array, card, metadata
from har.export.readme import readme
from har.files import sha256_file
from har.runtime.bundle import MANIFEST
from har.runtime.interpreter import min_runtime
from har.runtime.manifest import (
    STEP,
    CArray,
    Description,
    Figures,
    Golden,
    Manifest,
    ProvenStep,
    StepFile,
    Variant,
    file_name,
)

N_GOLDEN = 32


def write(
    folder: Path,
    about: Description,
    files: Mapping[str, Path],
    figures: Mapping[str, Figures],
    golden: Mapping[str, np.ndarray],
    *,
    step: tuple[Path, ProvenStep] | None = None,
    results: Results | None = None,
    data_card: str | None = None,
) -> Manifest:
    """Put a bundle together.

    Parameters
    ----------
    folder : Path
        Empty or not there yet.
    files : mapping
        Converted files by variant, float32 among them.
    figures : mapping
        What was measured of each variant.
    golden : mapping
        windows (n, n_raw, 3) float32, probabilities (n, k) and features (n, d) float32 by Keras,
        labels (n,) int64; distances (n,) float64 if it can measure them.
    step : (Path, ProvenStep), optional
        The step file of a recurrent model.
    results : Results, optional
        Of the comparison, for the model card.
    data_card : str, optional
        See `card.data_card`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variants: dict[Any, Variant] = {
        variant: Variant(**_add(folder, variant, source, about), **figures[variant].model_dump())
        for variant, source in files.items()
    }
    step_file = None
    if step is not None:
        step_file = StepFile(**_add(folder, STEP, step[0], about), **step[1].model_dump())
    arrays: dict[str, Any] = dict(golden)
    np.savez_compressed(folder / "golden.npz", **arrays)
    # Of the quantized files, TensorFlow Lite for Microcontrollers runs int8 only.
    small: Literal["float32", "int8"] = "int8" if "int8" in variants else "float32"
    header = folder / "model.h"
    header.write_text(
        c_array.header(
            about, small, folder / file_name(small), golden["windows"][: c_array.N_GOLDEN]
        ),
        encoding="utf-8",
    )
    manifest = Manifest(
        **(about.model_dump() | {"streaming": step_file}),
        c_array=CArray(**_file(header), variant=small),
        variants=variants,
        golden=Golden(
            file="golden.npz",
            sha256=sha256_file(folder / "golden.npz"),
            n_windows=len(golden["labels"]),
        ),
    )
    manifest.write(folder / MANIFEST)
    texts = {
        "README.md": readme(manifest),
        card.MODEL_CARD: card.model_card(manifest, results, with_data=data_card is not None),
        card.DATA_CARD: data_card,
    }
    for name, text in texts.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return manifest


def _add(folder: Path, variant: str, source: Path, about: Description) -> dict[str, Any]:
    """Copy a converted file, with what is known of the model inside."""
    path = folder / file_name(variant)
    said = about.as_json()
    if said.get("abstention"):
        said["abstention"].pop("distance", None)  # up to a tenth of the file
    path.write_bytes(metadata.embed(source.read_bytes(), {**said, "variant": variant}))
    return {**_file(path), "min_runtime": min_runtime(path.read_bytes())}


def _file(path: Path) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}


def choose_golden(labels: np.ndarray, n: int = N_GOLDEN) -> np.ndarray:
    """Which windows go into `golden.npz`: of every class in turn, spread over its windows.

    Returns
    -------
    ndarray of int64
        At most n indices, sorted.
    """
    classes = np.unique(labels)
    each = max(1, n // len(classes))
    chosen = []
    for c in classes[:n]:
        at = np.flatnonzero(labels == c)
        chosen.append(at[np.linspace(0, len(at) - 1, min(each, len(at))).astype(int)])
    return np.sort(np.concatenate(chosen))
