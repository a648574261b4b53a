"""`har study people`: what would more people bring?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from har.config import ModelConfig
from har.errors import SplitError
from har.evaluation.numerals import signed
from har.plural import counted
from har.studies import pictures
from har.studies.answer import Outcome
from har.studies.finished import Finished
from har.studies.points import Point, apart, train


def sizes(finished: Finished) -> list[int]:
    """2, 4, 8, … below the training people of the smallest fold."""
    least = min(len(f["train"]) for f in finished.folds)
    return [2**i for i in range(1, 12) if 2**i < least]


def subsets(
    folds: Sequence[dict[str, list[str]]], n: int, draw: int, seed: int
) -> list[dict[str, list[str]]]:
    """The folds with at most n of their training people; validation and test people stay.

    The draws of one number are independent; within a draw, fewer people are some of the more.
    """
    out = []
    for number, fold in enumerate(folds):
        order = np.random.default_rng([seed, draw, number]).permutation(len(fold["train"]))
        chosen = [fold["train"][i] for i in sorted(order[:n].tolist())]
        out.append({**fold, "train": chosen})
    return out


def run(finished: Finished, numbers: Sequence[int], draws: int) -> Outcome:
    """Score a model of a run trained on fewer people, test people untouched.

    Parameters
    ----------
    finished : Finished
    numbers : sequence of int
        Training people; `sizes` if there are none. All of them are always the last point, which
        is the run itself.
    draws : int
        How many times people are drawn for each number.

    Raises
    ------
    SplitError
        If the run keeps recordings apart and not people.
    """
    if finished.same_people:
        raise SplitError(
            f"{finished.name} splits recordings of the same people (scheme: sessions): its "
            "training people are its test people, and their number has no meaning here."
        )
    folds = finished.folds
    most = max(len(f["train"]) for f in folds)
    wanted = sorted({n for n in (numbers or sizes(finished)) if 0 < n < most})
    seed, model = finished.pipeline.split.seed, finished.models[0]
    places = [(n, draw) for n in wanted for draw in range(draws)]
    splits = [apart(finished.windows, subsets(folds, n, draw, seed)) for n, draw in places]
    points = [Point(finished.tasks, finished.windows, of) for of in (*splits, finished.splits)]
    found: dict[int, list[dict[str, Any]]] = {}
    trained = train(points, model, finished.crew)
    for (n, draw), point, jobs in zip([*places, (most, 0)], points, trained, strict=True):
        _, told = point.score(jobs, finished.results.subjects)
        found.setdefault(n, []).append({"draw": draw, **told})
    least = min(len(f["train"]) for f in folds)
    curve = [_point(n, rows, least) for n, rows in found.items()]
    return finished.outcome(
        "people",
        "how much would more training people help?",
        model,
        says=_says(model, curve),
        head=("training people", "draws", "macro-F1", "over draws", "accuracy", "validation"),
        rows=[_row(p) for p in curve],
        protocol=_protocol(finished, model, len(next(iter(found.values())))),
        data={"points": curve},
        draw=lambda ink: pictures.curves(
            [p["people"] for p in curve],
            {"test people": [p["macro_f1"] for p in curve],
             "validation people": [p["validation_macro_f1"] for p in curve]},
            band=[(p["lowest"], p["highest"]) for p in curve],
            ticks=[p["name"] for p in curve], xlabel="training people in each fold", ink=ink,
        ),
    )  # fmt: skip


def _point(n: int, rows: list[dict[str, Any]], least: int) -> dict[str, Any]:
    """The draws of one number together."""
    of = {k: [r[k] for r in rows] for k in ("macro_f1", "accuracy", "validation_macro_f1")}
    return {
        "people": n,
        "name": str(n) if n <= least else f"{least} to {n}",
        "macro_f1": float(np.mean(of["macro_f1"])),
        "lowest": min(of["macro_f1"]),
        "highest": max(of["macro_f1"]),
        "accuracy": float(np.mean(of["accuracy"])),
        "validation_macro_f1": float(np.mean(of["validation_macro_f1"])),
        "draws": rows,
    }


def _row(point: dict[str, Any]) -> list[str]:
    n = len(point["draws"])
    spread = f"{point['lowest']:.3f} to {point['highest']:.3f}" if n > 1 else "–"
    return [
        point["name"], str(n), f"{point['macro_f1']:.3f}", spread, f"{point['accuracy']:.3f}",
        f"{point['validation_macro_f1']:.3f}",
    ]  # fmt: skip


def _says(model: ModelConfig, curve: list[dict[str, Any]]) -> list[str]:
    last = curve[-1]
    text = f"{model.key}: macro-F1 {last['macro_f1']:.3f} with all training people ({last['name']})"
    if len(curve) < 2:
        return [text + "."]
    before = curve[-2]
    gain = last["macro_f1"] - before["macro_f1"]
    return [f"{text}, {signed(gain)} from {before['name']} of them."]


def _protocol(finished: Finished, model: ModelConfig, draws: int) -> str:
    return (
        f"{model.key} trained on some of each fold's training people, in {counted(draws, 'draw')}; "
        "within a draw, small sets are parts of larger ones. Test and validation people are those "
        "of the run at every point, the last of which is the run itself; seeds "
        f"({', '.join(map(str, finished.seeds))}) and epochs are equal, so fewer people also mean "
        "fewer optimiser steps. The epoch is chosen on validation people, who outnumber the "
        "smallest training sets. Nothing is chosen by the scores on test people."
    )
