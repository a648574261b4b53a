"""The bundle: a folder with a model and everything that a program must know to run it.

model.tflite            float32; model.<variant>.tflite beside it
model.json              the contract: `har.runtime.manifest`
golden.npz              raw windows in, probabilities out: a test for any other platform
README.md               how to use it from Python, Kotlin, Swift and JavaScript
MODEL_CARD.md           what it is, how good, on whom it fails; DATA_CARD.md: its recordings
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from har.errors import BundleError
from har.files import sha256_file
from har.runtime.interpreter import LiteModel, carried
from har.runtime.manifest import File, Golden, Manifest, Variant
from har.runtime.streaming import Aligner, Windower

MANIFEST = "model.json"
FIXED = (
    "activities", "input", "output", "features", "rate_hz", "window", "lead_in_samples", "filter",
    "resampler", "calibration",
)  # fmt: skip
"""What belongs to the graph. Smoothing, abstention and alignment are around it, and a user's."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and found in order."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read a bundle.

        Parameters
        ----------
        folder : Path
            The folder, or its `model.json`.

        Raises
        ------
        BundleError
            If it is no bundle, or a field of its manifest is not as it should be.
        """
        folder = folder.parent if folder.name == MANIFEST else folder
        path = folder / MANIFEST
        if not path.is_file():
            inside = sorted(str(p.parent) for p in folder.glob(f"*/{MANIFEST}"))
            hint = (
                f"It holds bundles: {', '.join(inside)}."
                if inside
                else "A bundle is a folder such as reports/watch/bundle/gru, made by `har export`."
            )
            raise BundleError(f"No {MANIFEST} in {folder}. {hint}")
        return cls(folder, Manifest.read(path, again="har export PIPELINE"))

    def aligner(self) -> Aligner | None:
        """What turns a recording's samples before the model, if it was trained on turned ones."""
        if (align := self.manifest.align) is None:
            return None
        return Aligner(rate_hz=self.manifest.rate_hz, seconds=align.seconds, axis=align.axis)

    def windower(self, aligner: Aligner | None) -> Windower:
        """What makes the model's windows of samples as they come."""
        about = self.manifest
        return Windower(
            rate_hz=about.rate_hz,
            max_gap_s=about.resampler.max_gap_s,
            n_raw=about.n_raw,
            hop=about.window.hop_samples,
            aligner=aligner,
        )

    def model(self, variant: str = "float32") -> LiteModel:
        """The interpreter on one of the files.

        Raises
        ------
        BundleError
            If the variant is not in the bundle, or its file is not the one that the manifest
            describes.
        """
        known = dict[str, Variant](self.manifest.variants.items())
        if variant not in known:
            withheld = dict[str, str](self.manifest.withheld.items())
            reason = withheld.get(variant, "it was not exported")
            raise BundleError(
                f"No {variant} in this bundle: {reason}. There are: {', '.join(known)}."
            )
        path = self._checked(known[variant])
        model = LiteModel(path)
        about = self.manifest
        found = (1, *model.input_shape), (1, model.n_classes)
        if found != (expected := (about.input.shape, about.output.shape)):
            raise BundleError(
                f"{path} takes {found[0]} and gives {found[1]}, but {MANIFEST} has input.shape "
                f"{expected[0]} and output.shape {expected[1]}. Export again."
            )
        if about.features and about.features.shape != (1, model.n_features):
            raise BundleError(
                f"{path} gives {model.n_features} features, but {MANIFEST} has features.shape "
                f"{about.features.shape}. Export again."
            )
        self._agrees(path.name, model.content)
        return model

    def check(self) -> Bundle:
        """Every file that the manifest describes is there, unchanged, and made with it.

        Raises
        ------
        BundleError
            Naming the file.
        """
        about = self.manifest
        models = (*about.variants.values(), about.step_file)
        for entry in (*models, about.c_array, about.golden):
            if entry is not None:
                path = self._checked(entry)
                if entry in models:
                    self._agrees(entry.file, path.read_bytes())
        return self

    def _agrees(self, name: str, content: bytes) -> None:
        """What a file says inside of how it is to be run, if it does, is what the manifest says."""
        inside, outside = carried(content), self.manifest.as_json()
        if inside is None:
            return
        wrong = [key for key in FIXED if inside.get(key) != outside.get(key)]
        if wrong:
            raise BundleError(
                f"{MANIFEST} is not that of {name}: they differ in "
                f"{', '.join(wrong)}. Export again."
            )

    def set_threshold(self, level: float) -> float:
        """The least smoothed probability of an activity in a prediction set.

        Raises
        ------
        BundleError
            If the bundle has no sets of this level.
        """
        sets = self.manifest.sets
        found = sets.levels.get(f"{level:g}") if sets else None
        if found is None:
            has = ", ".join(sets.levels) if sets and sets.levels else "none"
            people = f"from {sets.n_people} validation people" if sets else "none were held out"
            raise BundleError(
                f"This bundle has no prediction sets of level {level:g} ({people}); levels: {has}. "
                "A level needs level / (1 - level) people, and a bundle of this version."
            )
        return 1 - found.threshold

    def golden(self) -> dict[str, np.ndarray]:
        """windows (n, n_raw, 3), probabilities (n, k), labels (n,); features (n, d) and distances
        (n,) if it has them."""
        with np.load(self._checked(self.manifest.golden)) as f:
            parts = ["windows", "probabilities", "labels"]
            return {k: f[k] for k in [*parts, *({"features", "distances"} & set(f.files))]}

    def _checked(self, entry: File | Golden) -> Path:
        path = self.folder / entry.file
        if not path.is_file() or sha256_file(path) != entry.sha256:
            raise BundleError(
                f"{path} is missing or not the file that {MANIFEST} describes. Export again."
            )
        return path


def find_bundle(name: str, reports: Path) -> Path:
    """The one bundle's folder that a name means; see `find_bundles`.

    Raises
    ------
    BundleError
        If there is none, or several.
    ConfigError
        If it is a pipeline file that cannot be read.
    """
    found = find_bundles(name, reports)
    if len(found) == 1:
        return found[0]
    named = not Path(name).is_dir() and found[0].is_relative_to(reports)
    pipeline = found[0].relative_to(reports).parts[0] if named else ""
    each = [f"{pipeline}/{f.name}" if named else str(f) for f in found]
    raise BundleError(f"{name} holds {len(found)} bundles; name one: {', '.join(each)}.")


def find_bundles(name: str, reports: Path) -> list[Path]:
    """Folders of bundles: as named, by their pipeline or its file, or `watch/cnn` of several.

    Raises
    ------
    BundleError
        If there is none.
    ConfigError
        If it is a pipeline file that cannot be read.
    """
    path = Path(name)
    if (path / MANIFEST).is_file():
        return [path]
    if path.suffix in {".yaml", ".yml"}:
        from har import pipeline_file

        name = pipeline_file.load(path).name
        path = Path(name)
    pipeline, _, model = name.partition("/")
    if model and (reports / pipeline / "bundle" / model / MANIFEST).is_file():
        return [reports / pipeline / "bundle" / model]
    roots = [path, path / "bundle", *([reports / name / "bundle"] if path.name == name else [])]
    if found := sorted({p.parent for root in roots for p in root.glob(f"*/{MANIFEST}")}):
        return found
    raise BundleError(
        f"No bundle at {name}. A bundle is a folder such as reports/watch/bundle/cnn; "
        "`har export watch` makes it."
    )
