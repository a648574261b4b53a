"""`har study personal`: what a few labelled seconds of its wearer are worth to a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from har.config import ModelConfig
from har.errors import TrainingError
from har.evaluation.metrics import macro_f1
from har.evaluation.numerals import signed
from har.evaluation.statistics import interval95, resampled_people
from har.plural import counted
from har.runtime.chain import Adaptation
from har.runtime.correction import ADAPTATION
from har.studies import pictures, unknown, wearers
from har.studies.answer import Outcome
from har.studies.finished import Finished
from har.training.job_files import MODEL, JobRecord

NUMBERS = (1, 3, 10)
"""Windows of each activity that are taught."""

NEW = 3
"""Windows of an activity that the model was trained without."""

LOST = 0.01
"""A person who loses more is counted."""


def run(
    finished: Finished, numbers: Sequence[int], new: int, strengths: Sequence[float] = ()
) -> Outcome:
    """Teach the stored fold models a few windows of each test person, and score the rest.

    Parameters
    ----------
    numbers : sequence of int
        Windows of each activity; `NUMBERS` if there are none.
    new : int
        Folds that are trained again without each activity in turn, to be taught it; 0 for none.
    strengths : sequence of float
        Of the prior, to be compared on validation people, in place of `ADAPTATION` on test people.

    Raises
    ------
    TrainingError
        If a model is no network, or a job fails.
    """
    numbers = tuple(sorted(set(numbers or NUMBERS)))
    if strengths and finished.pipeline.training.refit:
        raise TrainingError(
            f"The models of {finished.name} are trained on validation people too (training.refit): "
            f"a strength cannot be chosen on them. Run har compare {finished.name} --set "
            "training.refit=false first."
        )
    hows = tuple(ADAPTATION.model_copy(update={"strength": x}) for x in sorted(strengths))
    part = "validation" if strengths else "test"
    rows = [
        row
        for model in finished.models
        for row in _rows(
            model.key, _asked(finished, _items(finished, model, numbers, part, hows, all_ways=True))
        )
    ]
    unheard = [_unheard(finished, m, new) for m in finished.models] if new else []
    return finished.outcome(
        "strengths" if strengths else "personal",
        "how much do a few labelled seconds of the wearer help?",
        finished.models[0],
        says=[
            *(_says_strengths(rows) if strengths else
              (_says(r) for r in rows if r["n"] == _middle(numbers))),
            *(_says_unlabelled(r) for r in rows if r["way"] != wearers.LABELS),
            *map(_says_new, unheard),
        ],
        head=(
            "model", "taught", "people", "before", "after", "gain (95 %)", "of the gap to 1",
            "a point worse", "gain with refusal", "refused", "a point worse with refusal",
        ),
        rows=[_cells(r) for r in rows],
        protocol=_protocol(finished, rows, part),
        data={"taught": rows, "new": unheard, "adaptation": ADAPTATION.as_json()},
        draw=lambda ink: pictures.pairs(
            {
                f"{_who(r)}, {_amount(r)}": (r["before"], r["after"])
                for r in rows if not strengths or r["n"] in (0, _middle(numbers))
            },
            ("as exported", "taught"), "macro-F1, mean over held-out people", ink,
        ),
    )  # fmt: skip


def _items(
    finished: Finished,
    model: ModelConfig,
    numbers: tuple[int, ...],
    part: str = "test",
    hows: tuple[Adaptation, ...] = (),
    *,
    all_ways: bool = False,
) -> list[wearers.Item]:
    jobs = [j for j in finished.jobs if j.model == model.key and j.seed == finished.seeds[0]]
    _check(jobs[0], model)
    path, hows = finished.prepared.path, hows or (ADAPTATION,)
    return [wearers.Item(j, path, path, part, numbers, hows, unlabelled=all_ways) for j in jobs]


def _check(job: JobRecord, model: ModelConfig) -> None:
    if not (job.path / MODEL).is_file():
        raise TrainingError(f"{model.key} is not a network: it has no features to correct by.")


def _asked(finished: Finished, items: Sequence[wearers.Item]) -> list[dict[str, Any]]:
    return [row for rows in finished.asked(wearers.ask, items) for row in rows]


def _rows(model: str, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for r in found:
        groups.setdefault((r["way"], r["strength"], r["n"]), []).append(r)
    return [
        {"model": model, "way": way, "strength": strength, "n": n, **_summary(those)}
        for (way, strength, n), those in groups.items()
    ]


def _summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    before = np.array([r["before"] for r in found])
    gain = np.array([r["after"] for r in found]) - before
    refused = np.array([r["refused"] for r in found])
    kept = np.where(refused, 0.0, gain)
    weights = resampled_people(len(found)) / len(found)
    return {
        "before": float(before.mean()),
        "after": float((before + gain).mean()),
        "gain": float(gain.mean()),
        "gain_ci95": interval95(weights @ gain, len(found)),
        "of_missing": float(gain.mean() / max(1 - before.mean(), 1e-9)),
        "worse": int((gain < -LOST).sum()),
        "gain_with_refusal": float(kept.mean()),
        "refused": int(refused.sum()),
        "worse_with_refusal": int((kept < -LOST).sum()),
        "other_recordings": int(sum(r["other_recordings"] for r in found)),
        "people": [{k: r[k] for k in ("person", "fold", "before", "after", "refused")}
                   for r in found],
        "confusion": {when: np.sum([r["confusion"][when] for r in found], axis=0).tolist()
                      for when in ("before", "after")},
    }  # fmt: skip


def _unheard(finished: Finished, model: ModelConfig, folds: int) -> dict[str, Any]:
    """Each activity left out of training in turn, and taught; beside the model that knows all."""
    whole = {
        r["person"]: r["confusion"]["before"]
        for r in _asked(finished, _items(finished, model, (0,)))
    }
    rows = []
    for activity in finished.results.activities:
        items = [
            wearers.Item(
                i.job, i.prepared, i.everything, "test", (NEW,), (ADAPTATION,), left_out=activity
            )
            for i in unknown.trained_without(finished, model, activity, folds)
        ]
        found = [r for r in _asked(finished, items) if r["person"] in whole]
        rows.append(
            {
                "activity": activity,
                "taught": _pooled(r["confusion"]["after"] for r in found),
                "trained": _pooled(whole[r["person"]] for r in found),
                "people": len(found),
            }
        )
    share = float(np.mean([r["taught"] for r in rows]) / np.mean([r["trained"] for r in rows]))
    return {"model": model.key, "folds": folds, "share": share, "activities": rows}


def _pooled(confusions: Iterable[Any]) -> float:
    return float(macro_f1(np.sum([np.array(c) for c in confusions], axis=0)))


# The page ----------------------------------------------------------------------------------------


def _middle(numbers: Sequence[int]) -> int:
    return numbers[len(numbers) // 2]


def points(gain: float) -> str:
    """`+1.2` or `−1.2` hundredths of macro-F1."""
    return f"{100 * gain:+.1f}".replace("-", "−")


def share(value: float) -> str:
    return f"{round(100 * value)}%".replace("-", "−")


def _says(row: dict[str, Any]) -> str:
    low, high = row["gain_ci95"]
    n = len(row["people"])
    return (
        f"{row['model']}: {row['n']} windows of each activity take the mean macro-F1 of {n} "
        f"held-out people from {row['before']:.3f} to {row['after']:.3f} "
        f"({points(row['gain'])} points, 95 % over people {points(low)} to {points(high)}; "
        f"{share(row['of_missing'])} of the gap to 1); {row['worse']} of {n} lose more than a "
        "point."
    )


def _says_strengths(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    labelled = [r for r in rows if r["way"] == wearers.LABELS]
    for model in dict.fromkeys(r["model"] for r in labelled):
        gains = [
            (strength, np.mean([r["gain"] for r in mine]))
            for strength in dict.fromkeys(r["strength"] for r in labelled)
            if (mine := [r for r in labelled if (r["model"], r["strength"]) == (model, strength)])
        ]
        each = ", ".join(f"{points(gain)} points at {strength:g}" for strength, gain in gains)
        yield f"{model}, by strength of the prior, mean over numbers of windows: {each}."


def _says_unlabelled(row: dict[str, Any]) -> str:
    low, high = row["gain_ci95"]
    return (
        f"{_who(row)}, {row['way']} by the wearer's own recordings, without labels: "
        f"{points(row['gain'])} points ({points(low)} to {points(high)}); {row['worse']} of "
        f"{len(row['people'])} lose more than a point."
    )


def _who(row: dict[str, Any]) -> str:
    """The model, and the prior's strength where it is not the one that ships."""
    strength = row["strength"]
    ships = strength in (None, ADAPTATION.strength)
    return str(row["model"]) if ships else f"{row['model']}, strength {strength:g}"


