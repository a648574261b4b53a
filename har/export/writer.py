"""The bundle's folder: every file, then the manifest that describes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.export import c_array, metadata
from har.export.readme import readme
from har.files import sha256_file, write_json
from har.runtime.bundle import validate

N_GOLDEN = 32


def write(
    folder: Path,
    manifest: dict[str, Any],
    files: Mapping[str, Path],
    figures: Mapping[str, Mapping[str, Any]],
    golden: Mapping[str, np.ndarray],
    *,
    stream: tuple[Path, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Put a bundle together.

    Parameters
    ----------
    folder : Path
        Empty or not there yet.
    manifest : dict
        `model.json` without `variants` and `golden`, which are filled in here.
    files : mapping
        Converted files by variant, float32 among them.
    figures : mapping
        By variant: what was measured (operators, latency, parity).
    golden : mapping
        windows (n, n_raw, 3) float32, probabilities (n, k) float32 by Keras, labels (n,) int64.
    stream : (Path, dict), optional
        The step file of a recurrent model and what is to be said of it.

    Returns
    -------
    dict
        The whole manifest, which is valid.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variants = {}
    for variant, source in files.items():
        path = folder / ("model.tflite" if variant == "float32" else f"model.{variant}.tflite")
        path.write_bytes(metadata.embed(source.read_bytes(), {**manifest, "variant": variant}))
        variants[variant] = {**_file(path), **figures[variant]}
    if stream is not None:
        path = folder / "model.stream.tflite"
        path.write_bytes(metadata.embed(stream[0].read_bytes(), {**manifest, "variant": "stream"}))
        manifest = {**manifest, "streaming": {**_file(path), **stream[1]}}
    _save_golden(folder / "golden.npz", golden)
    # Of the quantized files, TensorFlow Lite for Microcontrollers runs int8 only.
    small = "int8" if "int8" in variants else "float32"
    header = c_array.header(
        manifest, small, folder / variants[small]["file"], golden["windows"][: c_array.N_GOLDEN]
    )
    (folder / "model.h").write_text(header, encoding="utf-8")
    manifest = {
        **manifest,
        "c_array": {**_file(folder / "model.h"), "variant": small},
        "variants": variants,
        "golden": {
            "file": "golden.npz",
            "sha256": sha256_file(folder / "golden.npz"),
            "n_windows": len(golden["labels"]),
        },
    }
    validate(manifest)
    write_json(folder / "model.json", manifest)
    (folder / "README.md").write_text(readme(manifest), encoding="utf-8")
    return manifest


def _file(path: Path) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}


def _save_golden(path: Path, golden: Mapping[str, np.ndarray]) -> None:
    windows = np.asarray(golden["windows"], np.float32)
    probabilities = np.asarray(golden["probabilities"], np.float32)
    labels = np.asarray(golden["labels"], np.int64)
    with path.open("wb") as f:
        np.savez(f, windows=windows, probabilities=probabilities, labels=labels)


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
