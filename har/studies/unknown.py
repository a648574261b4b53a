"""`har study unknown`: does a model notice what it was never trained on?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from har import pipeline_file, session
from har.config import ModelConfig, Pipeline
from har.errors import TrainingError
from har.export import abstention
from har.signal import window_files
from har.store import Output, Store
from har.studies import meeting, pictures
from har.studies.answer import Outcome
from har.studies.finished import Finished
from har.training import splits
from har.training.job_files import MODEL
from har.training.run import run_tasks
from har.training.tasks import TaskMaker


def run(
    finished: Finished,
    folds: int,
    elsewhere: str | None = None,
    shares: Sequence[float] = (),
) -> Outcome:
    """Train without each activity in turn, meet it on test people, and meet what was made.

    Parameters
    ----------
    folds : int
        How many are trained again.
    elsewhere : str, optional
        A pipeline of another placement: windows of the same shape, activities of the same names.
    shares : sequence of float
        In place of `har.export.abstention.UNSURE`, from 0 to 1, to be compared on validation
        people; test people are not asked.

    Raises
    ------
    TrainingError
        If the model is no network, or a job fails.
    """
    (model, *_) = finished.models
    if shares:
        return _compared(finished, model, folds, shares)
    items = [
        i
        for a in (None, *finished.results.activities)
        for i in trained_without(finished, model, a, folds)
    ]
    if elsewhere:
        other = elsewhere, _elsewhere(finished, elsewhere)
        items = [replace(i, elsewhere=other) if i.left_out is None else i for i in items]
    rows = _rows(finished, items)
    activities = [r for r in rows if r["kind"] == "left out"]
    means = {rule: float(np.mean([r["auroc"][rule] for r in activities])) for rule in meeting.RULES}
    return finished.outcome(
        "unknown",
        "does it notice what it was never trained on?",
        model,
        says=_says(model, means, rows),
        head=(
            "met", "windows", *(f"AUROC {r}" for r in meeting.RULES), "answered, probability",
            "answered, both", "mostly as", "right of these",
        ),
        rows=[_cells(r) for r in rows],
        protocol=_protocol(finished, model, folds),
        data={"mean_auroc": means, "met": rows},
        draw=lambda ink: pictures.pairs(
            {
                r["name"]: (r["auroc"]["probability"], r["auroc"]["both"])
                for r in rows if r["name"] != meeting.KNOWN
            },
            ("by probability", "by probability and distance"), "AUROC", ink,
        ),
    )  # fmt: skip


def _compared(
    finished: Finished, model: ModelConfig, folds: int, shares: Sequence[float]
) -> Outcome:
    """Each activity left out in turn and met on validation people, by rules of several weights."""
    rules = {f"{share:g}": share for share in sorted(set(shares))}
    items = [
        replace(i, part="validation", rules=rules)
        for a in finished.results.activities
        for i in trained_without(finished, model, a, folds)
    ]
    rows = _rows(finished, items)
    mean = {
        what: {rule: float(np.mean([r[what][rule] for r in rows])) for rule in rules}
        for what in ("auroc", "answered")
    }
    rows.append({"name": "mean", "n": sum(r["n"] for r in rows), **mean})
    best = max(rules, key=lambda rule: mean["auroc"][rule])
    return finished.outcome(
        "unknown-shares",
        "how much should the probability count beside the distance?",
        model,
        says=[
            f"{model.key}: the mean AUROC over {len(rows) - 1} activities, each left out of "
            f"training in turn, is highest ({mean['auroc'][best]:.3f}) with {best}; bundles have "
            f"{abstention.UNSURE:g}."
        ],
        head=("met", "windows", *rules),
        rows=[
            [
                r["name"], f"{r['n']:,}",
                *(f"{r['auroc'][rule]:.3f}, {r['answered'][rule]:.0%}" for rule in rules),
            ]
            for r in rows
        ],
        protocol=f"{model.key}, {folds} of its folds, seed {finished.seeds[0]}, trained again "
        "without one activity at a time and asked about validation people's windows of it beside "
        "their windows of the others; test people were not used. By the weight of the probability, "
        "from 0 (the distance alone) to 1 (the probability alone): AUROC, and the share answered "
        "at limits that keep 95 % of their right answers.",
        data={"shares": rows},
        draw=lambda ink: pictures.pairs(
            {r["name"]: (r["auroc"][next(iter(rules))], r["auroc"][best]) for r in rows},
            (f"weight {next(iter(rules))}", f"weight {best}"), "AUROC", ink,
        ),
    )  # fmt: skip


def trained_without(
    finished: Finished, model: ModelConfig, activity: str | None, folds: int
) -> list[meeting.Item]:
    """The first folds, trained without an activity, or as they are."""
    of = finished.pipeline
    if activity is None:
        prepared, windows = finished.prepared, finished.windows
    else:
        prepared = _without(finished, of, activity)
        windows = window_files.load(prepared.path)
    maker = TaskMaker(prepared, Store(finished.workspace.cache), of.training)
    tasks = maker.folds([model], splits.make(windows, of.split)[:folds])
    jobs = [j for j in run_tasks(tasks, finished.crew) if j.seed == of.training.seeds[0]]
    if not (jobs[0].path / MODEL).is_file():
        raise TrainingError(f"{model.key} is not a network: its features cannot be asked for.")
    return [meeting.Item(j, prepared.path, finished.prepared.path, activity) for j in jobs]


def _without(finished: Finished, of: Pipeline, activity: str) -> Output:
    """The prepared windows of the other activities."""
    kept = tuple(n for n in finished.results.activities if n != activity)
    named = of.activities
    activities = {n: named[n] for n in kept} if isinstance(named, Mapping) else kept
    fewer = of.model_copy(update={"activities": activities})
    return session.outputs(finished.workspace, fewer, finished.crew, until="prepare")["prepare"]


def _elsewhere(finished: Finished, name: str) -> Path:
    """The prepared windows of another placement.

    Raises
    ------
    TrainingError
        If they have another shape or rate, or no activity in common with the run.
    """
    of, ours = pipeline_file.load(name), finished.windows
    prepared = session.outputs(finished.workspace, of, finished.crew, until="prepare")["prepare"]
    theirs = window_files.load(prepared.path)
    if (theirs.n_raw, theirs.rate_hz) != (ours.n_raw, ours.rate_hz):
        raise TrainingError(
            f"{name} has windows of {theirs.n_raw} samples at {theirs.rate_hz:g} Hz, but the model "
            f"takes {ours.n_raw} at {ours.rate_hz:g} Hz. Set its windows, filter and rate alike."
        )
    if not set(theirs.activities) & set(ours.activities):
        raise TrainingError(
            f"{name} has none of the model's activities ({', '.join(ours.activities)}), but "
            f"{', '.join(theirs.activities)}. Rename them by `activities`."
        )
    return prepared.path


# The page ----------------------------------------------------------------------------------------


def _rows(finished: Finished, items: Sequence[meeting.Item]) -> list[dict[str, Any]]:
    """A row for each thing that was met, by its name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for scores_of in finished.asked(meeting.ask, items):
        for name, scores in scores_of.items():
            found.setdefault(name, []).append(scores)
    return [_row(name, parts) for name, parts in sorted(found.items())]


