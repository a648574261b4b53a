"""`results.json`: what a comparison found, as types.

`compare` stores its scores as `Results`; the report adds the figures of an export and what studies
found, and publishes them. `results.schema.json` beside this module describes them to other
programs; `python -m har.evaluation.results` prints it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from har.config import Pipeline
from har.contract import Contract, Part, absent
from har.files import json_text

FILE = "results.json"

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(ge=0)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
Names = list[str]


class Fold(Part):
    """Subjects by part."""

    train: Names
    validation: Names
    test: Names


class WindowCounts(Part):
    kept: Count
    rejected: dict[str, Count]


class Aligned(Part):
    recordings: Count
    as_recorded: Names


class LeakageFold(Part):
    fold: Count
    shared_subjects: Names
    shared_samples: Literal[0]
    duplicate_windows: Literal[0]
    scaler_max_abs_diff: Spread | None
    early_stopping_max_abs_diff: Spread | None


class Leakage(Part):
    ok: Literal[True]
    folds: list[LeakageFold] = Field(min_length=1)


class SeedScore(Part):
    seed: int
    macro_f1: Share
    accuracy: Share
    validation_macro_f1: Share


class PerClass(Part):
    """Lists in the order of `activities`; None for an activity without windows."""

    precision: list[Share | None]
    recall: list[Share | None]
    f1: list[Share | None]
    support: list[Count]


class FailedJob(Part):
    fold: Count
    seed: int
    reason: str


class Reliability(Part):
    """Whether the confidence of answers on held-out people is their chance of being right."""

    ece: Share = Field(description="expected calibration error, over 15 bins of equal size")
    brier: Annotated[float, Field(ge=0, le=2)] = Field(description="0 is best, 2 is worst")
    ece_before: Share = Field(description="expected calibration error without the temperature")
    brier_before: Annotated[float, Field(ge=0, le=2)]
    per_subject: dict[str, Share] = Field(
        description="expected calibration error of each person with at least 50 windows"
    )
    bins: list[tuple[Share, Share, Count]] = Field(
        description="mean confidence, accuracy and number of windows of each bin"
    )


class Estimate(Part):
    """Scores with their interval over people."""

    macro_f1: Share
    macro_f1_ci95: Interval | None
    accuracy: Share


class Nested(Estimate):
    chosen: Names = Field(description="the model selected in each fold")


class Cost(Part):
    """Size and latency of the float32 file: the bundle's, or one fold's network converted and timed
    alone, which lacks the kilobytes of `model.json` inside a bundle's file."""

    bytes: Count
    latency_ms_p50: Spread
    latency_ms_p99: Spread
    proven: bool = Field(
        description="whether the file is in a bundle and was checked against Keras"
    )


class Variant(Part):
    """What conversion did to a model, on the windows of people whom it had not seen."""

    bytes: Count
    max_abs_diff: Spread = Field(
        description="largest difference of a probability from the Keras model's"
    )
    label_agreement: Share
    macro_f1: Share
    ece: Share | None = absent("expected calibration error, as in `reliability`")
    latency_ms_p50: Spread
    latency_ms_p99: Spread


class Withheld(Part):
    withheld: str = Field(description="why there is no such variant")


def _kind(value: Any) -> str:
    known = value if isinstance(value, Mapping) else vars(value)
    return "(withheld)" if "withheld" in known else "(measured)"


Export = dict[
    str,
    Annotated[
        Annotated[Variant, Tag("(measured)")] | Annotated[Withheld, Tag("(withheld)")],
        Discriminator(_kind),
    ],
]


class ExportFigures(Contract):
    """What an export adds to the results, by model."""

    models: dict[str, Export]
    costs: dict[str, Cost | Withheld] = Field(
        default_factory=dict, description="size and latency of exportable models without a bundle"
    )


class ModelScores(Part):
    accuracy: Share | None
    macro_f1: Share | None
    macro_f1_ci95: Interval | None
    macro_f1_seed_sd: Spread | None
    macro_f1_subject_sd: Spread | None
    fold_macro_f1: Share | None = Field(
        description="mean over folds of each fold's macro-F1 over all activities of the "
        "pipeline, one that the fold lacks counting 0: to compare with papers that score so"
    )
    validation_macro_f1: Share | None
    exportable: bool
    by_epochs: bool = Field(description="whether the model was trained by gradient descent")
    backend: Literal["tensorflow", "jax"] | None = Field(
        description="library that trained it; null for a classical model, or if unknown"
    )
    device: Literal["cpu", "gpu"] | None = Field(
        None, description="device that trained it; null as for backend"
    )
    per_seed: list[SeedScore]
    per_class: PerClass | None
    per_subject: dict[str, Share]
    parameters: Count | None
    train_seconds: Spread = Field(description="training time of all jobs together")
    failed_jobs: list[FailedJob]
    confusion: list[list[Count]] | None = Field(
        description="confusion matrix, summed over seeds; rows are true activities"
    )
    reliability: Reliability | None = Field(
        None, description="calibration on held-out people; null if nothing is scored"
    )
    seed_ensemble: Estimate | None = Field(
        description="scores of the mean probability over seeds; null with one seed"
    )
    export: Export
    cost: Cost | Withheld | None = Field(
        None, description="size and latency; null for a classical model and before an export"
    )

    @property
    def measured(self) -> Cost | None:
        """What it costs; None if that is not known."""
        return self.cost if isinstance(self.cost, Cost) else None

    @property
    def variants(self) -> dict[str, Variant]:
        """The variants that ship."""
        return {name: v for name, v in self.export.items() if isinstance(v, Variant)}


