"""What `model.json` says of a model, gathered from the pipeline, the windows and the results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import har
from har.code import versions
from har.config import Align, ModelConfig, Table
from har.errors import ConfigError
from har.evaluation.results import Estimate, ModelScores, Results
from har.models import registry
from har.runtime import smoothing
from har.runtime.bundle import SCHEMA
from har.signal import align as aligning
from har.signal import resampling
from har.signal.windows import Windows
from har.stages import Context

SMOOTHED_WINDOWS = 3
"""Odd, so that an answer is about one window; the fewest that outvote a single wrong one."""

INPUT_NAME = "acceleration"


def describe(
    context: Context,
    model: ModelConfig,
    trained_on: Mapping[str, Any],
    withheld: Mapping[str, str],
    windows: Windows,
    results: Results,
) -> dict[str, Any]:
    """`model.json` without `variants` and `golden`.

    Parameters
    ----------
    context : Context
    model : ModelConfig
    trained_on : mapping
        fit, subjects, epochs, seed; the fold, if it is one fold's model; the members, if it is the
        mean of several seeds' models.
    withheld : mapping
        Reasons by variant.
    windows : Windows
    results : Results
    """
    pipeline = context.pipeline
    score = results.models[model.key]
    k, rate = len(windows.activities), windows.rate_hz
    hop = max(1, round(windows.n_samples * (1 - pipeline.windows.overlap)))
    lead = len(windows.taps) - 1
    parameters = registry.get(model.name).n_parameters(windows.n_samples, k, model.params)
    parameters = parameters or score.parameters or 0
    filter_ = {"kind": pipeline.signal.filter.kind}
    if filter_["kind"] != "none":
        filter_ |= pipeline.signal.filter.model_dump(include={"cutoff_hz", "transition_hz"})
    return {
        "schema": SCHEMA,
        "model": model.key,
        "architecture": model.name,
        "parameters": parameters * max(1, len(trained_on.get("members", ()))),
        "pipeline": pipeline.name,
        "activities": list(windows.activities),
        "input": {
            "name": INPUT_NAME,
            "shape": [1, windows.n_raw, 3],
            "dtype": "float32",
            "unit": "m/s2",
            "axes": ["x", "y", "z"],
            "convention": "android",
            "gravity": _gravity(pipeline.dataset),
            "placements": sorted({r.rsplit("/", 1)[-1] for r in set(windows.recordings.tolist())}),
        },
        "output": {
            "shape": [1, k],
            "dtype": "float32",
            "meaning": "probability of each activity, in the order of `activities`",
        },
        "rate_hz": rate,
        "window": {
            "n_samples": windows.n_samples,
            "length_s": windows.n_samples / rate,
            "hop_samples": hop,
            "hop_s": hop / rate,
        },
        "lead_in_samples": lead,
        "filter": {
            **filter_,
            "in_graph": True,
            "taps": windows.taps.tolist(),
            "delay_samples": lead / 2,
        },
        "resampler": {
            "kind": resampling.SCHEME,
            "max_gap_s": pipeline.signal.max_gap_s,
            "warm_up": resampling.WARM_UP,
            "too_close": resampling.TOO_CLOSE,
            "faster": resampling.FASTER,
            "zero_crossings": resampling.ZERO_CROSSINGS,
        },
        **_align(pipeline.signal.align),
        "smoothing": {
            "kind": "mean",
            "n_windows": SMOOTHED_WINDOWS,
            "delay_s": smoothing.delay_s(SMOOTHED_WINDOWS, hop / rate),
        },
        "trained_on": dict(trained_on),
        "score_of": _score(context, trained_on, score, results),
        "withheld": dict(withheld),
        "data": _data(context, results),
        "versions": {"har": har.__version__, **versions(), **versions(("ai-edge-litert",))},
        "config_key": results.config_key,
    }


def _align(align: Align) -> dict[str, Any]:
    if align.kind == "none":
        return {}
    return {
        "align": {
            "kind": aligning.SCHEME,
            "seconds": align.seconds,
            "axis": align.axis,
            "moving": aligning.MOVING,
            "around": aligning.AROUND,
            "at_least": aligning.AT_LEAST,
        }
    }


def _gravity(dataset: str | Table) -> str:
    """Published sets are read with gravity; a user's own table says."""
    if isinstance(dataset, Table) and dataset.gravity:
        return dataset.gravity
    return "present"


def _score(
    context: Context,
    trained_on: Mapping[str, Any],
    score: ModelScores,
    results: Results,
) -> dict[str, Any]:
    n = len(score.per_subject)
    if context.pipeline.split.scheme == "sessions":
        whom = "other recordings of the same people: this tells nothing about anybody else"
    else:
        whom = f"{n} people, each scored by a model that had never seen them"
    what = {
        "final": f"the cross-validated estimate of the recipe, on {whom}; the file that ships is "
        "the same recipe fitted on all of them, and nobody is left to score it on",
        "fold": f"the recipe over all folds, on {whom}; the file that ships is one fold's model",
    }[trained_on["fit"]]
    quoted: ModelScores | Estimate = score
    if members := len(trained_on.get("members", ())):
        what = f"the mean of {members} seeds' probabilities: {what}"
        assert score.seed_ensemble is not None  # of several seeds
        quoted = score.seed_ensemble
    return {
        "what": what,
        "protocol": results.protocol,
        "accuracy": quoted.accuracy,
        "macro_f1": quoted.macro_f1,
        "macro_f1_ci95": quoted.macro_f1_ci95,
        "n_subjects": n,
    }


def _data(context: Context, results: Results) -> dict[str, Any]:
    pipeline = context.pipeline
    out: dict[str, Any] = {
        "name": pipeline.dataset_name,
        "licence": "the recorder's own data",
        "fingerprint": results.data_fingerprint,
    }
    if isinstance(pipeline.activities, Mapping):
        out["labels"] = {old: new for new, olds in pipeline.activities.items() for old in olds}
    if isinstance(pipeline.dataset, str):
        from har.ingest import datasets

        try:
            known = datasets.get(pipeline.dataset)
        except ConfigError:  # recorded on the phone page, for one
            return out
        out |= {"licence": known.licence, "source": known.page}
    return out