def _row(name: str, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over folds."""
    row: dict[str, Any] = {"name": name, "kind": parts[0]["kind"], "n": sum(p["n"] for p in parts)}
    for what in ("auroc", "answered", "kept", "right"):
        row[what] = {
            rule: float(np.mean([p[what][rule] for p in parts if rule in p[what]]))
            for rule in parts[0]["auroc"]
            if any(rule in p[what] for p in parts)
        }
    if "both" in parts[0]["called"]:
        called = np.mean([p["called"]["both"] for p in parts], axis=0).tolist()
        row["called"] = dict(zip(parts[0]["activities"], called, strict=True))
    return row


def _cells(row: dict[str, Any]) -> list[str]:
    own = row["name"] == meeting.KNOWN
    activity, most = max(row["called"].items(), key=lambda of: of[1])
    return [
        row["name"], f"{row['n']:,}",
        *("–" if own else f"{row['auroc'][rule]:.3f}" for rule in meeting.RULES),
        *(f"{row['answered'][rule]:.0%}" for rule in ("probability", "both")),
        "–" if own or most < 0.005 else f"{activity}, {most:.0%}",
        f"{row['right']['both']:.0%}" if "both" in row["right"] else "–",
    ]  # fmt: skip


def _says(model: ModelConfig, means: dict[str, float], rows: list[dict[str, Any]]) -> list[str]:
    left = [r for r in rows if r["kind"] == "left out"]
    worst = min(left, key=lambda r: r["auroc"]["both"])
    return [
        f"{model.key}: met with an activity that it was trained without, AUROC is "
        f"{means['probability']:.3f} by the probability, {means['distance']:.3f} by the distance "
        f"in its features and {means['both']:.3f} by the rarer of the two, as bundles answer "
        f"(means over {len(left)} activities; the target is 0.85). Hardest by both: "
        f"{worst['name']}, {worst['auroc']['both']:.3f}."
    ]


def _protocol(finished: Finished, model: ModelConfig, folds: int) -> str:
    return (
        f"{model.key}, {folds} of its folds, seed {finished.seeds[0]}: trained again without "
        "one activity at a time, with the run's recipe, and asked about that activity's windows of "
        "the fold's test people beside their windows of the known activities; made windows, of "
        "which those at rest stand for a phone on a table or in a bag, are asked of the fold's own "
        "models. Each window is judged alone, without smoothing. Distances "
        "are fitted on training windows; limits keep 95 % of validation people's right answers, "
        "`answered` is the share of what is met that is not called unknown, `right of these` by "
        f"probability and distance together; `mostly as` is the activity that most windows are "
        f"answered as with a probability above {meeting.SURE:g}, and their share of all that is "
        f"met; {meeting.KNOWN} are test people's, who choose nothing."
    )
