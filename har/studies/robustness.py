"""`har study robustness`: what a model does when the sensor sits, scales or ticks otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.errors import TrainingError
from har.evaluation import metrics
from har.evaluation.statistics import Scored
from har.evaluation.table import signed, signed_interval
from har.signal import disturb, stored
from har.signal.windows import Windows
from har.studies import pictures, scores
from har.studies.finished import Finished
from har.studies.outcome import Outcome

PREDICT_BATCH = 512
SAME = 1e-4
"""Largest difference of a probability that another machine's rounding may make."""
UNCHANGED = "unchanged"
ANGLES_DEG = (5, 15, 30, 45, 90, 180)
FACTORS = (0.8, 0.9, 1.1, 1.2)
NOISE = (0.1, 0.3, 1.0)
RATES = (-0.1, -0.05, -0.02, 0.02, 0.05, 0.1)
FLIPS = ("x", "y", "z", "xyz")


@dataclass(frozen=True)
class Change:
    """One way to disturb windows.

    kind : of `har.signal.disturb`. strength : degrees, factor, m/s² or share. axis : of a
    rotation, or the axes that are flipped.
    """

    kind: str
    strength: float = 0.0
    axis: str = ""

    def apply(self, windows: Windows, index: np.ndarray) -> np.ndarray:
        """The disturbed windows: float32, shape (len(index), n_raw, 3)."""
        if self.kind == "rate":
            return disturb.off_rate(windows, index, self.strength)
        x = windows.gather(index)
        how: dict[str, Callable[[], np.ndarray]] = {
            UNCHANGED: lambda: x,
            "rotation": lambda: disturb.rotated(x, disturb.AXES.index(self.axis), self.strength),
            "scale": lambda: disturb.scaled(x, self.strength),
            "noise": lambda: disturb.jittered(x, self.strength),
            "flip": lambda: disturb.flipped(x, self.axis),
            "gravity removed": lambda: disturb.without_gravity(x),
        }
        return how[self.kind]()

    @property
    def name(self) -> str:
        """Of its row: rotations about the three axes are one."""
        return {
            "rotation": f"rotated by {self.strength:g}°",
            "scale": f"× {self.strength:g}",
            "noise": f"noise of {self.strength:g} m/s²",
            "rate": f"rate off by {self.strength:+.0%}".replace("-", "−"),
            "flip": f"sign of {', '.join(self.axis)} turned over",
        }.get(self.kind, self.kind)


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


# In a process of its own -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Item:
    """A stored fold model, and whom it is asked about."""

    folder: Path
    prepared: Path
    people: tuple[str, ...]
    changes: tuple[Change, ...]


def measure(item: Item, report: Callable[[Any], None]) -> np.ndarray:
    """Counts of a fold model's answers on its own test people, change by change.

    Parameters
    ----------
    item : Item
    report : callable
        Told of each change that is done.

    Returns
    -------
    ndarray of int64, shape (changes, people, k, k)

    Raises
    ------
    TrainingError
        If the stored network does not give its stored answers to unchanged windows.
    """
    from har import session

    windows = stored.load(item.prepared)
    with np.load(item.folder / "predictions.npz", allow_pickle=False) as z:
        index, told = z["test_index"], z["test_probabilities"]
    model = session.load_model(item.folder / "model.keras")
    model.compile(jit_compile=False)  # as in training: the same answers to the last bit
    lookup = {p: i for i, p in enumerate(item.people)}
    person = np.array([lookup[s] for s in windows.subjects[index].tolist()], np.int64)
    out = []
    for n, change in enumerate(item.changes, start=1):
        x = change.apply(windows, index)
        p = np.asarray(model.predict(x, batch_size=PREDICT_BATCH, verbose=0))
        if change.kind == UNCHANGED and (off := float(np.abs(p - told).max())) > SAME:
            raise TrainingError(
                f"{item.folder}: the stored network answers otherwise than it did when it was "
                f"scored, by {off:.2g}. Delete that folder and run again."
            )
        out.append(
            metrics.confusion_by_subject(
                person, windows.labels[index], p.argmax(axis=1),
                subjects=len(item.people), classes=len(windows.activities),
            )
        )  # fmt: skip
        report(n)
    return np.stack(out)


# The study ---------------------------------------------------------------------------------------


