"""`har study length`: how long must a window be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from har import pipeline
from har.config import ModelConfig
from har.errors import HarError
from har.evaluation.numerals import interval, signed, signed_interval
from har.evaluation.statistics import Scored
from har.signal import window_files
from har.studies import pictures, scores
from har.studies.answer import Outcome
from har.studies.finished import Finished
from har.studies.points import Point, apart, train
from har.training.splits import make


def run(finished: Finished, lengths_s: Sequence[float]) -> Outcome:
    """Score a model of a run on windows of other lengths, everything else equal.

    Parameters
    ----------
    finished : Finished
    lengths_s : sequence of float
        The run's own length is always among them; its jobs are the run's.

    Returns
    -------
    Outcome
        A length that the recordings do not allow has a reason in place of a score.
    """
    own = finished.context.pipeline.windows.length_s
    places: dict[float, Point | str] = {}
    for length in sorted({*lengths_s, own}):
        try:
            places[length] = _point(finished, length)
        except HarError as e:
            places[length] = str(e)
    return _outcome(finished, finished.models[0], places)


def _point(finished: Finished, length_s: float) -> Point:
    """Windows of a length, with the people of the run in the folds that the run had them in."""
    other = finished.with_pipeline(windows={"length_s": length_s})
    prepared = pipeline.run(other, until="prepare").outputs["prepare"]
    windows = window_files.load(prepared.path)
    if finished.same_people:  # recordings are kept apart, not people
        folds = make(windows, other.pipeline.split)
    else:
        folds = apart(windows, finished.folds)
    return Point(replace(finished.tasks, prepared=prepared), windows, folds)


def _outcome(finished: Finished, model: ModelConfig, places: dict[float, Point | str]) -> Outcome:
    able = {length: p for length, p in places.items() if isinstance(p, Point)}
    trained = train(list(able.values()), model, finished.context.crew)
    done = dict(zip(able, trained, strict=True))
    entries: dict[float, dict[str, Any]] = {}
    scored: dict[float, Scored] = {}
    people = finished.results.subjects
    for length, place in places.items():
        entry: dict[str, Any] = {"length_s": length}
        if isinstance(place, str):
            entries[length] = {**entry, "failed": place}
            continue
        try:
            scored[length], told = scores.proven(
                place.windows, place.folds(), done[length], people,
                same_people=finished.same_people,
            )  # fmt: skip
        except HarError as e:
            entries[length] = {**entry, "failed": str(e)}
            continue
        entries[length] = {**entry, "windows": len(place.windows), **told}
    own = finished.context.pipeline.windows.length_s
    for length, entry in entries.items():
        if length in scored and own in scored:
            entry["difference"] = entry["macro_f1"] - entries[own]["macro_f1"]
            entry["difference_ci95"] = scored[length].ci95(less=scored[own])
    points = list(entries.values())
    drawn = [p for p in points if "failed" not in p]
    return Outcome(
        study="length",
        pipeline=finished.name,
        title=f"{finished.name}: how long must a window be?",
        says=_says(model, drawn, own),
        head=("length", "windows", "macro-F1", "95 % over people", f"less that of {own:g} s",
              "95 % over people", "validation"),
        rows=[_row(p, own) for p in points],
        protocol=_protocol(finished, model),
        data={
            "study": "length", "model": model.key, "config_key": finished.results.config_key,
            "data_fingerprint": finished.results.data_fingerprint,
            "protocol": _protocol(finished, model), "points": points,
        },
        draw=lambda ink: pictures.curves(
            [p["length_s"] for p in drawn],
            {"test people": [p["macro_f1"] for p in drawn],
             "validation people": [p["validation_macro_f1"] for p in drawn]},
            band=[p["macro_f1_ci95"] for p in drawn],
            ticks=[f"{p['length_s']:g}" for p in drawn], xlabel="length of a window, s", ink=ink,
        ),
    )  # fmt: skip


def _row(point: dict[str, Any], own: float) -> list[str]:
    name = f"{point['length_s']:g} s"
    if "failed" in point:
        return [name, "", "failed", "", "", "", ""]
    mine = point["length_s"] == own
    return [
        name + (" (the run)" if mine else ""),
        f"{point['windows']:,}",
        f"{point['macro_f1']:.3f}",
        interval(point["macro_f1_ci95"]),
        "" if mine or "difference" not in point else signed(point["difference"]),
        "" if mine else signed_interval(point.get("difference_ci95")),
        f"{point['validation_macro_f1']:.3f}",
    ]


def _says(model: ModelConfig, points: list[dict[str, Any]], own: float) -> list[str]:
    if not points:
        return [f"{model.key}: no length gave a score."]
    best = max(points, key=lambda p: p["validation_macro_f1"])
    return [
        f"{model.key}: windows of {best['length_s']:g} s are best on validation people (macro-F1 "
        f"{best['validation_macro_f1']:.3f}); on test people they reach {best['macro_f1']:.3f}"
        + (". That is the run's own length." if best["length_s"] == own else ".")
    ]


def _protocol(finished: Finished, model: ModelConfig) -> str:
    return (
        f"{model.key} trained on windows of each length; people in the folds, seeds "
        f"({', '.join(map(str, finished.seeds))}), epochs and everything else as in the run. Each "
        "length is scored on its own windows: longer ones are fewer, cover more of a change "
        "between activities, and answer later, so that scores of two lengths are not of the same "
        "moments. Nothing is chosen by the scores on test people; a length is chosen, if at all, "
        "by the validation column."
    )
