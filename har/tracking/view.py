"""How MLflow's pages show a comparison: a row for each model, and pictures of them side by side.

MLflow keeps a view in a tag of the experiment, and an address names it.
"""

from __future__ import annotations

import json
from typing import Any

TAG = "mlflow.sharedViewState."
COLUMNS = (
    "macro_f1", "macro_f1_ci95_low", "macro_f1_ci95_high", "accuracy", "validation_macro_f1",
    "parameters", "bytes", "ms", "train_seconds",
)  # fmt: skip
SECTIONS = (("Scores", 3, 360), ("Confusion matrices", 1, 620), ("Training", 1, 480))
"""Their names, cards in a row, and the height of a card."""


def key_of(comparison: str) -> str:
    """Of a comparison's view."""
    return f"models-{comparison[:16]}"


def state(comparison: str, curves: list[str]) -> str:
    """The view of a comparison, as JSON.

    Parameters
    ----------
    comparison : str
        Value of the runs' tag `har.comparison`.
    curves : list of str
        Metrics with a value for each epoch.
    """
    charts = [
        _chart("BAR", 0, "Macro-F1 on held-out people", metricKey="macro_f1"),
        _chart("SCATTER", 0, "Macro-F1 by bytes", xaxis=_axis("bytes"), yaxis=_axis("macro_f1")),
        _chart("SCATTER", 0, "Macro-F1 by ms", xaxis=_axis("ms"), yaxis=_axis("macro_f1")),
        _chart("IMAGE", 1, "Rows are true activities", imageKeys=["confusion"], step=0,
               showRunParams=False),
    ]  # fmt: skip
    if curves:
        charts.append(_chart(
            "LINE", 2, "Validation macro-F1 of each fold, by epoch", metricKey=curves[0],
            selectedMetricKeys=curves, xAxisKey="step", yAxisKey="metric", lineSmoothness=0,
            scaleType="linear", xAxisScaleType="linear", selectedXAxisMetricKey="",
            useGlobalXaxisKey=True, useGlobalLineSmoothing=True, yAxisExpressions=[],
            range={}, ignoreOutliers=False,
        ))  # fmt: skip
    for number, chart in enumerate(charts):
        chart["uuid"] = f"{key_of(comparison)}-{number}"
    columns = [f"metrics.`{name}`" for name in COLUMNS]
    shown = {
        "searchFilter": f"tags.`har.kind` = 'model' AND tags.`har.comparison` = '{comparison}'",
        "orderByKey": "metrics.`macro_f1`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, 110),
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_20_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": False,
        "globalLineChartConfig": {
            "xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": "",
        },
        "compareRunCharts": charts,
        "compareRunSections": [
            {"uuid": f"section-{n}", "name": name, "display": True, "isReordered": True,
             "deleted": False, "isGenerated": False, "columns": columns, "cardHeight": height}
            for n, (name, columns, height) in enumerate(SECTIONS)
        ],
    }  # fmt: skip
    return json.dumps(shown, ensure_ascii=False)


def _chart(kind: str, section: int, name: str, **what: Any) -> dict[str, Any]:
    common = {
        "type": kind,
        "metricSectionId": f"section-{section}",
        "displayName": name,
        "deleted": False,
        "isGenerated": False,
        "runsCountToCompare": 20,
    }
    return common | what


def _axis(metric: str) -> dict[str, str]:
    return {"key": metric, "type": "METRIC"}