def _amount(row: dict[str, Any]) -> str:
    return counted(row["n"], "window") if row["way"] == wearers.LABELS else str(row["way"])


def _says_new(found: dict[str, Any]) -> str:
    worst = min(found["activities"], key=lambda r: r["taught"])
    return (
        f"{found['model']}, trained without an activity and taught {NEW} windows of it: macro-F1 "
        f"over all activities is {found['share']:.0%} of that of the model trained on it (mean over"
        f" {len(found['activities'])} activities, {found['folds']} folds; lowest with "
        f"{worst['activity']}, {worst['taught']:.3f} against {worst['trained']:.3f})."
    )


def _cells(row: dict[str, Any]) -> list[str]:
    low, high = row["gain_ci95"]
    return [
        _who(row), _amount(row), str(len(row["people"])), f"{row['before']:.3f}",
        f"{row['after']:.3f}", f"{signed(row['gain'])} ({signed(low)} to {signed(high)})",
        share(row["of_missing"]), str(row["worse"]), signed(row["gain_with_refusal"]),
        str(row["refused"]), str(row["worse_with_refusal"]),
    ]  # fmt: skip


def _protocol(finished: Finished, rows: Sequence[dict[str, Any]], part: str) -> str:
    first = rows[0]
    strength = (
        "The strength of the prior was fixed on validation people before test people were scored "
        "(`model.json`, adaptation)." if part == "test" else
        "The strength of the prior is that of the bundle where no other is named; test people were "
        "not used."
    )  # fmt: skip
    ways = "" if len({r["way"] for r in rows}) == 1 else (
        " Rows without labels use all of those first recordings: `axes standardised` gives each "
        "axis the mean and spread of the training people, `batch normalisation` replaces the "
        "training statistics by the wearer's."
    )  # fmt: skip
    n, other = len(first["people"]), first["other_recordings"]
    whole = "" if other == n else (
        f" For {n - other} of {n} people an activity has a single recording: they are tested on "
        "what comes later in it, a window's gap after what was taught."
    )  # fmt: skip
    return (
        f"The fold models of `har run`, seed {finished.seeds[0]}, on the {part} people "
        "of their folds. Of each activity the first windows of the person's first recording, which "
        f"do not overlap, are taught; the person's other recordings of it are tested.{whole}{ways} "
        "Scores are macro-F1 over the activities that the person performed, without smoothing; "
        "intervals are over people. `With refusal` applies no correction where it does not help on "
        f"the labelled windows themselves, held out in turn. {strength}"
    )
