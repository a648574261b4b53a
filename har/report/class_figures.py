"""Figures of activities and of confidence: F1 by activity and model, reliability, abstention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from har.report.figures import LIGHT, Ink, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from har.evaluation.results import Reliability


def heat_map(
    f1: Mapping[str, Sequence[float | None]], activities: Sequence[str], *, ink: Ink = LIGHT
) -> Figure:
    """F1 of each activity under each model; a row for each activity."""
    from matplotlib.colors import LinearSegmentedColormap

    table = np.array([[np.nan if v is None else v for v in row] for row in f1.values()]).T
    height = 0.9 + 0.34 * len(activities)
    figure, ax = blank(1.8 + 0.85 * len(f1), height, ink)
    colours = LinearSegmentedColormap.from_list("f1", [ink.none, ink.full])
    ax.imshow(table, cmap=colours, vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(f1)), list(f1), rotation=30, ha="right")
    ax.set_yticks(range(len(activities)), list(activities))
    ax.tick_params(length=0)
    for (row, column), value in np.ndenumerate(table):
        if np.isnan(value):
            continue
        dark = value > 0.55
        colour = ("#ffffff" if ink is LIGHT else "#101418") if dark else ink.text
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    for side in ax.spines.values():
        side.set_visible(False)
    return figure


def diagram(found: Mapping[str, Reliability], selected: str | None, *, ink: Ink = LIGHT) -> Figure:
    """Share right by confidence, of each model; on the diagonal they agree."""
    figure, ax = blank(5.2, 4.4, ink)
    ax.plot([0, 1], [0, 1], color=ink.faint, linewidth=1, zorder=1)
    for (name, of), colour in zip(found.items(), ink.series * len(found), strict=False):
        confidence, right, _ = zip(*of.bins, strict=True)
        mine = name == selected
        ax.plot(
            confidence, right, marker="o", markersize=4 if mine else 2.5, color=colour,
            linewidth=1 + mine, label=f"{name} (error {of.ece:.3f})", zorder=2 + mine,
        )  # fmt: skip
    low = min(min(c, r) for of in found.values() for c, r, _ in of.bins)
    ax.set_xlim(max(0, low - 0.05), 1.01)
    ax.set_ylim(max(0, low - 0.05), 1.01)
    ax.set_xlabel("mean confidence of a fifteenth of the windows")
    ax.set_ylabel("share that is right")
    ax.legend(frameon=False, fontsize=8, labelcolor=ink.text)
    return figure


def abstention(
    found: Mapping[str, Reliability], selected: str | None, *, ink: Ink = LIGHT
) -> Figure:
    """Share right of the windows that are answered, where the least sure bins are not."""
    figure, ax = blank(5.2, 4.4, ink)
    for (name, of), colour in zip(found.items(), ink.series * len(found), strict=False):
        answered, right = kept(of)
        ax.plot(answered, right, color=colour, linewidth=2 if name == selected else 1, label=name)
    ax.set_xlim(1.0, 0.0)
    ax.set_xlabel("share of windows that is answered", fontsize=9)
    ax.set_ylabel("accuracy of the answers", fontsize=9)
    ax.grid(color=ink.faint, linewidth=0.4)
    ax.legend(frameon=False, fontsize=8, labelcolor=ink.text)
    return figure


def kept(of: Reliability) -> tuple[np.ndarray, np.ndarray]:
    """Share answered and share right of it, without none, one, two … of the least sure bins."""
    _, right, n = (np.array(column, dtype=np.float64) for column in zip(*of.bins, strict=True))
    answered = np.cumsum(n[::-1])[::-1]
    return answered / n.sum(), np.cumsum((right * n)[::-1])[::-1] / answered