class Comparison(Part):
    """The selected model (a) against another one (b), paired by person."""

    a: str
    b: str
    difference: float = Field(description="difference of pooled macro-F1, a − b")
    ci95: Interval | None
    n_subjects: Count
    p: Share
    p_attainable: Share = Field(
        description="smallest p that is possible with so many people, before correction"
    )
    p_holm: Share
    verdict: Literal["better", "worse", "not significant", "too few people to tell"]


class CriticalDifference(Part):
    ranks: dict[str, Annotated[float, Field(ge=1)]]
    friedman_p: Share
    groups: list[Names]
    n_subjects: int = Field(ge=20)


class Claim(Part):
    macro_f1: Share
    accuracy: Share


class Gap(Part):
    """Differences, leaky minus honest."""

    macro_f1: float
    accuracy: float
    macro_f1_ci95: Interval | None


class Shared(Part):
    """Shares of test windows whose person, or some of whose samples, are in training too."""

    people: Share
    samples: Share


class OptimismOf(Part):
    of: str = Field(description="what the honest score is about")
    honest: Claim
    leaky: Claim
    gap: Gap


class Optimism(Contract):
    """What `har study optimism` found on a deliberately leaky split, which scores no model."""

    leaky: Literal[True]
    protocol: str = Field(min_length=1)
    shared: Shared
    scores: dict[str, OptimismOf] = Field(min_length=1)


class Results(Contract):
    """results.json of a comparison."""

    schema_: Literal["har/results/1"] = Field(alias="schema")
    pipeline: str
    dataset: str
    protocol: str = Field(min_length=1, description="the evaluation protocol, in words")
    headline: Names = Field(min_length=1, description="which model to ship, and the caveats")
    statistics: Names = Field(description="notes on how to read the numbers")
    config: Pipeline = Field(description="the pipeline file with every default")
    config_key: str
    data_fingerprint: str = Field(description="hash of signal, windows, labels, people")
    code: str
    versions: dict[str, str]
    subjects: Names
    activities: Names
    seeds: list[int] = Field(min_length=1)
    folds: list[Fold] = Field(min_length=1)
    windows: WindowCounts
    aligned: Aligned | None = absent(
        "recordings aligned with gravity (har/signal/align.py), and those with too little walking"
    )
    selected: str | None = Field(
        description="best mean validation macro-F1 among the models that can be exported"
    )
    nested: Nested | None = absent(
        "scores where each fold's validation people alone select (har/evaluation/nested.py)"
    )
    models: dict[str, ModelScores] = Field(min_length=1)
    comparisons: list[Comparison]
    critical_difference: CriticalDifference | None = Field(
        description="comparison of all pairs, with at least 20 people"
    )
    leakage: Leakage
    optimism: Optimism | None = absent(
        "result of har study optimism: a deliberately leaky split, not a score of the model"
    )

    @model_validator(mode="after")
    def _selected_is_a_model(self) -> Self:
        if self.selected is not None and self.selected not in self.models:
            raise ValueError(f"selected is {self.selected!r}, which is not one of models")
        return self

    @classmethod
    def published(cls, reports: Path, pipeline: str) -> Self:
        """The results of a finished run, as its report published them."""
        return cls.read(reports / pipeline / FILE, again=f"har run {pipeline}")

    @property
    def ranked(self) -> list[str]:
        """Models by macro-F1 on unseen people, best first; those without a score last."""
        return sorted(self.models, key=lambda n: (-(self.models[n].macro_f1 or -1), n))

    @property
    def per_subject(self) -> dict[str, dict[str, float]]:
        """Each person's macro-F1 by model, of the models that have one."""
        return {n: self.models[n].per_subject for n in self.ranked if self.models[n].per_subject}

    def with_export(self, figures: ExportFigures) -> Self:
        """With what an export found of its models."""
        models = {}
        for name, m in self.models.items():
            export = figures.models.get(name, {})
            cost = figures.costs.get(name) or _cost(export)
            models[name] = m.model_copy(update={"export": export, "cost": cost})
        return self.model_copy(update={"models": models})


def _cost(export: Export) -> Cost | None:
    """Of a bundle's float32 file."""
    plain = export.get("float32")
    if not isinstance(plain, Variant):
        return None
    return Cost(**plain.model_dump(include=set(Cost.model_fields) - {"proven"}), proven=True)


if __name__ == "__main__":
    sys.stdout.write(json_text(Results.json_schema()))
