"""A committed page per data set: Markdown with figures, made from `results.json`.

The report of a run is for whoever ran it and is not committed; this is for whoever reads the
repository.
"""

from __future__ import annotations

import functools
from pathlib import Path

from har.evaluation.results import Results
from har.report import comparison_page, figures, gap, rendering

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
    draw = comparison_page.drawings(results, curves={})
    selected = results.selected or results.ranked[0]
    if matrix := comparison_page.matrices(results).get(selected):
        draw = {"confusion": functools.partial(matrix, title=selected), **draw}
    drawn = {kind: pictures / f"{name}-{kind}.png" for kind in draw}
    for kind, path in drawn.items():
        path.write_bytes(figures.png(draw[kind](), ground="white", dpi=110))
    page, data = folder / f"{name}.md", folder / f"{name}.results.json"
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    _, _, meaning = old.partition(MEANING + "\n")
    text = rendering.page(
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
