"""`har study robustness`: a sensor that is worn, calibrated or clocked differently."""

from __future__ import annotations

from typing import Any

import numpy as np

from har.evaluation.numerals import signed, signed_interval
from har.evaluation.statistics import Scored
from har.signal import disturb
from har.studies import disturbances, pictures
from har.studies.answer import Outcome
from har.studies.disturbances import UNCHANGED, Change
from har.studies.finished import Finished

ANGLES_DEG = (5, 15, 30, 45, 90, 180)
FACTORS = (0.8, 0.9, 1.1, 1.2)
NOISE = (0.1, 0.3, 1.0)
RATES = (-0.1, -0.05, -0.02, 0.02, 0.05, 0.1)
FLIPS = ("x", "y", "z", "xyz")


def changes() -> list[Change]:
    """All of them, the unchanged windows first."""
    return [
        Change(UNCHANGED),
        *(Change("rotation", a, axis) for a in ANGLES_DEG for axis in disturb.AXES),
        *(Change("scale", f) for f in FACTORS),
        *(Change("noise", sd) for sd in NOISE),
        *(Change("rate", r) for r in RATES),
        *(Change("flip", axis=axes) for axes in FLIPS),
        Change("gravity removed"),
    ]


def run(finished: Finished) -> Outcome:
    """Ask a run's stored fold models about disturbed windows of their own test people.

    Raises
    ------
    TrainingError
        If the model is not a network, a job left no model, or a process failed.
    """
    (model, *_) = finished.models
    jobs = [j for j in finished.jobs if j.model == model.key]
    wanted = changes()
    people = finished.results.subjects
    counts = disturbances.ask(
        jobs, finished.prepared.path, people, wanted, part="test", crew=finished.crew
    )
    by_change = np.zeros((len(wanted), len(finished.seeds), *counts[0].shape[1:]), np.int64)
    for job, of_job in zip(jobs, counts, strict=True):  # a person is tested in one fold
        by_change[:, finished.seeds.index(job.seed)] += of_job
    rows = _rows(wanted, by_change)
    return finished.outcome(
        "robustness",
        "how much does a sensor that is worn, calibrated or clocked differently matter?",
        model,
        says=_says(model.key, rows),
        head=("windows", "macro-F1", "change", "95 % over people", "worst axis", "accuracy"),
        rows=[_cells(r) for r in rows],
        protocol=_protocol(finished, model.key, len(people)),
        data={"changes": rows},
        draw=lambda ink: pictures.panels(_panels(rows), rows[0]["macro_f1"], ink),
    )


def _rows(wanted: list[Change], counts: np.ndarray) -> list[dict[str, Any]]:
    """A row for each name: the mean over its axes, and the worst of them."""
    whole = Scored(UNCHANGED, counts[0])
    names = list(dict.fromkeys(c.name for c in wanted))
    out = []
    for name in names:
        mine = [i for i, c in enumerate(wanted) if c.name == name]
        # Axes stand in place of seeds: what is scored is their mean.
        scored = Scored(name, np.concatenate([counts[i] for i in mine]))
        each = {wanted[i].axis: Scored(name, counts[i]).macro_f1 for i in mine}
        out.append(
            {
                "name": name,
                "kind": wanted[mine[0]].kind,
                "strength": wanted[mine[0]].strength,
                "macro_f1": scored.macro_f1,
                "accuracy": scored.accuracy,
                "difference": scored.macro_f1 - whole.macro_f1,
                "difference_ci95": None if name == UNCHANGED else scored.ci95(less=whole),
                "axes": each if len(mine) > 1 else {},
            }
        )
    return out


def _cells(row: dict[str, Any]) -> list[str]:
    plain = row["name"] == UNCHANGED
    worst = min(row["axes"].items(), key=lambda a: a[1], default=None)
    return [
        row["name"],
        f"{row['macro_f1']:.3f}",
        "" if plain else signed(row["difference"]),
        "" if plain else signed_interval(row["difference_ci95"]),
        f"{worst[0]} {worst[1]:.3f}" if worst else "",
        f"{row['accuracy']:.3f}",
    ]


def _panels(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, float]]]:
    """Bars by kind."""
    titles = {"rotation": "rotated", "scale": "scaled", "noise": "noise, m/s²",
              "rate": "rate off by"}  # fmt: skip
    short = {"rotation": "{:g}°", "scale": "× {:g}", "noise": "{:g}", "rate": "{:+.0%}"}
    out: dict[str, list[tuple[str, float]]] = {}
    for row in rows[1:]:
        title = titles.get(row["kind"], "signs, gravity")
        name = short.get(row["kind"], row["name"]).format(row["strength"]).replace("-", "−")
        name = name.removeprefix("sign of ").replace(" turned over", " flipped")
        out.setdefault(title, []).append((name, row["macro_f1"]))
    return out


def _says(name: str, rows: list[dict[str, Any]]) -> list[str]:
    plain, *others = rows
    worst = min(others, key=lambda r: r["macro_f1"])
    mild = [
        r
        for r in others
        if r["name"] in ("rotated by 15°", "× 0.9", "× 1.1")
        or (r["kind"] == "rate" and abs(r["strength"]) <= 0.05)
    ]
    least = min(mild, key=lambda r: r["macro_f1"])
    return [
        f"{name}: macro-F1 {plain['macro_f1']:.3f} on unchanged windows. Of the common "
        f"disturbances (15° of rotation, scale 10 % off, rate 5 % off), {least['name']} costs "
        f"most: {signed(least['difference'])}. The worst of all is {worst['name']}: "
        f"{worst['macro_f1']:.3f}."
    ]


def _protocol(finished: Finished, name: str, people: int) -> str:
    # Alignment undoes a fixed rotation before the model sees it.
    slips = (
        "Windows are aligned with gravity before they are changed: a rotation or a flipped sign "
        "means a sensor that slips after the walk by which it was aligned. "
    )
    return (
        f"Stored fold models of {name} (seeds {', '.join(map(str, finished.seeds))}), not trained "
        f"again, each tested on raw windows of its own test people ({people} in all) after "
        "these were changed. Rotations are about the sensor's x, y and z, and their mean is shown; "
        "gravity is removed by subtracting the mean of the window. "
        + (slips if finished.pipeline.signal.align.kind != "none" else "")
        + "Differences are paired by person. "
        "Nothing is chosen by these scores: they are of test people."
    )
