"""What a logged model is made of: a bundle, and the part of this package that asks it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

import har
from har.code import source, versions
from har.runtime.bundle import Bundle

ASKED_BY = "har.api.bundles"
BESIDE = "har_runtime"
SERVED = Path(__file__).with_name("served.py")
NEEDS = ("numpy", "scipy", "pandas", "pyarrow", "pydantic", "PyYAML", "ai-edge-litert")
MODEL_NOTE = (
    "Raw windows in, probabilities out: float32, shape (n, {n_raw}, 3), m/s² at {rate_hz:g} Hz, "
    "Android's sign{lead_in}; the probabilities are of {activities}. A table of time, x, y, z "
    "gives bouts of activity. LiteRT answers; no TensorFlow is needed."
)
LEAD_IN = "; the first {n} rows are the lead-in of the filter inside the model, before the window"


def package(folder: Path) -> Path:
    """Copy those of this package's modules that a bundle is asked by; the folder of the copy.

    MLflow has processes look first where its models' code lies, and those that they start. So the
    copy lies a folder deeper, where it stands in nobody's way.
    """
    seen: set[str] = set()
    formats = Path(har.__file__).parent / "ingest" / "formats"  # imported by their names
    todo = [ASKED_BY, *(f"har.ingest.formats.{path.stem}" for path in formats.glob("[a-z]*.py"))]
    while todo:
        module = todo.pop()
        if module in seen or not module:
            continue
        seen.add(module)
        todo += [module.rpartition(".")[0], *source(module).imports]
    root = Path(har.__file__).parent
    for module in seen:
        path = root.parent.joinpath(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        target = folder / BESIDE / path.relative_to(root.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder / BESIDE


def requirements() -> list[str]:
    """Of a process that loads the model: names and versions."""
    return [f"{name}=={version}" for name, version in versions(NEEDS).items()]


def note(bundle: Bundle) -> str:
    """What goes in and comes out, in words."""
    m = bundle.manifest
    lead_in = LEAD_IN.format(n=m.lead_in_samples) if m.lead_in_samples else ""
    return MODEL_NOTE.format(
        n_raw=m.n_raw, rate_hz=m.rate_hz, lead_in=lead_in, activities=", ".join(m.activities)
    )


def example(bundle: Bundle, n: int = 2) -> np.ndarray:
    """Some raw windows of the bundle's own test."""
    with np.load(bundle.folder / bundle.manifest.golden.file, allow_pickle=False) as golden:
        return np.asarray(golden["windows"][:n], np.float32)