def run(finished: Finished) -> Outcome:
    """Ask a run's stored fold models about disturbed windows of their own test people.

    Parameters
    ----------
    finished : Finished

    Returns
    -------
    Outcome

    Raises
    ------
    TrainingError
        If the model is not a network, a job left no model, or a process failed.
    """
    (model, *_) = finished.models
    jobs = [j for j in finished.jobs if j.model == model.key]
    for job in jobs:
        if job.folder is None or not (job.folder / "model.keras").is_file():
            raise TrainingError(
                f"{model.key} fold {job.fold} seed {job.seed} has no stored network (a classical "
                "model keeps only its answers): ask about a network with --model."
            )
    wanted = changes()
    counts = _measure(finished, [j.folder for j in jobs if j.folder], wanted)
    people = finished.results["subjects"]
    by_change = np.zeros((len(wanted), len(finished.seeds), *counts[0].shape[1:]), np.int64)
    for job, of_job in zip(jobs, counts, strict=True):  # a person is tested in one fold
        by_change[:, finished.seeds.index(job.seed)] += of_job
    rows = _rows(wanted, by_change)
    protocol = _protocol(finished, model.key, len(people))
    return Outcome(
        study="robustness",
        pipeline=finished.name,
        title=f"{finished.name}: what if the sensor sits, scales or ticks otherwise?",
        says=_says(model.key, rows),
        head=("windows", "macro-F1", "change", "95 % over people", "worst axis", "accuracy"),
        rows=[_cells(r) for r in rows],
        protocol=protocol,
        data={
            "study": "robustness", "model": model.key,
            "config_key": finished.results["config_key"],
            "data_fingerprint": finished.results["data_fingerprint"],
            "protocol": protocol, "changes": rows,
        },
        draw=lambda ink: pictures.panels(_panels(rows), rows[0]["macro_f1"], ink),
    )  # fmt: skip


def _measure(finished: Finished, folders: list[Path], wanted: list[Change]) -> list[np.ndarray]:
    from rich.progress import Progress

    prepared = finished.context.outputs["prepare"].path
    people = tuple(finished.results["subjects"])
    items = [Item(folder, prepared, people, tuple(wanted)) for folder in folders]
    out: dict[int, np.ndarray] = {}
    with Progress(console=finished.context.console, transient=True) as progress:
        bar = progress.add_task("asking stored models", total=len(items) * len(wanted))
        for i, outcome in fanout.run(
            measure, items, jobs=finished.context.jobs,
            on_report=lambda _i, _n: progress.advance(bar),
        ):  # fmt: skip
            if isinstance(outcome, fanout.Failed):
                raise TrainingError(f"{folders[i]}: {outcome.reason}")
            out[i] = outcome.value
    return [out[i] for i in range(len(items))]


def _rows(wanted: list[Change], counts: np.ndarray) -> list[dict[str, Any]]:
    """A row for each name: the mean over its axes, and the worst of them."""
    whole = Scored(UNCHANGED, counts[0], np.empty(0))
    names = list(dict.fromkeys(c.name for c in wanted))
    out = []
    for name in names:
        mine = [i for i, c in enumerate(wanted) if c.name == name]
        # Axes stand in place of seeds: what is scored is their mean.
        scored = Scored(name, np.concatenate([counts[i] for i in mine]), np.empty(0))
        each = {wanted[i].axis: scores.pooled(Scored(name, counts[i], np.empty(0))) for i in mine}
        macro_f1 = scores.pooled(scored)
        out.append(
            {
                "name": name,
                "kind": wanted[mine[0]].kind,
                "strength": wanted[mine[0]].strength,
                "macro_f1": macro_f1,
                "accuracy": float(metrics.accuracy(scored.confusion.sum(axis=1)).mean()),
                "difference": macro_f1 - scores.pooled(whole),
                "difference_ci95": None if name == UNCHANGED
                else scores.difference_ci95(scored, whole),
                "axes": each if len(mine) > 1 else {},
            }
        )  # fmt: skip
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
        f"{name}: macro-F1 {plain['macro_f1']:.3f} on the windows as they are. Of what happens "
        f"every day (turned by 15°, 10 % off in scale, 5 % in rate), {least['name']} costs most: "
        f"{signed(least['difference'])}. The worst of all is {worst['name']}: "
        f"{worst['macro_f1']:.3f}."
    ]


def _protocol(finished: Finished, name: str, people: int) -> str:
    # Turned back before a model sees it, a sensor that sits otherwise is no disturbance at all.
    slips = (
        "Windows are turned by the wearer's walking before they are changed: a rotation or a sign "
        "is of a sensor that slips after that walk, not of one that always sits so. "
    )
    return (
        f"Stored fold models of {name} (seeds {', '.join(map(str, finished.seeds))}), not trained "
        f"again, each asked about raw windows of its own test people ({people} in all) after "
        "these were changed. Rotations are about the sensor's x, y and z, and their mean is shown; "
        "gravity removed means less the mean of the window. "
        + (slips if finished.context.pipeline.signal.align.kind != "none" else "")
        + "Differences are paired by person. "
        "Nothing is chosen by these scores: they are of test people."
    )
