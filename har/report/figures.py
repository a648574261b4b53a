"""Figures of a comparison. Matplotlib's object interface, so that nothing global is touched.

Each function returns a `Figure`; `png` and `svg` turn one into what a page can hold. Figures have a
transparent ground and take their ink as a parameter: the page shows a dark set on dark screens.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from har.evaluation.results import CriticalDifference


@dataclass(frozen=True)
class Ink:
    """Colours on a light or a dark ground; a cell of a matrix runs from `none` to `full`.

    Series colours are Okabe and Ito's (2008), the yellow darkened.
    """

    text: str
    faint: str
    none: str
    full: str
    series: tuple[str, ...]


LIGHT = Ink(
    "#1b1f24",
    "#c8ccd2",
    "#f4f7fa",
    "#0b4f8a",
    ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B08000", "#3FA0D0", "#555555", "#7a3db8"),
)
DARK = Ink(
    "#e6e8eb",
    "#4a5058",
    "#1d2227",
    "#5db3ea",
    ("#4FB0E8", "#F28C38", "#2CC49A", "#E29BC4", "#E5C04A", "#9AD5F5", "#BBBBBB", "#B58CE8"),
)


INKS = {"light": LIGHT, "dark": DARK}
"""By the ground of the screen."""


def blank(width: float, height: float, ink: Ink, **grid: Any) -> tuple[Figure, Any]:
    """A figure of so many inches with its axes in an ink; `grid` goes to `subplots`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    axes = figure.subplots(**grid)
    for ax in np.atleast_1d(axes).ravel():
        ax.set_facecolor("none")
        ax.tick_params(colors=ink.text, labelsize=8)
        ax.xaxis.label.set_color(ink.text)
        ax.yaxis.label.set_color(ink.text)
        ax.title.set_color(ink.text)
        ax.title.set_fontsize(10)
        for spine in ax.spines.values():
            spine.set_color(ink.faint)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def confusion(
    counts: Sequence[Sequence[int]],
    activities: Sequence[str],
    *,
    title: str = "",
    ink: Ink = LIGHT,
) -> Figure:
    """A confusion matrix: counts on the left, shares of each true activity on the right.

    Parameters
    ----------
    counts : (k, k) of int
        Rows are true activities.
    """
    c = np.asarray(counts)
    k = len(activities)
    side = max(2.6, 0.45 * k + 1.2)
    figure, (left, right) = blank(2 * side + 1.2, side + 0.5, ink, ncols=2, sharey=True)
    total = c.sum(axis=1, keepdims=True)
    share = np.where(total > 0, c / np.maximum(total, 1), np.nan)
    for ax, values, name in ((left, c, "windows"), (right, share, "share of the true activity")):
        _matrix(ax, values, share, activities, ink)
        ax.set_title(name, color=ink.text, fontsize=9)
        ax.set_xlabel("predicted", fontsize=9)
    left.set_ylabel("true", fontsize=9)
    if title:
        figure.suptitle(title, color=ink.text, fontsize=11)
    return figure


def _matrix(
    ax: Axes, values: np.ndarray, share: np.ndarray, activities: Sequence[str], ink: Ink
) -> None:
    k = len(activities)
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("share", [ink.none, ink.full])
    ax.imshow(np.nan_to_num(share), cmap=shades, vmin=0, vmax=1, aspect="equal")
    ax.spines[:].set_visible(False)
    size = 8 if k <= 8 else 6.5
    for i in range(k):
        for j in range(k):
            value = values[i, j]
            if np.isnan(value) or value == 0:
                continue
            text = f"{value:d}" if values.dtype.kind == "i" else f"{value:.2f}".removeprefix("0")
            dark = (share[i, j] > 0.5) == (ink is LIGHT)
            colour = "white" if dark else "#1b1f24"
            ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    ax.set_xticks(range(k), activities, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(k), activities)
    ax.tick_params(length=0)


