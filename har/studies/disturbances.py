"""Stored fold models, asked about disturbed windows of people who did not train them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from har import fanout
from har.errors import ConfigError, TrainingError
from har.evaluation import scoring
from har.fanout import Crew
from har.signal import disturb, window_files
from har.signal.windows import Windows
from har.training.job_files import MODEL, JobRecord

PREDICT_BATCH = 512
SAME = 1e-4
"""Largest difference of a probability that another machine's rounding may make."""
UNCHANGED = "unchanged"
Part = Literal["validation", "test"]


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
            "flip": f"sign of {', '.join(self.axis)} flipped",
        }.get(self.kind, self.kind)


@dataclass(frozen=True)
class Disturbance:
    """What `--disturb` asks for.

    kind : rotation, scale, rate or noise. amount : degrees, share or m/s².
    """

    kind: str
    amount: float

    @property
    def changes(self) -> tuple[Change, ...]:
        """Whose mean is scored: one way and the other, a rotation about each axis."""
        both = (-self.amount, self.amount)
        return {
            "rotation": tuple(Change("rotation", s, axis) for axis in disturb.AXES for s in both),
            "scale": tuple(Change("scale", 1 + s) for s in both),
            "rate": tuple(Change("rate", s) for s in both),
            "noise": (Change("noise", self.amount),),
        }[self.kind]

    def __str__(self) -> str:
        """`rotated by ±15° about x, y and z in turn`: of windows."""
        return {
            "rotation": f"rotated by ±{self.amount:g}° about x, y and z in turn",
            "scale": f"of a sensor whose scale is off by ±{self.amount:.0%}",
            "rate": f"of a sensor whose rate is off by ±{self.amount:.0%}",
            "noise": f"of a sensor with noise of {self.amount:g} m/s²",
        }[self.kind]


def parse(text: str) -> Disturbance:
    """A disturbance from `rotation=DEGREES`, `scale=SHARE`, `rate=SHARE` or `noise=M/S2`."""
    kind, _, value = text.partition("=")
    below = {"rotation": math.inf, "scale": 1.0, "rate": 1.0, "noise": math.inf}.get(kind, 0.0)
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not 0 < amount < below:
        raise ConfigError(
            "Windows are disturbed by rotation=DEGREES, scale=SHARE, rate=SHARE or noise=M/S2, "
            f"a number above 0, a share below 1; got {text!r}."
        )
    return Disturbance(kind, amount)


@dataclass(frozen=True, eq=False)
class Item:
    """A stored fold model, and which of its people it is asked about."""

    job: JobRecord
    prepared: Path
    people: tuple[str, ...]
    changes: tuple[Change, ...]
    part: Part


def measure(item: Item, report: Callable[[Any], None]) -> np.ndarray:
    """Counts of a fold model's answers on its own validation or test people, change by change.

    int64, shape (changes, people, k, k).

    Raises
    ------
    TrainingError
        If the stored network does not give its stored answers to unchanged windows.
    """
    from har.models.saved import load_model

    windows = window_files.load(item.prepared)
    index, told = item.job.read().predictions.of(item.part)
    model = load_model(item.job.path / MODEL)
    model.compile(jit_compile=False)  # as in training: the same answers, but for rounding
    out = []
    for n, change in enumerate(item.changes, start=1):
        x = change.apply(windows, index)
        p = np.asarray(model.predict(x, batch_size=PREDICT_BATCH, verbose=0))
        if change.kind == UNCHANGED and (off := float(np.abs(p - told).max())) > SAME:
            raise TrainingError(
                f"{item.job.path}: the stored network answers otherwise than it did when it was "
                f"scored, by {off:.2g}. Delete that folder and run again."
            )
        out.append(scoring.counts_of(index, p, windows, item.people))
        report(n)
    return np.stack(out)


def ask(
    jobs: Sequence[JobRecord],
    prepared: Path,
    people: Sequence[str],
    changes: Sequence[Change],
    *,
    part: Part,
    crew: Crew,
) -> list[np.ndarray]:
    """Counts of each job's stored model's answers, int64, shape (changes, people, k, k).

    Asked over processes of this machine, about the `prepared` windows of each job's validation or
    test people; `people` are all whom these parts may hold.

    Raises
    ------
    TrainingError
        If a job failed or left no network, or a process failed.
    """
    from rich.progress import Progress

    for job in jobs:
        if not (job.path / MODEL).is_file():
            raise TrainingError(
                f"{job.path} holds no stored network (a classical model keeps only its answers), "
                "so it cannot be asked about other windows: name networks, by --model or models in "
                "--set."
            )
    items = [Item(job, prepared, tuple(people), tuple(changes), part) for job in jobs]
    with Progress(console=crew.console, transient=True) as progress:
        bar = progress.add_task("asking stored models", total=len(items) * len(changes))
        outcomes = fanout.run(
            measure, items, jobs=crew.jobs, on_report=lambda _i, _n: progress.advance(bar)
        )
        return fanout.values(
            outcomes, lambda i, why: TrainingError(f"{jobs[i].path}: {why.reason}")
        )
