"""The section of a pipeline file that says how a user's own recordings are read."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from har.errors import did_you_mean

CHANGES_NO_RESULT = True


class Section(BaseModel):
    """Base of every part of a pipeline file: immutable, and no key that nobody reads."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class Columns(Section):
    """Names of the columns in a user's own table."""

    time: str | None = Field(None, description="time of each sample; without it, rate_hz is used")
    x: str = Field(description="acceleration along the sensor's x axis")
    y: str = Field(description="acceleration along the sensor's y axis")
    z: str = Field(description="acceleration along the sensor's z axis")
    label: str | None = Field(None, description="the activity at each sample")
    subject: str | None = Field(None, description="the person at each sample")


TimeUnit = Literal["s", "ms", "us", "ns", "10ms", "10us", "100ns"]
"""The last three are ticks of devices and of Windows."""


class LabelColumns(Section):
    """Names of the columns in a file of labelled intervals, where they do not tell."""

    start: str | None = Field(None, description="start of an interval")
    end: str | None = Field(
        None, description="end of an interval; without it, an interval lasts until the next one"
    )
    duration: str | None = Field(None, description="duration of an interval, in place of its end")
    label: str | None = Field(None, description="the activity")
    recording: str | None = Field(None, description="a recording's file, or the end of its path")
    subject: str | None = Field(None, description="the person, with or in place of recording")


class Labels(Section):
    """Labelled intervals in files of their own, joined to recordings by time."""

    path: str = Field(
        description="one file for all recordings, or {folder}/{name}_labels.csv: a file for each, "
        "by the recording's folder, the name of its file without the suffix, or a field of "
        "pattern; also in an archive, as if that were a folder: set.zip/labels.csv"
    )
    columns: LabelColumns = Field(
        LabelColumns(), description="names of the columns, if they are not recognised"
    )
    time_unit: TimeUnit | None = Field(
        None, description="unit of the times, if their size does not show it"
    )
    since: Literal["start", "clock"] | None = Field(
        None,
        description="zero of times that are small numbers: the recording's first sample, or the "
        "zero of "
        "its time column",
    )
    shift_s: float = Field(
        0.0,
        description="seconds to add to the labels' times, for another time zone or a wrong clock",
    )

    @field_validator("path")
    @classmethod
    def _fields(cls, path: str) -> str:
        fields = ("folder", "name", "subject", "activity", "session", "placement")
        for field in re.findall(r"\{(.*?)\}", path):
            if field not in fields:
                raise ValueError(
                    f"no field {{{field}}}{did_you_mean(field, fields)} Fields: {', '.join(fields)}"
                )
        return path


class Table(Section):
    """A user's own recordings, in place of the name of a data set."""

    path: str = Field(description="files, with * and ** as in a shell; relative to the workspace")
    name: str = Field(
        "own", pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100, description="name of this data set"
    )
    columns: Columns | None = Field(
        None, description="names of a table's columns; not needed for a recognised phone logger"
    )
    pattern: str | None = Field(
        None,
        description="fields in the path below `path`, such as {subject}/{activity}-{session}.csv",
    )
    sidecar: str | None = Field(None, description="a CSV of file, subject, placement, activity")
    time_unit: TimeUnit | None = Field(
        None, description="unit of the time column, if the size of its values does not show it"
    )
    rate_hz: float | None = Field(
        None, gt=0, description="sampling rate of tables without a time column"
    )
    unit: Literal["m/s2", "g", "mg"] | None = Field(
        None, description="unit of acceleration; found from gravity if possible"
    )
    counts_per_g: float | None = Field(None, gt=0, description="raw counts per g, in place of unit")
    zero: float | tuple[float, float, float] | None = Field(
        None, description="raw counts at 0 g, if not 0: one number, or one each for x, y and z"
    )
    six_positions: dict[str, tuple[float, float]] | None = Field(
        None,
        description="in place of counts_per_g and zero: for each of x, y and z, the counts when it "
        "points up (+1 g) and when it points down (−1 g)",
    )
    autocalibrate: bool = Field(
        False,
        description="find offset and gain from gravity at rest, in hours of a wearable's data",
    )
    gravity: Literal["present", "removed"] | None = Field(
        None,
        description="removed: linear acceleration, from which the phone has subtracted gravity",
    )
    convention: Literal["android", "ios"] | None = Field(
        None,
        description="the sign: flat on a table, screen up, z reads +9.8 (android) or −9.8 (ios)",
    )
    placement: str | None = Field(None, description="where the sensor is worn: wrist, pocket, …")
    subject: str | None = Field(None, description="the person, if all files are of one")
    activity: str | None = Field(None, description="the activity, if all files are of one")
    labels: Labels | None = Field(None, description="labels in files of their own")

    @field_validator("counts_per_g", "six_positions")
    @classmethod
    def _one_scale(cls, value: Any, info: ValidationInfo) -> Any:
        others = (n for n in ("unit", "counts_per_g") if n != info.field_name and info.data.get(n))
        if value is not None and (other := next(others, None)):
            raise ValueError(f"{info.field_name} takes the place of {other}: give one of them")
        return value

    @field_validator("zero")
    @classmethod
    def _of_counts(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("counts_per_g") is None:
            raise ValueError("is in counts: give counts_per_g, too")
        return value

    @field_validator("six_positions")
    @classmethod
    def _all_axes(cls, value: dict[str, tuple[float, float]] | None) -> Any:
        if value is not None and set(value) != {"x", "y", "z"}:
            raise ValueError(f"needs x, y and z, got {', '.join(value) or 'none'}")
        if value and any(up == down for up, down in value.values()):
            raise ValueError("an axis reads the same up and down")
        return value

    @property
    def scale(self) -> tuple[list[float], list[float]] | None:
        """Counts per g and counts at 0 g, for x, y and z."""
        if (six := self.six_positions) is not None:
            ends = [six[axis] for axis in ("x", "y", "z")]
            return [(up - down) / 2 for up, down in ends], [(up + down) / 2 for up, down in ends]
        if self.counts_per_g is None:
            return None
        zero = self.zero or 0.0
        return [self.counts_per_g] * 3, [*zero] if isinstance(zero, tuple) else [zero] * 3
