"""`har study length`: how long must a window be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from har import pipeline_file, session
from har.config import ModelConfig
from har.errors import ConfigError, SplitError, TrainingError, WindowError
from har.evaluation.numerals import interval, signed, signed_interval
from har.evaluation.statistics import Scored
from har.signal import window_files
from har.studies import pictures
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
    model, own = finished.models[0], finished.pipeline.windows.length_s
    places: dict[float, Point] = {}
    entries: dict[float, dict[str, Any]] = {}
    for length in sorted({*lengths_s, own}):
        entries[length] = {"length_s": length}
        try:
            places[length] = _point(finished, length)
        except (ConfigError, WindowError, SplitError) as e:
            entries[length]["failed"] = str(e)
    scored: dict[float, Scored] = {}
    trained = train(list(places.values()), model, finished.crew)
    for (length, place), jobs in zip(places.items(), trained, strict=True):
        try:
            scored[length], told = place.score(jobs, finished.results.subjects)
        except TrainingError as e:
            entries[length]["failed"] = str(e)
        else:
            entries[length] |= {"windows": len(place.windows), **told}
    for length in scored if own in scored else ():
        entry = entries[length]
        entry["difference"] = entry["macro_f1"] - entries[own]["macro_f1"]
        entry["difference_ci95"] = scored[length].ci95(less=scored[own])
    points = list(entries.values())
    drawn = [p for p in points if "failed" not in p]
    return finished.outcome(
        "length",
        "how long must a window be?",
        model,
        says=_says(model, drawn, own),
        head=("length", "windows", "macro-F1", "95 % over people", f"minus that of {own:g} s",
              "95 % over people", "validation"),
        rows=[_row(p, own) for p in points],
        protocol=_protocol(finished, model),
        data={"points": points},
        draw=lambda ink: pictures.curves(
            [p["length_s"] for p in drawn],
            {"test people": [p["macro_f1"] for p in drawn],
             "validation people": [p["validation_macro_f1"] for p in drawn]},
            band=[p["macro_f1_ci95"] for p in drawn],
            ticks=[f"{p['length_s']:g}" for p in drawn], xlabel="length of a window, s", ink=ink,
        ),
    )  # fmt: skip


def _point(finished: Finished, length_s: float) -> Point:
    """Windows of a length, with the people of the run in the folds that the run had them in."""
    values = finished.pipeline.model_dump(mode="json")
    values["windows"]["length_s"] = length_s
    other = pipeline_file.parse(values, where=finished.name)
    # Nothing of it is published: stages up to `train` leave `reports/` alone.
    outputs = session.outputs(finished.workspace, other, finished.crew, until="prepare")
    windows = window_files.load(outputs["prepare"].path)
    # Where recordings are kept apart, and not people, other windows have other folds.
    same = finished.same_people
    folds = make(windows, other.split) if same else apart(windows, finished.folds)
    return Point(replace(finished.tasks, prepared=outputs["prepare"]), windows, folds)


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
        "length is scored on its own windows: longer ones are fewer, contain more changes "
        "of activity, and answer later, so the scores of two lengths are not about the same "
        "moments. Nothing is chosen by the scores on test people: choose a length by the "
        "validation column."
    )
