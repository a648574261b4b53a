"""A fitted classifier as a bundle."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from har import fanout, pipeline_file
from har.api.arrays import as_windows
from har.errors import ExportError
from har.export import description, parity, proof, writer
from har.export.shipping import Shipped
from har.models import registry
from har.runtime.interpreter import LiteModel
from har.runtime.manifest import TrainedOn

NOBODY = ("not recorded",)
VARIANTS = ("float32", "dynamic", "float16")


@dataclass(frozen=True, eq=False)
class Fit:
    """What is known of a fitted classifier.

    `network` is its Keras model; `windows` (n, T, 3) and `labels` (n,) are some that were fitted.
    """

    model: str
    params: dict[str, Any]
    network: Any
    classes: np.ndarray
    people: tuple[str, ...]
    epochs: int | None
    seed: int
    windows: np.ndarray
    labels: np.ndarray


def write(
    fitted: Fit, folder: Path, *, rate_hz: float, overlap: float,
    gravity: Literal["present", "removed"],
    placement: str,
) -> None:  # fmt: skip
    """See `ActivityClassifier.export`."""
    if not registry.get(fitted.model).exportable:
        raise ExportError(
            f"{fitted.model} is a classical model, which no phone runs. Fit a network: "
            f"{', '.join(n for n in registry.names() if registry.get(n).exportable)}."
        )
    if folder.exists() and any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty; a bundle goes into a folder of its own.")
    length = fitted.windows.shape[1]
    of = pipeline_file.parse(
        {
            "name": "python",
            "dataset": {"path": "-", "gravity": gravity, "placement": placement or None},
            "signal": {"rate_hz": rate_hz, "filter": {"kind": "none"}},
            "windows": {"length_s": length / rate_hz, "overlap": overlap},
            "models": [{fitted.model: fitted.params}],
        },
        where="export",
    )
    labels = fitted.labels
    windows = as_windows(
        fitted.windows, fitted.classes, labels=labels, rate_hz=rate_hz,
        placement=placement,
    )  # fmt: skip
    golden = writer.choose_golden(labels)
    trained_on = TrainedOn(
        fit="final",
        subjects=fitted.people or NOBODY,
        epochs=fitted.epochs,
        seed=fitted.seed,
    )
    with tempfile.TemporaryDirectory(prefix="har-export-") as scratch:
        network = Path(scratch) / "model.keras"
        fitted.network.save(network)
        prover = proof.Prover(
            windows,
            variants=VARIANTS,
            known=np.arange(len(windows)),
            golden=golden,
            signal=of.signal,
            prepared=Path(scratch),
            ingested=Path(scratch),
            scratch=Path(scratch),
            crew=fanout.alone(),
        )
        final = prover.alone(Shipped(of.models[0], (network,), (), trained_on, ()))
        figures = {}
        for variant, path in final.files.items():
            answers = LiteModel(path)(windows.gather(golden))
            compared = parity.compare(final.keras.probabilities, answers, labels[golden])
            figures[variant] = proof.figures(path, compared)
        about = description.describe(
            of, of.models[0], trained_on, final.withheld, windows, None, gravity=gravity,
            n_features=final.keras.features.shape[1],
        )  # fmt: skip
        kept = {"windows": windows.gather(golden), **final.keras._asdict()}
        writer.write(
            folder, about, final.files, figures, {**kept, "labels": labels[golden]},
            step=final.step,
        )  # fmt: skip
