"""What `model.json` says of a model, gathered from the pipeline, the windows and the results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import har
from har.code import versions
from har.config import Align, ModelConfig, Pipeline
from har.evaluation.results import Estimate, ModelScores, Results
from har.ingest import datasets
from har.ingest.datasets.dataset import Dataset
from har.models import registry
from har.models.spec import INPUT_NAME
from har.own_recordings import Table
from har.runtime import chain, correction, manifest, smoothing
from har.runtime.interpreter import FEATURES, PROBABILITIES
from har.runtime.likeness import Likeness
from har.signal import align, resampling
from har.signal.windows import Windows

SMOOTHED_WINDOWS = 3
"""Odd, so that an answer is about one window; the fewest that outvote a single wrong one."""


def describe(
    pipeline: Pipeline,
    model: ModelConfig,
    trained_on: manifest.TrainedOn,
    withheld: Mapping[str, str],
    windows: Windows,
    results: Results | None,
    *,
    gravity: Literal["present", "removed"],
    n_features: int = 0,
    calibration: chain.Calibration | None = None,
    abstention: chain.Abstention | None = None,
    raw_parity: manifest.RawParity | None = None,
    likeness: Likeness | None = None,
    sets: chain.PredictionSets | None = None,
) -> manifest.Description:
    """What is known of a model before its bundle is written.

    Parameters
    ----------
    withheld : mapping
        Reasons by variant.
    results : Results, optional
        None of a model that nobody was held out for.
    gravity : str
        Whether it is in the recordings: present or removed.
    n_features : int
        Of the files' second output; 0 if they have none.
    """
    score = results and results.models[model.key]
    k, rate = len(windows.activities), windows.rate_hz
    hop = hop_of(pipeline, windows)
    lead = len(windows.taps) - 1
    parameters = registry.get(model.name).n_parameters(windows.n_samples, k, model.params)
    parameters = parameters or (score and score.parameters) or 0
    filter_ = pipeline.signal.filter
    return manifest.Description(
        schema=manifest.SCHEMA,
        model=model.key,
        architecture=model.name,
        parameters=parameters * len(trained_on.members or (1,)),
        pipeline=pipeline.name,
        activities=windows.activities,
        input=chain.Input(
            name=INPUT_NAME,
            shape=(1, windows.n_raw, 3),
            dtype="float32",
            unit="m/s2",
            axes=("x", "y", "z"),
            convention="android",
            gravity=gravity,
            placements=tuple(
                sorted({r.rsplit("/", 1)[-1] for r in set(windows.recordings.tolist())})
            ),
        ),
        output=chain.Output(
            name=PROBABILITIES,
            shape=(1, k),
            dtype="float32",
            meaning="probability of each activity, in the order of `activities`",
        ),
        features=_features(n_features),
        adaptation=correction.ADAPTATION if n_features else None,
        rate_hz=rate,
        window=chain.Window(
            n_samples=windows.n_samples,
            length_s=windows.n_samples / rate,
            hop_samples=hop,
            hop_s=hop / rate,
        ),
        lead_in_samples=lead,
        filter=chain.Filter(
            kind=filter_.kind,
            cutoff_hz=None if filter_.kind == "none" else filter_.cutoff_hz,
            transition_hz=None if filter_.kind == "none" else filter_.transition_hz,
            in_graph=True,
            taps=tuple(windows.taps.tolist()),
            delay_samples=lead / 2,
        ),
        resampler=chain.Resampler(
            kind=resampling.SCHEME,
            max_gap_s=pipeline.signal.max_gap_s,
            warm_up=resampling.WARM_UP,
            too_close=resampling.TOO_CLOSE,
            faster=resampling.FASTER,
            zero_crossings=resampling.ZERO_CROSSINGS,
        ),
        align=_alignment(pipeline.signal.align),
        smoothing=chain.Smoothing(
            kind="mean",
            n_windows=SMOOTHED_WINDOWS,
            delay_s=smoothing.delay_s(SMOOTHED_WINDOWS, hop / rate),
        ),
        trained_on=trained_on,
        score_of=_score(pipeline, trained_on, score, results) if score and results else None,
        withheld=dict[Any, str](withheld),
        data=_data(pipeline, results),
        versions={"har": har.__version__, **versions(), **versions(("ai-edge-litert",))},
        config_key=results.config_key if results else "",
        calibration=calibration,
        abstention=abstention,
        raw_parity=raw_parity,
        likeness=likeness,
        sets=sets,
    )


def _features(n: int) -> chain.Features | None:
    if not n:
        return None
    meaning = "what the last layer makes the probabilities of: input of har adapt's correction"
    return chain.Features(name=FEATURES, shape=(1, n), dtype="float32", meaning=meaning)


def hop_of(pipeline: Pipeline, windows: Windows) -> int:
    """Samples from one window to the next."""
    return max(1, round(windows.n_samples * (1 - pipeline.windows.overlap)))


def published(dataset: str | Table) -> Dataset | None:
    """The published set that a pipeline reads; None for its user's own recordings."""
    if isinstance(dataset, str) and dataset in datasets.names():
        known = datasets.get(dataset)
        return known if known.files else None  # those of the phone page have none
    return None


