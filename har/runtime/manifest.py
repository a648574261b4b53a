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
        "the model is an ensemble: the mean of the probabilities of these fits, in one graph; seed "
        "and epochs are then null"
    )


class ScoreOf(Part):
    what: str = Field(
        description="whose score it is: the recipe's on people not seen, not this file's"
    )
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
    """What was said of the tables that it was trained on, where they do not say it."""

    columns: Columns | None = absent()
    time_unit: TimeUnit | None = absent()
    rate_hz: Above0 | None = absent()
    unit: Literal["m/s2", "g", "mg"] | None = absent()
    counts_per_g: Above0 | None = absent()
    zero: float | tuple[float, float, float] | None = absent("counts at 0 g")
    six_positions: dict[str, tuple[float, float]] | None = absent(
        "counts at +1 g and at −1 g of each axis"
    )
    autocalibrate: bool | None = absent("whether recordings were calibrated to gravity at rest")
    gravity: Literal["present", "removed"] | None = absent()
    convention: Literal["android", "ios"] | None = absent()


class Data(Part):
    name: str
    licence: str
    fingerprint: str
    labels: dict[str, str] | None = absent(
        "published label to activity, to score a recording that carries annotations"
    )
    source: str | None = absent()
    citation: str | None = absent()
    tables: Tables | None = absent("its own tables are read so, by `har predict`, too")


class RawParity(Part):
    """Recordings of people not seen, from their own timestamps: resampled as a phone does and
    answered by the fold's float32 file, against what was scored."""

    recordings: int
    irregular: int = Field(description="of them, with timestamps that are not uniform")
    n_windows: int
    max_abs_diff: float


# Files -------------------------------------------------------------------------------------------


class File(Part):
    file: str
    bytes: Positive
    sha256: Sha256


class ModelFile(File):
    min_runtime: str | None = absent(
        "the first TensorFlow Lite that has its operators in their versions; every LiteRT has"
    )


class Figures(Part):
    """What was measured of a variant."""

    operators: dict[str, int]
    latency_ms_p50: float
    latency_ms_p99: float
    peak_memory_bytes: int
    n_windows: int = Field(
        description="compared with Keras: of people that the compared models had not seen, if "
        "any were held out"
    )
    max_abs_diff: float = Field(description="of a probability, from Keras")
    mean_abs_diff: float
    label_agreement: float = Field(description="with Keras")
    macro_f1: float = Field(
        description="after conversion, of the fold models on their own unseen people"
    )
    ece: float | None = absent("expected calibration error, of the same answers")


class Variant(Figures, ModelFile):
    """A file, and what was measured of it."""


class Step(Part):
    """One step at a time: from zero states, after `steps` steps the answer is the window's."""

    signature: Literal["step"]
    step_samples: Positive = Field(description="raw samples that a step takes")
    steps: Positive
    skip_samples: Count = Field(description="oldest rows of a window that are left out")
    shapes: dict[str, tuple[int, ...]] = Field(
        description="of the inputs; each but `samples` comes out again, to be copied and fed back; "
        "`context` begins as the window's first rows, the states as zeros"
    )


class ProvenStep(Step):
    """A step that was held to the whole window."""

    n_windows: int = Field(description="on which it was held to the whole window")
    max_abs_diff: float


class StepFile(ProvenStep, ModelFile):
    """One step at a time: from zero states, after `steps` steps the answer is the window's."""


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
    model: str = Field(description="its name in results.json")
    architecture: str = Field(description="its name in the registry")
    parameters: Count
    pipeline: str
    activities: tuple[str, ...] = Field(
        min_length=2,
        description="in the order of the output",
        json_schema_extra={"uniqueItems": True},
    )
    input: chain.Input
    output: chain.Output
    features: chain.Features | None = absent("left out where the files give none")
    adaptation: chain.Adaptation | None = absent("left out where the files give no features")
    rate_hz: Above0
    window: chain.Window
    lead_in_samples: Count = Field(description="extra rows that the filter in the graph needs")
    filter: chain.Filter
    resampler: chain.Resampler
    align: chain.Alignment | None = absent()
    smoothing: chain.Smoothing
    trained_on: TrainedOn
    score_of: ScoreOf | None = absent("left out where nobody was held out")
    withheld: dict[Literal["dynamic", "float16", "int8", "stream"], str] = Field(
        description="variants that were asked for and do not ship, with the reason"
    )
    data: Data
    versions: dict[str, str]
    config_key: str
    calibration: chain.Calibration | None = absent()
    abstention: chain.Abstention | None = absent()
    raw_parity: RawParity | None = absent()
    sets: chain.PredictionSets | None = absent("left out where nobody was held out")
    likeness: Likeness | None = absent("left out where too few people were recorded")

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
