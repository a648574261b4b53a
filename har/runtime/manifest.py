"""`model.json`: all that a program must know to run a model as it was evaluated.

`har export` writes it; this package and the phone page read it. `model.schema.json` beside this
module describes it to everybody else; `python -m har.runtime.manifest` prints it.
"""

from __future__ import annotations

import math
import sys
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from har.contract import Contract, Part, absent
from har.errors import BundleError, HarError
from har.files import json_text
from har.own_recordings import TimeUnit
from har.runtime import chain
from har.runtime.chain import Above0, Count, Positive
from har.runtime.familiarity import NOTHING, Familiarity, Ruler
from har.runtime.likeness import Likeness

SCHEMA: Final = "har-model/1"

STEP = "stream"
"""What `model.json` and the file's name call the step file of a recurrent model."""

Precision = Literal["float32", "dynamic", "float16", "int8"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def file_name(variant: str) -> str:
    """`model.tflite` for float32, `model.<variant>.tflite` for the others and the step file."""
    return "model.tflite" if variant == "float32" else f"model.{variant}.tflite"


# Where the model is from, and how good it is -----------------------------------------------------


class Member(Part):
    seed: int
    epochs: int
    temperature: float


class TrainedOn(Part):
    fit: Literal["final", "fold"]
    fold: int | None = absent()
    subjects: tuple[str, ...] = Field(min_length=1)
    epochs: int | None
    seed: int | None
    members: Annotated[tuple[Member, ...], Field(min_length=2)] | None = absent(
        "present if the model is an ensemble: one graph that averages the probabilities of these "
        "fits; `seed` and `epochs` are then null"
    )


class ScoreOf(Part):
    what: str = Field(description="what was scored: the recipe on held-out people, not this file")
    protocol: str
    accuracy: float
    macro_f1: float
    macro_f1_ci95: tuple[float, float] | None
    n_subjects: int


class Columns(Part):
    """Names of a table's columns."""

    time: str | None = absent()
    x: str
    y: str
    z: str
    label: str | None = absent()
    subject: str | None = absent()


class Tables(Part):
    """How the training tables were to be read, where they do not say it themselves."""

    columns: Columns | None = absent()
    time_unit: TimeUnit | None = absent()
    rate_hz: Above0 | None = absent()
    unit: Literal["m/s2", "g", "mg"] | None = absent()
    counts_per_g: Above0 | None = absent()
    zero: float | tuple[float, float, float] | None = absent("counts that correspond to 0 g")
    six_positions: dict[str, tuple[float, float]] | None = absent(
        "counts at +1 g and at −1 g, for each axis"
    )
    autocalibrate: bool | None = absent(
        "whether recordings were calibrated by their own gravity at rest"
    )
    gravity: Literal["present", "removed"] | None = absent()
    convention: Literal["android", "ios"] | None = absent()


class Data(Part):
    name: str
    licence: str
    fingerprint: str
    labels: dict[str, str] | None = absent(
        "maps each published label to an activity, to score recordings that carry annotations"
    )
    source: str | None = absent()
    citation: str | None = absent()
    tables: Tables | None = absent(
        "how tables are to be read, as those of the training data were; `har predict` uses it"
    )


class RawParity(Part):
    """Recordings of people not seen, from their own timestamps: resampled as a phone does and
    answered by the fold's float32 file, against what was scored."""

    recordings: int
    irregular: int = Field(
        description="number of these recordings whose timestamps are not uniform"
    )
    n_windows: int
    max_abs_diff: float


# Files -------------------------------------------------------------------------------------------


class File(Part):
    file: str
    bytes: Positive
    sha256: Sha256


class ModelFile(File):
    min_runtime: str | None = absent(
        "the first version of TensorFlow Lite that runs the file's operators; every LiteRT does"
    )


class Figures(Part):
    """What was measured of a variant."""

    operators: dict[str, int]
    latency_ms_p50: float
    latency_ms_p99: float
    peak_memory_bytes: int
    n_windows: int = Field(
        description="number of windows on which the file was compared with Keras; windows of "
        "held-out people, if there were any"
    )
    max_abs_diff: float = Field(description="largest difference of a probability from Keras's")
    mean_abs_diff: float
    label_agreement: float = Field(
        description="share of windows whose label is the same as Keras's"
    )
    macro_f1: float = Field(
        description="macro-F1 after conversion, of the fold models on their own held-out people"
    )
    ece: float | None = absent("expected calibration error of the same answers")


class Variant(Figures, ModelFile):
    """A file, and what was measured of it."""


class Step(Part):
    """One step at a time: from zero states, the answer after `steps` steps is the window's."""

    signature: Literal["step"]
    step_samples: Positive = Field(description="number of raw samples that each step takes")
    steps: Positive
    skip_samples: Count = Field(
        description="number of the oldest rows of a window that are skipped"
    )
    shapes: dict[str, tuple[int, ...]] = Field(
        description="shapes of the inputs; every input except `samples` is also an output, to be "
        "copied and fed back; `context` starts as the window's first rows, states "
        "start as zeros"
    )


class ProvenStep(Step):
    """A step that was held to the whole window."""

    n_windows: int = Field(
        description="number of windows on which the steps were compared with the whole window"
    )
    max_abs_diff: float


class StepFile(ProvenStep, ModelFile):
    """One step at a time: from zero states, the answer after `steps` steps is the window's."""


class CArray(File):
    variant: Literal["float32", "int8"]


class Golden(Part):
    file: str
    sha256: Sha256
    n_windows: Positive


# The whole ---------------------------------------------------------------------------------------


class Description(Contract):
    """What is known of a model before its files are there; each of them carries it inside."""

    error: ClassVar[type[HarError]] = BundleError

    contract: Literal["har-model/1"] = Field(alias="schema")
    model: str = Field(description="the model's name in results.json")
    architecture: str = Field(description="the model's name in the registry")
    parameters: Count
    pipeline: str
    activities: tuple[str, ...] = Field(
        min_length=2,
        description="activities in the order of the probabilities",
        json_schema_extra={"uniqueItems": True},
    )
    input: chain.Input
    output: chain.Output
    features: chain.Features | None = absent("absent if the files give no features")
    adaptation: chain.Adaptation | None = absent("absent if the files give no features")
    rate_hz: Above0
    window: chain.Window
    lead_in_samples: Count = Field(
        description="rows before the window that the filter in the graph needs"
    )
    filter: chain.Filter
    resampler: chain.Resampler
    align: chain.Alignment | None = absent()
    smoothing: chain.Smoothing
    trained_on: TrainedOn
    score_of: ScoreOf | None = absent("absent if nobody was held out")
    withheld: dict[Literal["dynamic", "float16", "int8", "stream"], str] = Field(
        description="variants that were asked for but not shipped, with the reason"
    )
    data: Data
    versions: dict[str, str]
    config_key: str
    calibration: chain.Calibration | None = absent()
    abstention: chain.Abstention | None = absent()
    raw_parity: RawParity | None = absent()
    sets: chain.PredictionSets | None = absent("absent if nobody was held out")
    likeness: Likeness | None = absent("absent if too few people were recorded")

    @property
    def n_raw(self) -> int:
        """Rows of an input: the window and the filter's lead-in."""
        return self.input.shape[1]

    @property
    def threshold(self) -> float | None:
        """Below this confidence the answer is `unknown`."""
        return None if self.abstention is None else self.abstention.threshold

    @property
    def familiarity(self) -> Familiarity | None:
        """Beyond its limit the answer is `unknown` too."""
        return None if self.abstention is None else self.abstention.distance

    @property
    def limit(self) -> float:
        """Above this distance the answer is `unknown`."""
        return self.familiarity.limit if self.familiarity else math.inf

    def ruler(self) -> Ruler:
        """What measures distances; all are 0 where nothing is known of training."""
        return self.familiarity.ruler() if self.familiarity else NOTHING

    @model_validator(mode="after")
    def _numbers_agree(self) -> Self:
        n_raw, k = self.window.n_samples + self.lead_in_samples, len(self.activities)
        if len(set(self.activities)) < k:
            raise ValueError(f"activities should differ, got {', '.join(self.activities)}")
        if self.input.shape != (1, n_raw, 3):
            raise ValueError(f"input.shape should be {(1, n_raw, 3)}, got {self.input.shape}")
        if len(self.filter.taps) != self.lead_in_samples + 1:
            raise ValueError(
                f"{len(self.filter.taps)} filter.taps need a lead-in of "
                f"{len(self.filter.taps) - 1} samples, got {self.lead_in_samples}"
            )
        if self.output.shape != (1, k):
            raise ValueError(
                f"output.shape should be {(1, k)}, one number for each activity, got "
                f"{self.output.shape}"
            )
        if (near := self.familiarity) is not None:
            d = self.features.shape[1] if self.features else 0
            if max(near.features) >= d:
                raise ValueError(
                    f"abstention.distance uses feature {max(near.features)}, but files give {d}"
                )
        return self


class Manifest(Description):
    """`model.json` of a bundle: all that a program must know to run the model as evaluated."""

    model_config = ConfigDict(json_schema_extra={"$id": SCHEMA})

    step_file: StepFile | None = absent(alias="streaming")
    c_array: CArray | None = absent()
    variants: dict[Precision, Variant] = Field(json_schema_extra={"required": ["float32"]})
    golden: Golden

    @model_validator(mode="after")
    def _variants_agree(self) -> Self:
        if "float32" not in self.variants:
            raise ValueError(f"variants should have float32, got {', '.join(self.variants)}")
        if both := self.variants.keys() & self.withheld.keys():
            raise ValueError(f"{', '.join(both)} cannot be both in variants and withheld")
        return self


if __name__ == "__main__":
    sys.stdout.write(json_text(Manifest.json_schema()))
