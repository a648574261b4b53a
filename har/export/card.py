"""The cards of a bundle: what the model is and on whom it fails, what the recordings are.

The model card has the sections of Mitchell and others 2019 (doi:10.1145/3287560.3287596) and the
header that model hubs read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from har.config import Pipeline
from har.evaluation.results import ModelScores, Results
from har.export import templates
from har.export.description import published
from har.runtime.manifest import Manifest

MODEL_CARD, DATA_CARD = "MODEL_CARD.md", "DATA_CARD.md"
SUMMARY = "summary.json"  # of an ingest
POOR = 0.7
"""A person whose macro-F1 is below this is counted among those the model fails."""


def model_card(m: Manifest, results: Results | None, *, with_data: bool) -> str:
    """The card of a bundle's model.

    Parameters
    ----------
    m : Manifest
    results : Results, optional
        Of the comparison that it was chosen from; None where nobody was held out.
    with_data : bool
        Whether a data card is beside it.
    """
    scores = results.models.get(m.model) if results else None
    late = (m.window.n_samples + m.lead_in_samples) / 2 / m.rate_hz + m.smoothing.delay_s
    return templates.render(
        "model_card.md",
        m=m,
        with_data=with_data,
        delay_s=late,
        scores=scores if m.score_of else None,
        seeds=len(results.seeds) if results else 0,
        activities=_activities(m, scores) if scores else [],
        people_says=_people(scores) if scores else "",
        selection=_selection(m, results),
    )


def data_card(summary: Mapping[str, Any], pipeline: Pipeline) -> str:
    """The card of the recordings that a pipeline's ingest stored.

    Parameters
    ----------
    summary : mapping
        Its `summary.json`.
    pipeline : Pipeline
    """
    known = published(pipeline.dataset)
    title = known.title if known else pipeline.dataset_name
    return templates.render("data_card.md", s=summary, known=known, title=title)


def _activities(m: Manifest, scores: ModelScores) -> list[dict[str, Any]]:
    """Rows of a table: recall, precision, support, and the commonest confusion."""
    if scores.per_class is None:
        return []
    rows, each = [], scores.per_class
    for i, name in enumerate(m.activities):
        taken_for = "–"
        if scores.confusion and (total := sum(scores.confusion[i])):
            wrong = np.array(scores.confusion[i])
            wrong[i] = 0
            if wrong.any():
                j = int(wrong.argmax())
                taken_for = f"{m.activities[j]} ({wrong[j] / total:.1%})"
        rows.append(
            {
                "name": name,
                "recall": _number(each.recall[i]),
                "precision": _number(each.precision[i]),
                "support": each.support[i],
                "taken_for": taken_for,
            }
        )
    return rows


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _people(scores: ModelScores) -> str:
    if not scores.per_subject:
        return "Scores by person were not stored."
    ordered = sorted(scores.per_subject.items(), key=lambda item: item[1])
    values = np.array([f1 for _, f1 in ordered])
    poor = int((values < POOR).sum())
    lowest = ", ".join(f"{who} {f1:.2f}" for who, f1 in ordered[:3])
    return (
        f"Macro-F1 of the median person is {np.median(values):.2f}; the lowest: {lowest}. "
        f"{poor} of {len(values)} people are below {POOR}. Whether age, sex, body or device "
        "explain this was not examined."
    )


def _selection(m: Manifest, results: Results | None) -> str:
    if results is None:
        return "It was not compared with other models."
    others = ", ".join(name for name in results.ranked if name != m.model) or "no other model"
    how = (
        "It has the highest mean validation macro-F1 among the models that can be exported"
        if m.model == results.selected
        else "It was exported by name; validation people "
        + (f"select {results.selected}" if results.selected else "select no model")
    )
    head = " ".join(results.headline)
    return f"{how}. Compared with: {others}. Nothing was chosen on test people. {head}"
