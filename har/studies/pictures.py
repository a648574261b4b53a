"""Pictures of studies, in the hand of a comparison's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from har.report.figures import Ink, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pairs(
    values: Mapping[str, tuple[float, float]], names: tuple[str, str], label: str, ink: Ink
) -> Figure:
    """Two values of each thing on one line, joined; `names` are of the first and of the second."""
    figure, ax = blank(7.5, 1.3 + 0.35 * len(values), ink)
    order = sorted(values, key=lambda n: values[n][0])
    for y, name in enumerate(order):
        ax.plot(values[name], [y, y], color=ink.faint, linewidth=2, zorder=1)
    for i, name in enumerate(names):
        ax.scatter(
            [values[n][i] for n in order], range(len(order)), s=44, zorder=2, linewidths=0,
            color=ink.series[i], marker="oD"[i], label=name,
        )  # fmt: skip
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(-0.7, len(order) - 0.3)
    ax.set_xlim(right=1.01)
    ax.set_xlabel(label, fontsize=9)
    ax.grid(axis="x", color=ink.faint, linewidth=0.4)
    _legend(figure, ink, 2)
    return figure


def curves(
    at: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    band: Sequence[tuple[float, float] | None],
    ticks: Sequence[str],
    xlabel: str,
    ink: Ink,
) -> Figure:
    """Scores `at` values of something that was varied, which have the names `ticks`.

    The axis is logarithmic. The first of the lines is drawn in front and carries the band.
    """
    figure, ax = blank(7.5, 3.4, ink)
    for i, (name, values) in enumerate(lines.items()):
        ax.plot(
            at, values, color=ink.series[i], label=name,
            marker="o" if i == 0 else "s", markersize=5 if i == 0 else 4,
            linewidth=1.8 if i == 0 else 1.2, linestyle="-" if i == 0 else "--", zorder=3 - i,
        )  # fmt: skip
    drawn = [(x, *b) for x, b in zip(at, band, strict=True) if b is not None]
    if drawn:
        ax.fill_between(*zip(*drawn, strict=True), color=ink.series[0], alpha=0.18, linewidth=0)
    ax.set_xscale("log")
    ax.set_xticks(list(at), list(ticks))
    ax.set_xticks([], minor=True)
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel("macro-F1", fontsize=9)
    ax.grid(axis="y", color=ink.faint, linewidth=0.4)
    _legend(figure, ink, len(lines))
    return figure


def _legend(figure: Figure, ink: Ink, columns: int) -> None:
    figure.legend(
        loc="outside upper center", ncols=columns, frameon=False, fontsize=8, labelcolor=ink.text
    )


def panels(groups: Mapping[str, Sequence[tuple[str, float]]], level: float, ink: Ink) -> Figure:
    """Bars, (name, value), in groups, beside a line at a level that all are compared with."""
    figure, axes = blank(
        9.5, 3.2, ink, ncols=len(groups), sharey=True,
        width_ratios=[len(bars) + 0.8 for bars in groups.values()],
    )  # fmt: skip
    for ax, (title, bars) in zip(axes, groups.items(), strict=True):
        ax.bar(range(len(bars)), [v for _, v in bars], color=ink.series[0], width=0.7)
        ax.axhline(level, color=ink.series[1], linewidth=1.2, linestyle="--")
        ax.set_xticks(range(len(bars)), [n for n, _ in bars], rotation=60, ha="right",
                      rotation_mode="anchor")  # fmt: skip
        ax.set_title(title, color=ink.text, fontsize=9)
        ax.set_ylim(0, 1)
    axes[0].set_ylabel("macro-F1 (dashed: unchanged)", fontsize=9)
    return figure
