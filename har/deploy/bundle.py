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

from har.deploy import c_array, metadata, streaming
from har.deploy.interpreter import LiteModel
from har.errors import ExportError
from har.signal import align as aligning
from har.store import sha256_file, write_json

SCHEMA = "har-model/1"
N_GOLDEN = 32


@cache
def json_schema() -> dict[str, Any]:
    """The JSON schema of `model.json`, as packaged."""
    text = resources.files("har.deploy").joinpath("bundle.schema.json").read_text("utf-8")
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


def readme(manifest: Mapping[str, Any]) -> str:
    """How to run this very model, in four languages."""
    m, w = manifest, manifest["window"]
    with_gravity = m["input"]["gravity"] == "present"
    values = {
        "align": _template("bundle_readme_align.md") if "align" in m else "",
        **(_turning(m["align"], float(m["rate_hz"])) if "align" in m else {"raw": "raw"}),
        "model": m["model"],
        "activities": ", ".join(m["activities"]),
        "n_raw": str(m["input"]["shape"][1]),
        "n_classes": str(len(m["activities"])),
        "rate_hz": f"{m['rate_hz']:g}",
        "length_s": f"{w['length_s']:g}",
        "hop_s": f"{w['hop_s']:g}",
        "hop": str(w["hop_samples"]),
        "lead_in": str(m["lead_in_samples"]),
        "placements": ", ".join(m["input"]["placements"]) or "not recorded",
        "macro_f1": f"{m['score_of']['macro_f1']:.3f}",
        "protocol": m["score_of"]["protocol"],
        "gravity": "with gravity" if with_gravity else "without gravity",
        "android_sensor": "TYPE_ACCELEROMETER" if with_gravity else "TYPE_LINEAR_ACCELERATION",
        "ios_sample": (
            "CMAccelerometerData.acceleration"
            if with_gravity
            else "CMDeviceMotion.userAcceleration"
        ),
        "licence": m["data"]["licence"],
    }
    text = _template("bundle_readme.md")
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return text


def _template(name: str) -> str:
    return resources.files("har.deploy").joinpath(name).read_text("utf-8")


def _turning(align: Mapping[str, Any], rate_hz: float) -> dict[str, str]:
    """What the README says of `align`."""
    up = aligning.unit(align["axis"])
    return {
        "raw": "turned as said below and otherwise raw",
        "per_second": str(round(rate_hz)),
        "about": "xyz"[int(np.flatnonzero(np.roll(up, 1))[0])],
        "up": ", ".join(map(str, up.tolist())),
        **{key: str(value) for key, value in align.items()},
    }
