"""What a better score costs on a phone: macro-F1 against latency and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from har.evaluation.results import Results
from har.report.figures import LIGHT, Ink, blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = {"float32": "o", "dynamic": "s", "float16": "^", "int8": "D"}


@dataclass(frozen=True)
class Point:
    """A model's float32 file, or another variant of one that ships.

    ci95 : of macro_f1, over people; of variants there is none. proven : it is in a bundle.
    """

    model: str
    variant: str
    macro_f1: float
    ci95: Sequence[float] | None
    latency_ms: float
    kb: float
    proven: bool


def points(results: Results) -> list[Point]:
    """A point for each model whose cost is known, and for each variant that ships."""
    found = []
    for name, m in results.models.items():
        if (c := m.measured) and m.macro_f1 is not None:
            found.append(
                Point(
                    name, "float32", m.macro_f1, m.macro_f1_ci95, c.latency_ms_p50, c.bytes / 1024,
                    c.proven,
                )
            )  # fmt: skip
        found += [
            Point(name, kind, v.macro_f1, None, v.latency_ms_p50, v.bytes / 1024, True)
            for kind, v in m.variants.items()
            if kind != "float32"
        ]
    return found


def front(cost: Sequence[float], score: Sequence[float]) -> list[int]:
    """Which points no other one beats: none is as cheap and better, or cheaper and as good.

    Returns
    -------
    list of int
        Indices, the cheapest first.
    """
    out: list[int] = []
    for i in sorted(range(len(cost)), key=lambda i: (cost[i], -score[i])):
        if not out or score[i] > score[out[-1]]:
            out.append(i)
    return out


def draw(results: Results, *, ink: Ink = LIGHT) -> Figure:
    """Both pictures side by side; the line joins the points that nothing beats."""
    from matplotlib.lines import Line2D

    shown = points(results)
    models = list(dict.fromkeys(p.model for p in shown))
    colours = {name: ink.series[i % len(ink.series)] for i, name in enumerate(models)}
    figure, (left, right) = blank(10, 4.2, ink, ncols=2, sharey=True)
    _against(left, [p.latency_ms for p in shown], shown, colours, ink)
    _against(right, [p.kb for p in shown], shown, colours, ink)
    left.set_xlabel("median time of a window, one thread of this machine (ms)", fontsize=9)
    right.set_xlabel("size of the file (kB)", fontsize=9)
    left.set_ylabel("macro-F1 on held-out people", fontsize=9)
    used = [v for v in MARKERS if any(p.variant == v for p in shown)]
    handles = [Line2D([], [], marker="o", ls="", color=colours[name]) for name in models]
    handles += [Line2D([], [], marker=MARKERS[v], ls="", color=ink.text) for v in used]
    figure.legend(
        handles, [*models, *used], loc="outside right center", frameon=False, fontsize=8,
        labelcolor=ink.text,
    )  # fmt: skip
    return figure


def _against(
    ax: Axes, cost: Sequence[float], shown: Sequence[Point], colours: dict[str, str], ink: Ink
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    score = [p.macro_f1 for p in shown]
    best = front(cost, score)
    ax.plot([cost[i] for i in best], [score[i] for i in best], color=ink.faint, lw=1, zorder=0)
    for p, c in zip(shown, cost, strict=True):
        colour = colours[p.model]
        if p.ci95 is not None:
            ax.plot([c, c], p.ci95, color=colour, lw=1.2, alpha=0.5, zorder=1)
        ax.plot(
            c, p.macro_f1, MARKERS[p.variant], color=colour, ms=7, zorder=2,
            fillstyle="full" if p.proven else "none",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(color=ink.faint, linewidth=0.4, which="both")
