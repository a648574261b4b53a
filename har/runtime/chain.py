"""Parts of `model.json`: from the sensor to the answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from har.contract import Part, absent
from har.runtime.familiarity import Familiarity
from har.signal import align

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0)]


class Input(Part):
    name: str
    shape: tuple[Literal[1], Positive, Literal[3]] = Field(description="1, lead-in and window, 3")
    dtype: Literal["float32"]
    unit: Literal["m/s2"]
    axes: tuple[Literal["x"], Literal["y"], Literal["z"]]
    convention: Literal["android"] = Field(
        description="a phone flat on a table, screen up, at rest reads z = +9.81; negate what iOS "
        "reports"
    )
    gravity: Literal["present", "removed"]
    placements: tuple[str, ...] = Field(description="where the sensor was worn in training")


class Output(Part):
    name: str | None = absent("of the output, in files that have several")
    shape: tuple[Literal[1], Positive]
    dtype: Literal["float32"]
    meaning: str


class Features(Part):
    """What the last layer makes the probabilities of: the second output of every file."""

    name: Literal["features"]
    shape: tuple[Literal[1], Positive]
    dtype: Literal["float32"]
    meaning: str


class Adaptation(Part):
    """How `har adapt` corrects the probabilities for one wearer: har/runtime/correction.py."""

    strength: Above0 = Field(description="of the prior, which is no correction, in windows")
    unheard: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="what the probability of an activity that the model never knew begins at"
    )
    how: str


class Window(Part):
    n_samples: Positive = Field(description="without the lead-in")
    length_s: Above0
    hop_samples: Positive
    hop_s: Above0


class Filter(Part):
    kind: Literal["none", "lowpass"]
    cutoff_hz: float | None = absent()
    transition_hz: float | None = absent()
    in_graph: Literal[True] = Field(description="give the model unfiltered samples")
    taps: tuple[float, ...] = Field(min_length=1)
    delay_samples: Amount


class Resampler(Part):
    """How samples at the sensor's times become samples at `rate_hz`."""

    kind: Literal["cubic-sinc-1"] = Field(description="har/signal/resampling.py says what it is")
    max_gap_s: Above0 = Field(
        description="samples further apart than this are not joined: windows begin anew"
    )
    warm_up: Annotated[int, Field(ge=4)] | None = absent(
        "the sampling period is the median distance of this many first samples (of all, if there "
        "are fewer)"
    )
    too_close: float = Field(description="of the sampling period; nearer samples are left out")
    faster: float = Field(
        description="the interpolation grid has k * rate_hz, with the smallest k >= 1 for which "
        "the source has at most faster * k * rate_hz; for k >= 2 a low-pass takes it down by k"
    )
    zero_crossings: int = Field(description="of the low-pass, on each side")


class Alignment(Part):
    """Samples are turned so that upright, as found while the wearer walks, is one way for all."""

    kind: Literal["walking-1"] = Field(description="har/signal/align.py says what it is")
    seconds: int = Field(
        ge=align.AT_LEAST,
        description="of walking, the first ones; their mean acceleration is the reference",
    )
    axis: Literal["x", "y", "z", "-x", "-y", "-z"] = Field(
        description="every sample is turned by the shortest rotation that takes the reference to "
        "this axis"
    )
    moving: float = Field(
        ge=align.MOVING,
        le=align.MOVING,
        description="m/s2: a second moves if the standard deviation of |a| in it is at least this",
    )
    around: int = Field(
        ge=align.AROUND,
        le=align.AROUND,
        description="a second counts if it and this many before and after it move",
    )
    at_least: int = Field(
        ge=align.AT_LEAST,
        le=align.AT_LEAST,
        description="with fewer seconds that count, samples stay as they are",
    )


class Smoothing(Part):
    kind: Literal["mean"] = Field(description="of the probabilities of the last n_windows windows")
    n_windows: Positive
    delay_s: Amount


class Calibration(Part):
    temperature: Above0
    folded: Literal[True] = Field(description="into the last layer: do not apply it again")
    how: str


class Abstention(Part):
    threshold: float = Field(
        ge=0,
        le=1,
        description="of the largest smoothed probability; below it the answer is `answer`",
    )
    distance: Familiarity | None = absent(
        "left out where nobody validated or the files give no features"
    )
    answer: Literal["unknown"]
    how: str = Field(description="on which windows it was chosen, and what it costs")


class SetLevel(Part):
    threshold: float = Field(
        ge=0, le=1, description="activities whose smoothed probability is at least 1 - this"
    )
    coverage: float = Field(description="share of windows of people left out whose set is right")
    people_covered: float = Field(description="share of those people with a coverage of 0.8")
    mean_size: float


class PredictionSets(Part):
    """Sets of activities, by the share of windows of a new person that they are right for."""

    n_people: Count = Field(description="validation people whose scores gave the thresholds")
    levels: dict[str, SetLevel]
