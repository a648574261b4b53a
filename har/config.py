"""The pipeline file as typed, validated objects.

Each stage sees only its slice (`Pipeline.dataset`, `.signal`, ...), so that a change to one slice
reruns that stage and those after it, and nothing before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from har.own_recordings import Section, Table

CHANGES_NO_RESULT = True

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
"""Of what is written to a folder of its own or to files."""

Seed = Annotated[int, Field(ge=0, lt=1 << 32)]

STEPS = 2000
"""Of a training whose pipeline file says no budget."""

Variant = Literal["none", "dynamic", "float16", "int8"]


class Filter(Section):
    """A linear-phase FIR low-pass, part of the model (a `valid` depthwise convolution)."""

    kind: Literal["lowpass", "none"] = Field(
        "lowpass", description="none: samples are used as they were recorded"
    )
    cutoff_hz: float = Field(20.0, gt=0, description="cutoff (half-amplitude, −6 dB) frequency")
    transition_hz: float = Field(
        8.0, ge=0.01, description="width of the transition band; the narrower, the more taps"
    )


class Align(Section):
    """Each recording turned so that upright is one way for all (`har.signal.align`)."""

    kind: Literal["none", "walking"] = Field(
        "none",
        description="walking: align with gravity while the wearer walks, which is detected "
        "without labels",
    )
    seconds: int = Field(
        20, ge=5, le=3600, description="seconds of walking to average, from the first walking on"
    )
    axis: Literal["x", "y", "z", "-x", "-y", "-z"] = Field(
        "y",
        description="axis that gravity is aligned with: the one that points roughly up when the "
        "sensor is worn",
    )


class Signal(Section):
    rate_hz: float = Field(
        50.0,
        ge=1,
        le=2000,
        description="sampling rate of the model; recordings are resampled to it",
    )
    max_gap_s: float = Field(
        0.25,
        gt=0,
        le=3600,
        description="longest gap that is interpolated; a longer one splits the recording",
    )
    filter: Filter = Field(Filter(kind="none"), description="a low-pass filter inside the model")
    align: Align = Field(Align(), description="recordings aligned with gravity")

    @model_validator(mode="after")
    def _cutoff_below_nyquist(self) -> Signal:
        f = self.filter
        if f.kind != "none" and f.cutoff_hz >= self.rate_hz / 2:
            raise ValueError(
                f"filter.cutoff_hz must be below half of rate_hz ({self.rate_hz / 2:g} Hz), "
                f"got {f.cutoff_hz:g}"
            )
        return self


class WindowsConfig(Section):
    length_s: float = Field(2.56, gt=0, le=3600, description="length of a window")
    overlap: float = Field(
        0.5, ge=0, lt=1, description="overlap of consecutive windows, as a share of their length"
    )
    within: Literal["recording", "annotation"] = Field(
        "recording",
        description="recording: windows slide over the whole recording; annotation: they are cut "
        "inside each labelled interval",
    )
    label: Literal["majority", "last"] = Field(
        "majority",
        description="a window's label: the activity of most of its samples, or of the last one",
    )
    min_purity: float = Field(
        0.8, ge=0, le=1, description="smallest share of samples that carry the window's label"
    )
    null_label: Literal["drop", "keep"] = Field(
        "drop", description="keep: unlabelled time is an activity of its own, called null"
    )


class SplitConfig(Section):
    """Who is tested and who validates."""

    scheme: Literal["subject-folds", "leave-one-subject-out", "sessions", "subjects"] = Field(
        "subject-folds",
        description="subject-folds: each fold tests other people; leave-one-subject-out: a fold "
        "for each person; sessions: folds of whole recordings, for fewer than 3 people, which says "
        "nothing about other people; subjects: the people listed in test are tested once",
    )
    folds: int = Field(
        5, ge=2, le=10_000, description="number of folds, for subject-folds and sessions"
    )
    test: tuple[str, ...] = Field((), description="the test subjects of scheme: subjects")
    validation: Annotated[float, Field(gt=0, lt=1)] | Literal["next-fold"] = Field(
        0.2,
        description="share of each fold's training people to use for validation; next-fold: the "
        "test "
        "people of the next fold, so that everybody validates once",
    )
    seed: Seed = Field(0, description="random seed of the folds and validation people")
    exclude: tuple[str, ...] = Field(
        (), description="people to exclude, such as test people during development"
    )

    @model_validator(mode="before")
    @classmethod
    def _subjects_shorthand(cls, value: Any) -> Any:
        """`subjects: {test: [...]}` means scheme: subjects with those test subjects."""
        if isinstance(value, Mapping) and "subjects" in value:
            inner = value["subjects"]
            if not isinstance(inner, Mapping) or set(inner) != {"test"}:
                raise ValueError("split.subjects takes {test: [names]}")
            rest = {k: v for k, v in value.items() if k != "subjects"}
            return {**rest, "scheme": "subjects", "test": inner["test"]}
        return value

    @field_validator("test", "exclude", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return tuple(str(v) for v in value) if isinstance(value, Iterable) else value

    @model_validator(mode="after")
    def _test_belongs_to_subjects(self) -> SplitConfig:
        if (self.scheme == "subjects") != bool(self.test):
            raise ValueError(
                "scheme: subjects needs test subjects, and only that scheme takes them"
            )
        if self.validation == "next-fold" and (self.scheme != "subject-folds" or self.folds < 3):
            raise ValueError(
                "validation: next-fold needs scheme: subject-folds with 3 folds or more, got "
                f"{self.scheme} with {self.folds}"
            )
        if self.scheme == "sessions" and self.folds < 3:
            raise ValueError(
                "scheme: sessions needs 3 folds or more (to train, validate and test), got "
                f"{self.folds}"
            )
        return self


class ModelConfig(Section):
    """A model of the registry, with the parameters that differ from its defaults."""

    name: FileName = Field(description="name of the model as har models lists it")
    params: dict[str, Any] = Field(
        {}, description="parameters that differ from the defaults; har models NAME lists them"
    )
    label: FileName | None = Field(
        None, description="its name in the results, if not the registry's"
    )

    @property
    def key(self) -> str:
        return self.label or self.name


class Augment(Section):
    """Random changes of training windows (`har.training.augment`); all off by default."""

    rotate_deg: float = Field(
        0.0, ge=0, description="standard deviation of the rotation angle, in degrees"
    )
    scale: float = Field(0.0, ge=0, description="standard deviation of the scale factor")
    vigour: float = Field(
        0.0,
        ge=0,
        description="standard deviation of the log of a factor on the acceleration without gravity",
    )
    jitter: float = Field(0.0, ge=0, description="standard deviation of added noise, in m/s²")
    warp: float = Field(0.0, ge=0, lt=0.5, description="greatest relative change of speed")
    turn: float = Field(0.0, ge=0, le=1, description="probability of a half turn about an axis")
    mirror: float = Field(0.0, ge=0, le=1, description="probability that the sign of x is flipped")


class Training(Section):
    steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="maximum number of optimiser steps, rounded up to whole epochs, so that small "
        "sets "
        f"train as long as large ones; {STEPS:,} if neither steps nor epochs are given",
    )
    epochs: int | None = Field(
        None, ge=1, le=1_000_000, description="maximum number of epochs, in place of steps"
    )
    batch_size: int = Field(64, ge=1, le=1_000_000, description="number of windows in a step")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate of Adam")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="schedule of the learning rate after the warm-up"
    )
    warmup: float = Field(
        0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises"
    )
    weight_decay: float = Field(0.0, ge=0, description="weight decay of AdamW; 0: none")
    average: float = Field(
        0.0,
        ge=0,
        description="number of epochs over which weights are averaged exponentially; 0: none",
    )
    clip_norm: float = Field(1.0, gt=0, description="largest global norm of the gradient")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a label that is spread over all activities"
    )
    class_weights: Literal["sqrt", "balanced", "none", "focal", "logits"] = Field(
        "sqrt",
        description="balanced: every activity has the same total weight, however rare; sqrt: the "
        "square roots of those weights; focal: focal loss, in which windows with confident right "
        "answers weigh little; logits: the logits are adjusted by the frequency of each activity",
    )
    augment: Augment = Field(
        Augment(rotate_deg=15, scale=0.1, warp=0.1),
        description="random changes of training windows; {}: none",
    )
    calibration: Literal["temperature", "none"] = Field(
        "temperature", description="calibration of the probabilities on validation people"
    )
    patience: int = Field(
        5,
        ge=1,
        le=1_000_000_000,
        description="number of epochs (or steps, if the budget is in steps) without a better "
        "validation score before training stops; default: three tenths of the budget, at least 5 "
        "epochs",
    )
    refit: bool = Field(
        False,
        description="after the epoch and temperature are chosen, train again for as many epochs "
        "with "
        "the validation people included; that model is tested and kept",
    )
    seeds: tuple[Seed, ...] = Field(
        (0,),
        min_length=1,
        description="random seeds; every model is trained on every fold with each",
    )
    backend: Literal["auto", "tensorflow", "jax"] = Field(
        "auto", description="library for training; auto: the faster installed one for each model"
    )
    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto",
        description="where networks are trained; auto: on the processor, which is faster for "
        "networks of this size (reports/gpu.md)",
    )
    jobs_per_gpu: int = Field(1, ge=1, le=64, description="number of jobs that share a GPU")

    @model_validator(mode="before")
    @classmethod
    def _one_budget(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        steps, epochs = value.get("steps"), value.get("epochs")
        if steps is not None and epochs is not None:
            raise ValueError(
                f"epochs takes the place of steps: give one of them and null for the other, got "
                f"epochs: {epochs} and steps: {steps}"
            )
        said = {**value, "steps": STEPS} if steps is epochs is None else dict(value)
        budget = epochs or said["steps"]
        if isinstance(budget, int):
            said.setdefault("patience", max(5 if epochs else 1, round(0.3 * budget)))
        return said

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds must be distinct, got {list(seeds)}")
        return seeds


class Export(Section):
    models: Literal["best", "all"] | tuple[str, ...] = Field(
        "best", description="best: the selected model; all: every model that can be exported"
    )
    fit: Literal["final", "fold"] = Field(
        "final", description="final: trained on everybody; fold: the first fold's model as scored"
    )
    seeds: Literal["first", "all"] = Field(
        "first",
        description="first: export the first seed's model; all: the mean of all seeds' models in "
        "one file",
    )
    quantization: tuple[Variant, ...] = Field(
        ("none", "dynamic", "float16"),
        description="files to write, each checked against Keras; none: float32, always written",
    )

    @field_validator("quantization")
    @classmethod
    def _float32_always(cls, value: tuple[Variant, ...]) -> tuple[Variant, ...]:
        if "none" not in value:
            raise ValueError("quantization must contain none: the float32 model is the reference")
        return value


Activities = Literal["all"] | tuple[str, ...] | dict[str, tuple[str, ...]]


class Pipeline(Section):
    """A whole pipeline file."""

    name: FileName = Field(
        description="name of the run and of its folder in reports/; default: the file's name"
    )
    dataset: str | Table = Field(
        description="a name that har data list shows, or a section that describes own recordings"
    )
    placement: str | None = Field(
        None, description="where the sensor is worn, for a data set with several placements"
    )
    activities: Activities = Field(
        "all", description="all, a list, or {new name: [published names]}"
    )
    signal: Signal = Field(Signal(), description="sampling rate, gaps, filter, alignment")
    windows: WindowsConfig = Field(WindowsConfig(), description="how recordings are cut")
    split: SplitConfig = Field(
        SplitConfig(), description="division into training, validation and test people"
    )
    models: tuple[ModelConfig, ...] = Field(
        min_length=1,
        description="models to compare: each a name, {name: {parameter: value}}, or {name, label, "
        "params}",
    )
    training: Training = Field(Training(), description="training of the networks")
    export: Export = Field(Export(), description="models to export, and the files to write")
    about: str = Field("", description="a sentence for reports; it changes no result")

    @field_validator("models", mode="before")
    @classmethod
    def _model_shorthand(cls, value: Any) -> Any:
        """`cnn` or `{cnn: {filters: 32}}` or `{name: cnn, label: …, params: …}`."""
        if not isinstance(value, (list, tuple)):
            return value
        models = []
        for item in value:
            if isinstance(item, str):
                item = {"name": item}
            elif isinstance(item, Mapping) and "name" not in item and len(item) == 1:
                ((name, params),) = item.items()
                item = {"name": name, "params": params or {}}
            models.append(item)
        return models

    @model_validator(mode="after")
    def _consistent(self) -> Pipeline:
        keys = [m.key for m in self.models]
        if twice := sorted({k for k in keys if keys.count(k) > 1}):
            raise ValueError(f"models must have distinct names, got {twice} twice; give a label")
        if isinstance(self.export.models, tuple):
            for name in self.export.models:
                if name not in keys:
                    raise ValueError(f"export.models: {name!r} is not one of models: {keys}")
        if self.export.seeds == "all" and len(self.training.seeds) < 2:
            raise ValueError(
                "export.seeds: all is the mean over several seeds, but training.seeds has one; "
                f"give more, such as [0, 1, 2], got {list(self.training.seeds)}"
            )
        return self

    @property
    def dataset_name(self) -> str:
        return self.dataset if isinstance(self.dataset, str) else self.dataset.name
