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
    shape: tuple[Literal[1], Positive, Literal[3]] = Field(
        description="1 window, the rows of lead-in and window, 3 axes"
    )
    dtype: Literal["float32"]
    unit: Literal["m/s2"]
    axes: tuple[Literal["x"], Literal["y"], Literal["z"]]
    convention: Literal["android"] = Field(
        description="sign convention: a phone at rest on a table, screen up, reads z = +9.81; "
        "negate the values that iOS reports"
    )
    gravity: Literal["present", "removed"]
    placements: tuple[str, ...] = Field(
        description="where the sensor was worn in the training data"
    )


class Output(Part):
    name: str | None = absent("name of the output, in files that have several")
    shape: tuple[Literal[1], Positive]
    dtype: Literal["float32"]
    meaning: str


class Features(Part):
    """The input of the last layer, which is the second output of every file."""

    name: Literal["features"]
    shape: tuple[Literal[1], Positive]
    dtype: Literal["float32"]
    meaning: str


class Adaptation(Part):
    """How `har adapt` corrects the probabilities for one wearer: har/runtime/correction.py."""

    strength: Above0 = Field(
        description="strength of the prior, in windows; the prior is no correction"
    )
    unheard: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="initial probability of an activity that the model was not trained on"
    )
    how: str


class Window(Part):
    n_samples: Positive = Field(description="samples of a window, without the lead-in")
    length_s: Above0
    hop_samples: Positive
    hop_s: Above0


class Filter(Part):
    kind: Literal["none", "lowpass"]
    cutoff_hz: float | None = absent()
    transition_hz: float | None = absent()
    in_graph: Literal[True] = Field(
        description="the filter is part of the model: give it unfiltered samples"
    )
    taps: tuple[float, ...] = Field(min_length=1)
    delay_samples: Amount


class Resampler(Part):
    """How samples at the sensor's times become samples at `rate_hz`."""

    kind: Literal["cubic-sinc-1"] = Field(
        description="the method; defined in har/signal/resampling.py"
    )
    max_gap_s: Above0 = Field(
        description="a larger gap between samples is not bridged: windows start again after it"
    )
    warm_up: Annotated[int, Field(ge=4)] | None = absent(
        "the sampling period is the median interval between this many first samples (all samples,"
        " if there are fewer)"
    )
    too_close: float = Field(
        description="samples closer together than this share of the sampling period are dropped"
    )
    faster: float = Field(
        description="the interpolation grid has k * rate_hz, where k >= 1 is the smallest integer"
        " for which the source's rate is at most faster * k * rate_hz; for k >= 2 the"
        " grid is low-pass filtered and decimated by k"
    )
    zero_crossings: int = Field(description="zero crossings of the low-pass filter, on each side")


class Alignment(Part):
    """Samples are rotated so that gravity, found while the wearer walks, is along one axis."""

    kind: Literal["walking-1"] = Field(description="the method; defined in har/signal/align.py")
    seconds: int = Field(
        ge=align.AT_LEAST,
        description="seconds of walking, counted from the first, whose mean acceleration is the "
        "reference",
    )
    axis: Literal["x", "y", "z", "-x", "-y", "-z"] = Field(
        description="every sample is rotated by the shortest rotation that takes the reference to"
        " this axis"
    )
    moving: float = Field(
        ge=align.MOVING,
        le=align.MOVING,
        description="m/s2: a second counts as moving if the standard deviation of |a| in it is at"
        " least this",
    )
    around: int = Field(
        ge=align.AROUND,
        le=align.AROUND,
        description="a second counts as walking if it and this many before and after it are moving",
    )
    at_least: int = Field(
        ge=align.AT_LEAST,
        le=align.AT_LEAST,
        description="with fewer seconds of walking, samples are not rotated",
    )


class Smoothing(Part):
    kind: Literal["mean"] = Field(
        description="the mean of the probabilities of the last n_windows windows"
    )
    n_windows: Positive
    delay_s: Amount


class Calibration(Part):
    temperature: Above0
    folded: Literal[True] = Field(
        description="the temperature is part of the last layer: do not apply it again"
    )
    how: str


class Abstention(Part):
    threshold: float = Field(
        ge=0,
        le=1,
        description="if the largest smoothed probability is below this, the answer is `answer`",
    )
    distance: Familiarity | None = absent(
        "the distance limit; absent if there were no validation people or the files give no "
        "features"
    )
    answer: Literal["unknown"]
    how: str = Field(
        description="the windows on which the limits were chosen, and the share of "
        "right answers that they cost"
    )


class SetLevel(Part):
    threshold: float = Field(
        ge=0,
        le=1,
        description="the set holds the activities whose smoothed probability is at "
        "least 1 minus this",
    )
    coverage: float = Field(
        description="share of the windows of people left out whose set contains the true activity"
    )
    people_covered: float = Field(
        description="share of these people whose own coverage is at least 0.8"
    )
    mean_size: float


class PredictionSets(Part):
    """Sets of activities, by the share of windows of a new person that they are right for."""

    n_people: Count = Field(
        description="number of validation people from whose scores the thresholds were taken"
    )
    levels: dict[str, SetLevel]
