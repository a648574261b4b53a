"""What a better score costs on a phone: macro-F1 against latency and size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from har.evaluation.results import Results

MARKERS = {"float32": "o", "dynamic": "s", "float16": "^", "int8": "D"}


@dataclass(frozen=True)
class Point:
    """A model and variant that ships."""

    model: str
    variant: str
    macro_f1: float
    latency_ms: float
    kb: float


def points(results: Results) -> list[Point]:
    """A point for each model and variant that ships."""
    return [
        Point(model, variant, v.macro_f1, v.latency_ms_p50, v.bytes / 1024)
        for model, m in results.models.items()
        for variant, v in m.variants.items()
    ]


def front(cost: list[float], score: list[float]) -> list[int]:
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


def draw(results: Results, path: Path) -> None:
    """Both pictures side by side; the line joins the points that nothing beats."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    shown = points(results)
    models = list(dict.fromkeys(p.model for p in shown))
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    score = [p.macro_f1 for p in shown]
    for axis, cost, label in (
        (axes[0], [p.latency_ms for p in shown], "median time of a window here, one thread (ms)"),
        (axes[1], [p.kb for p in shown], "size of the file (kB)"),
    ):
        best = front(cost, score)
        axis.plot(
            [cost[i] for i in best], [score[i] for i in best], color="#999999", lw=1, zorder=0
        )
        for p, c in zip(shown, cost, strict=True):
            colour = f"C{models.index(p.model) % 10}"
            axis.plot(c, p.macro_f1, MARKERS[p.variant], color=colour, ms=7, alpha=0.85)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel(label)
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("macro-F1 after conversion, people not seen")
    used = [v for v in MARKERS if any(p.variant == v for p in shown)]
    handles = [Line2D([], [], marker="o", ls="", color=f"C{i % 10}") for i in range(len(models))]
    handles += [Line2D([], [], marker=MARKERS[v], ls="", color="#555555") for v in used]
    axes[1].legend(handles, [*models, *used], fontsize=8, loc="best")
    figure.savefig(path, dpi=150)
