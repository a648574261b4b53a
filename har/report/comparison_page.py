"""`index.html`: one self-contained file, drawn from the results and the jobs' histories.

No script, no font and no picture comes from elsewhere, and the script only sorts and filters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.evaluation.results import Results
from har.report import class_figures, figures, gap, mistakes, pareto, rendering
from har.report.answers import Answer
from har.report.mistakes import Answered, Map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

History = Mapping[str, Sequence[float]]
Draw = Callable[..., "Figure"]


FIGURES = {
    "pareto": "pareto",
    "people": "people",
    "classes": "activities",
    "reliability": "reliability",
    "abstention": "abstention",
    "curves": "learning-curves",
    "ranks": "critical-difference",
}
"""What is drawn, and the names of its files."""


def render(
    results: Results,
    curves: Mapping[str, Sequence[History]],
    *,
    answered: Answered | None = None,
    plane: Map | None = None,
    answers: Sequence[Answer] = (),
    links: Mapping[str, str] | None = None,
) -> str:
    """The page.

    Parameters
    ----------
    curves : mapping of sequences
        The histories of each model's jobs; empty ones of models without epochs.
    answered : Answered, optional
        What the selected model said of each window, for its mistakes.
    plane : Map, optional
        Where windows are by what the selected model makes of them.
    answers : sequence of Answer
        Of the studies of this run.
    links : mapping of str, optional
        Recordings and the addresses of their files, for the mistakes.
    """
    drawn = drawings(results, curves)
    shown = {name: _both(drawn[name]) if name in drawn else None
             for name in FIGURES}  # fmt: skip
    by_selected = sorted(results.ranked, key=lambda name: name != results.selected)
    by_model = matrices(results)
    return rendering.page(
        "comparison.html",
        results=results,
        gap=gap,
        pairs=mistakes.pairs(answered) if answered else [],
        plane=plane,
        answers=answers,
        links=links or {},
        series={"light": figures.LIGHT.series, "dark": figures.DARK.series},
        figures={
            **shown,
            "confusion": {name: _both(by_model[name]) for name in by_selected if name in by_model},
        },
        config=json.dumps(results.config.model_dump(mode="json"), indent=1, ensure_ascii=False),
    )


def write(
    folder: Path, results: Results, curves: Mapping[str, Sequence[History]], **more: Any
) -> None:
    """Write `index.html`, `confusion/<model>.png` and `figures/<name>.png` into a folder.

    The pictures are for those who cannot take the page: other programs, and MLflow. `more` is as of
    `render`.
    """
    (folder / "index.html").write_text(render(results, curves, **more), encoding="utf-8")
    found = drawings(results, curves).items()
    drawn = {f"figures/{FIGURES[name]}.png": draw() for name, draw in found}
    for name, draw in matrices(results).items():
        drawn[f"confusion/{name}.png"] = draw(title=name)
    for name, figure in drawn.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(figures.png(figure, ground="white"))


def drawings(results: Results, curves: Mapping[str, Sequence[History]]) -> dict[str, Draw]:
    """What there is to draw besides confusion matrices."""
    out: dict[str, Draw] = {}
    if pareto.points(results):
        out["pareto"] = lambda **how: pareto.draw(results, **how)
    if people := results.per_subject:
        out["people"] = lambda **how: figures.per_subject(people, results.selected, **how)
    if any(h.get("loss") for hs in curves.values() for h in hs):
        out["curves"] = lambda **how: figures.learning_curves(curves, **how)
    scored = {name: results.models[name] for name in results.ranked}
    if f1 := {name: m.per_class.f1 for name, m in scored.items() if m.per_class}:
        out["classes"] = lambda **how: class_figures.heat_map(f1, results.activities, **how)
    if sure := {name: m.reliability for name, m in scored.items() if m.reliability}:
        out["reliability"] = lambda **how: class_figures.diagram(sure, results.selected, **how)
        out["abstention"] = lambda **how: class_figures.abstention(sure, results.selected, **how)
    if diagram := results.critical_difference:
        out["ranks"] = lambda **how: figures.critical_difference(diagram, **how)
    return out


def matrices(results: Results) -> dict[str, Draw]:
    """The confusion matrix of each model."""

    def of(counts: Sequence[Sequence[int]]) -> Draw:
        return lambda **how: figures.confusion(counts, results.activities, **how)

    return {n: of(m.confusion) for n, m in results.models.items() if m.confusion is not None}


def _both(draw: Draw) -> dict[str, str]:
    """A figure for light and one for dark screens, as addresses that hold it."""
    return {name: figures.address(figures.svg(draw(ink=i))) for name, i in figures.INKS.items()}
