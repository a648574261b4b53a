"""The bundle: a folder with a model and everything that a program must know to run it.

model.tflite            float32; model.<variant>.tflite beside it
model.json              the contract, described by bundle.schema.json
golden.npz              raw windows in, probabilities out: a test for any other platform
README.md               how to use it from Python, Kotlin, Swift and JavaScript
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import ExportError
from har.files import sha256_file
from har.runtime import streaming
from har.runtime.interpreter import LiteModel

SCHEMA = "har-model/1"


@cache
def json_schema() -> dict[str, Any]:
    """The JSON schema of `model.json`, as packaged."""
    text = resources.files("har.runtime").joinpath("bundle.schema.json").read_text("utf-8")
    return dict(json.loads(text))


def validate(manifest: Mapping[str, Any], *, where: str = "model.json") -> None:
    """Hold a manifest against the schema, and its numbers against each other.

    Raises
    ------
    ExportError
        With the first thing that is wrong and where.
    """
    import jsonschema

    try:
        jsonschema.validate(manifest, json_schema())
    except jsonschema.ValidationError as e:
        place = ".".join(str(p) for p in e.absolute_path) or "the file"
        raise ExportError(f"{where}: {place}: {e.message}") from None
    n_raw = manifest["window"]["n_samples"] + manifest["lead_in_samples"]
    taps = len(manifest["filter"]["taps"])
    for ok, message in (
        (manifest["input"]["shape"] == [1, n_raw, 3], f"input.shape must be [1, {n_raw}, 3]"),
        (taps == manifest["lead_in_samples"] + 1, f"{taps} taps need a lead-in of {taps - 1}"),
        (
            manifest["output"]["shape"] == [1, len(manifest["activities"])],
            "output.shape must have one number for each activity",
        ),
        (not set(manifest["variants"]) & set(manifest["withheld"]), "a variant is also withheld"),
    ):
        if not ok:
            raise ExportError(f"{where}: {message}.")


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and found in order."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read a bundle.

        Parameters
        ----------
        folder : Path
            The folder, or its `model.json`.

        Raises
        ------
        ExportError
            If it is no bundle, or its manifest does not keep to the schema.
        """
        folder = folder.parent if folder.name == "model.json" else folder
        path = folder / "model.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            inside = sorted(p.parent.name for p in folder.glob("*/model.json"))
            hint = (
                f"It holds bundles: {', '.join(str(folder / n) for n in inside)}."
                if inside
                else "A bundle is a folder such as reports/watch/bundle/gru, made by `har export`."
            )
            raise ExportError(f"No model.json in {folder}. {hint}") from None
        except (json.JSONDecodeError, NotADirectoryError) as e:
            raise ExportError(f"{path} cannot be read: {e}.") from None
        validate(manifest, where=str(path))
        return cls(folder, manifest)

    @property
    def activities(self) -> tuple[str, ...]:
        return tuple(self.manifest["activities"])

    @property
    def rate_hz(self) -> float:
        return float(self.manifest["rate_hz"])

    @property
    def n_raw(self) -> int:
        return int(self.manifest["input"]["shape"][1])

    @property
    def lead_in(self) -> int:
        return int(self.manifest["lead_in_samples"])

    @property
    def hop(self) -> int:
        return int(self.manifest["window"]["hop_samples"])

    def aligner(self) -> streaming.Aligner | None:
        """What turns a recording's samples before the model, if it was trained on turned ones."""
        if (align := self.manifest.get("align")) is None:
            return None
        return streaming.Aligner(rate_hz=self.rate_hz, seconds=align["seconds"], axis=align["axis"])

    @property
    def threshold(self) -> float | None:
        abstention = self.manifest.get("abstention")
        return None if abstention is None else float(abstention["threshold"])

    def model(self, variant: str = "float32") -> LiteModel:
        """The interpreter on one of the files.

        Raises
        ------
        ExportError
            If the variant is not in the bundle or its file is not the one that was checked.
        """
        if variant not in self.manifest["variants"]:
            reason = self.manifest["withheld"].get(variant, "it was not exported")
            known = ", ".join(self.manifest["variants"])
            raise ExportError(f"No {variant} in this bundle: {reason}. There are: {known}.")
        entry = self.manifest["variants"][variant]
        path = self.folder / entry["file"]
        if not path.is_file() or sha256_file(path) != entry["sha256"]:
            raise ExportError(
                f"{path} is missing or not the file that model.json describes. Export again."
            )
        return LiteModel(path)

    def golden(self) -> dict[str, np.ndarray]:
        """windows (n, n_raw, 3), probabilities (n, k), labels (n,)."""
        with np.load(self.folder / self.manifest["golden"]["file"]) as f:
            return {k: f[k] for k in ("windows", "probabilities", "labels")}


def find_bundle(name: str, reports: Path) -> Path:
    """A bundle's folder: as it is, or by its pipeline (`watch`), or `watch/cnn` of several.

    Raises
    ------
    ExportError
        If there is none, or several.
    """
    path = Path(name)
    if (path / "model.json").is_file():
        return path
    pipeline, _, model = name.partition("/")
    if model and (reports / pipeline / "bundle" / model / "model.json").is_file():
        return reports / pipeline / "bundle" / model
    roots = [path, path / "bundle", *([reports / name / "bundle"] if path.name == name else [])]
    found = sorted({p.parent for root in roots for p in root.glob("*/model.json")})
    if len(found) == 1:
        return found[0]
    if found:
        short = path.name == name and found[0].is_relative_to(reports / name)
        each = [f"{name}/{f.name}" if short else str(f) for f in found]
        raise ExportError(f"{name} holds {len(found)} bundles; name one: {', '.join(each)}.")
    raise ExportError(
        f"No bundle at {name}. A bundle is a folder such as reports/watch/bundle/cnn; "
        "`har export watch` makes it."
    )