def learning_curves(
    histories: Mapping[str, Sequence[Mapping[str, Sequence[float]]]], *, ink: Ink = LIGHT
) -> Figure:
    """Loss and validation macro-F1 by epoch: mean over jobs, and their range.

    Parameters
    ----------
    histories : mapping of sequences
        By model, one history per job; jobs may have stopped after different epochs.
    """
    names = [n for n, hs in histories.items() if any(h.get("loss") for h in hs)]
    columns = min(4, max(1, len(names)))
    rows = max(1, -(-len(names) // columns))
    figure, axes = blank(
        2.6 * columns + 0.6, 2.2 * rows + 0.6, ink,
        nrows=rows, ncols=columns, sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    lines: dict[str, Any] = {}
    for ax in axes.ravel()[len(names) :]:
        ax.set_visible(False)
    for ax, name in zip(axes.ravel(), names, strict=False):
        ax.set_title(name, color=ink.text, fontsize=9)
        for series, label, colour in (
            ("loss", "training loss", ink.series[0]),
            ("val_loss", "validation loss", ink.series[1]),
            ("val_macro_f1", "validation macro-F1", ink.series[2]),
        ):
            drawn = _band(ax, [h[series] for h in histories[name] if h.get(series)], colour)
            if drawn is not None:
                lines.setdefault(label, drawn)
        ax.set_ylim(0, 2.0)
        ax.grid(color=ink.faint, linewidth=0.4, alpha=0.6)
    for ax in axes[-1]:
        ax.set_xlabel("epoch", fontsize=8)
        ax.xaxis.get_major_locator().set_params(integer=True)
    if lines:
        figure.legend(
            lines.values(), lines.keys(), loc="outside lower center", frameon=False,
            ncols=3 if columns > 1 else 1, fontsize=8, labelcolor=ink.text,
        )  # fmt: skip
    return figure


def _band(ax: Axes, curves: Sequence[Sequence[float]], colour: str) -> Any:
    if not curves:
        return None
    by_epoch = pd.DataFrame(curves)  # after its end, a curve is NaN
    epochs = np.arange(1, by_epoch.shape[1] + 1)
    ax.fill_between(epochs, by_epoch.min(), by_epoch.max(), color=colour, alpha=0.18, linewidth=0)
    (line,) = ax.plot(epochs, by_epoch.mean(), color=colour, linewidth=1.4)
    return line


def per_subject(
    scores: Mapping[str, Mapping[str, float]], selected: str | None, *, ink: Ink = LIGHT
) -> Figure:
    """Each person's macro-F1 under each model, people in order of the selected model's score.

    Parameters
    ----------
    scores : mapping of mapping of float
        {model: {subject: macro-F1}}.
    """
    people = {s for of in scores.values() for s in of}
    first = scores.get(selected or "", {}) or next(iter(scores.values()), {})
    order = sorted(people, key=lambda s: (first.get(s, np.nan), s))
    figure, ax = blank(7.5, max(2.0, 0.2 * len(order) + 1.0), ink)
    for y, person in enumerate(order):
        values = [of[person] for of in scores.values() if person in of]
        ax.plot([min(values), max(values)], [y, y], color=ink.faint, linewidth=1, zorder=1)
    for i, (name, of) in enumerate(scores.items()):
        again, colour = divmod(i, len(ink.series))  # more models than colours: other shapes
        here = [(of[p], y) for y, p in enumerate(order) if p in of]
        mine = name == selected
        ax.scatter(
            [x for x, _ in here], [y for _, y in here], s=34 if mine else 16,
            color=ink.series[colour], label=name, zorder=3 if mine else 2,
            marker="D" if mine else "os^v"[again % 4], alpha=1 if mine else 0.85, linewidths=0,
        )  # fmt: skip
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(-0.7, len(order) - 0.3)
    ax.set_xlim(right=1.01)
    ax.set_xlabel("macro-F1 of a person", fontsize=9)
    ax.grid(axis="x", color=ink.faint, linewidth=0.4)
    figure.legend(
        loc="outside upper center", ncols=min(5, len(scores)), frameon=False, fontsize=8,
        labelcolor=ink.text,
    )  # fmt: skip
    return figure


def critical_difference(diagram: CriticalDifference, *, ink: Ink = LIGHT) -> Figure:
    """Average ranks on a line; a bar joins models that do not differ significantly.

    References
    ----------
    Demšar 2006, figure 1; the bars are of Wilcoxon–Holm groups, not of one critical difference.
    """
    ranks = sorted(diagram.ranks.items(), key=lambda item: item[1])
    n = len(ranks)
    half = -(-n // 2)
    groups = diagram.groups
    base = 0.35 + 0.22 * len(groups)
    figure, ax = blank(7.5, 1.0 + 0.26 * half + 0.2 * len(groups), ink)
    ax.spines[:].set_visible(False)
    ax.set_yticks([])
    ax.xaxis.tick_top()
    ax.spines["top"].set_visible(True)
    ax.set_xticks(range(1, n + 1))
    ax.set_xlim(0.2, n + 0.8)
    ax.set_ylim(base + 0.32 * half + 0.1, 0)
    for i, (name, rank) in enumerate(ranks):
        left = i < half
        y = base + 0.32 * (i if left else n - 1 - i) + 0.1
        x = 0.9 if left else n + 0.1
        ax.plot([rank, rank, x], [0, y, y], color=ink.text, linewidth=0.8)
        ax.text(
            x + (-0.03 if left else 0.03), y, f"{name}  {rank:.2f}", va="center", fontsize=8,
            ha="right" if left else "left", color=ink.text, clip_on=False,
        )  # fmt: skip
    at = dict(ranks)
    for i, group in enumerate(groups):
        xs = [at[name] for name in group]
        y = 0.22 + 0.22 * i
        ax.plot([min(xs) - 0.04, max(xs) + 0.04], [y, y], color=ink.series[0], linewidth=4)
    ax.set_title("average rank over people (1 is best)", color=ink.text, fontsize=9)
    return figure


def png(figure: Figure, *, dpi: int = 144, ground: str | None = None) -> bytes:
    """A figure as PNG bytes, the same for the same figure; transparent without a `ground`."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=dpi, metadata={"Software": None},
        facecolor=ground or "none", transparent=None if ground else True,
    )  # fmt: skip
    return buffer.getvalue()


def address(svg: str) -> str:
    """An `<svg>` element as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def svg(figure: Figure) -> str:
    """A figure as an `<svg>` element, the same for the same figure."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "har", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