def _alignment(config: Align) -> chain.Alignment | None:
    """How the pipeline turns samples, if it does."""
    if config.kind == "none":
        return None
    return chain.Alignment(
        kind=align.SCHEME,
        seconds=config.seconds,
        axis=config.axis,
        moving=align.MOVING,
        around=align.AROUND,
        at_least=align.AT_LEAST,
    )


def _score(
    pipeline: Pipeline,
    trained_on: manifest.TrainedOn,
    score: ModelScores,
    results: Results,
) -> manifest.ScoreOf:
    n = len(score.per_subject)
    if pipeline.split.scheme == "sessions":
        whom = "other recordings of the same people, which says nothing about other people"
    else:
        whom = f"{n} people, each scored by a model that was not trained on them"
    what = {
        "final": f"the cross-validated score of this recipe, on {whom}; the exported model was "
        "trained with the same recipe on all of them, so nobody is left to test it on",
        "fold": f"this recipe's score over all folds, on {whom}; the exported model is of one fold",
    }[trained_on.fit]
    quoted: ModelScores | Estimate = score
    if trained_on.members:
        what = f"the mean of {len(trained_on.members)} seeds' probabilities: {what}"
        assert score.seed_ensemble is not None  # of several seeds
        quoted = score.seed_ensemble
    assert quoted.accuracy is not None
    assert quoted.macro_f1 is not None  # otherwise it would not have been chosen
    interval = quoted.macro_f1_ci95
    return manifest.ScoreOf(
        what=what,
        protocol=results.protocol,
        accuracy=quoted.accuracy,
        macro_f1=quoted.macro_f1,
        macro_f1_ci95=None if interval is None else (interval[0], interval[1]),
        n_subjects=n,
    )


def _data(pipeline: Pipeline, results: Results | None) -> manifest.Data:
    labels = None
    if isinstance(pipeline.activities, Mapping):
        labels = {old: new for new, olds in pipeline.activities.items() for old in olds}
    known = published(pipeline.dataset)
    return manifest.Data(
        name=pipeline.dataset_name,
        licence=known.licence if known else "the recorder's own data",
        fingerprint=results.data_fingerprint if results else "",
        labels=labels,
        source=known.page if known else None,
        citation=known.citation if known else None,
        tables=_tables(pipeline.dataset),
    )


def _tables(dataset: str | Table) -> manifest.Tables | None:
    if isinstance(dataset, str):
        return None
    said = dataset.model_dump(exclude_defaults=True, include=set(manifest.Tables.model_fields))
    return manifest.Tables.model_validate(said) if said else None
