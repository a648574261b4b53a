"""A picture of what a recording holds: a row for each activity, time from left to right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from har.runtime.prediction import Prediction

MAX_POINTS = 2000


def draw(prediction: Prediction, path: Path) -> None:
    """Write a timeline: bouts by activity, annotations under them, confidence below.

    Parameters
    ----------
    path : Path
        .png, .svg or .pdf.
    """
    from matplotlib.figure import Figure

    scale, unit = _unit(prediction.length_s)
    names = sorted({b.activity for b in prediction.bouts} | {n[2] for n in prediction.annotations})
    row = {name: i for i, name in enumerate(names)}
    figure = Figure(figsize=(10, 1.6 + 0.32 * len(names)), layout="constrained")
    above, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [max(len(names), 2), 1.5]}
    )
    for name in names:
        spans = [
            (b.start_s / scale, (b.end_s - b.start_s) / scale)
            for b in prediction.bouts
            if b.activity == name
        ]
        colour = "#9aa0a6" if name == "unknown" else f"C{row[name] % 10}"
        above.broken_barh(spans, (row[name] - 0.05, 0.45), facecolors=colour)
        noted = [(a / scale, (b - a) / scale) for a, b, n in prediction.annotations if n == name]
        above.broken_barh(noted, (row[name] - 0.35, 0.2), facecolors="#333333")
    above.set_yticks(range(len(names)), names)
    above.set_ylim(len(names) - 0.5, -0.6)
    above.grid(axis="x", alpha=0.3)
    title = f"{prediction.recording}: {len(prediction.bouts)} bouts"
    above.set_title(title + (" (thin: annotated)" if prediction.annotations else ""), loc="left")
    time, sure = _thinned(prediction)
    below.plot(time / scale, sure, lw=0.8, color="#555555")
    below.set_ylim(0, 1.02)
    below.set_ylabel("confidence")
    below.set_xlabel(unit)
    below.set_xlim(0, max(prediction.length_s, 1e-9) / scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _unit(length_s: float) -> tuple[float, str]:
    if length_s >= 2 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if length_s >= 180 else (1.0, "seconds")


def _thinned(prediction: Prediction) -> tuple[np.ndarray, np.ndarray]:
    """Time and confidence of windows, the least of each group where there are too many to draw."""
    time, sure = prediction.window_start_s, prediction.probabilities.max(1)
    group = -(-len(time) // MAX_POINTS)
    if group == 1:
        return time, sure
    n = len(time) // group * group
    return time[:n:group], sure[:n].reshape(-1, group).min(1)
