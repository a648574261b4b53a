"""A committed page per data set: Markdown with figures, made from `results.json`.

The report of a run is for whoever ran it and is not committed; this is for whoever reads the
repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har.evaluation.results import Results
from har.report import figures, gap, html

MEANING = "## What it means"


def write(folder: Path, results: Results, *, command: str | None = None) -> list[Path]:
    """Write the page of a pipeline, its figures and its `results.json`.

    Parameters
    ----------
    folder : Path
        `reports/`: gets `<pipeline>.md`, `<pipeline>.results.json`, `figures/<pipeline>-*.png`.
    command : str, optional
        That made them; `har run <pipeline>` if left out.

    Returns
    -------
    list of Path
        What was written. The part *What it means* is written by people: one that is there stays.
    """
    name = results.pipeline
    pictures = folder / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn = {n: pictures / f"{name}-{n}.png" for n in _figures(results)}
    for kind, draw in _figures(results).items():
        drawn[kind].write_bytes(figures.png(draw, ground="white", dpi=110))
    page, data = folder / f"{name}.md", folder / f"{name}.results.json"
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    _, _, meaning = old.partition(MEANING + "\n")
    text = html.page(
        "results.md",
        results=results,
        gap=gap,
        command=command or f"har run {name}",
        kinds=list(drawn),
        meaning=meaning or "\n…\n",
    )
    page.write_text(text, encoding="utf-8")
    results.write(data)
    return [page, data, *drawn.values()]


def _figures(results: Results) -> dict[str, Any]:
    """Figures by the end of their file's name."""
    out = {}
    selected = results.selected or results.ranked[0]
    counts = results.models[selected].confusion
    if counts is not None:
        out["confusion"] = figures.confusion(counts, results.activities, title=selected)
    if people := results.per_subject:
        out["people"] = figures.per_subject(people, results.selected)
    if results.critical_difference:
        out["ranks"] = figures.critical_difference(results.critical_difference)
    return out
