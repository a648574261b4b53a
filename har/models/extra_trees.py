"""The classical baseline: extremely randomised trees on time and frequency features."""

from __future__ import annotations

from typing import Any

from har.models.ranges import Whole
from har.models.spec import ModelSpec


def extra_trees(*, trees: int = 300, min_leaf: int = 2) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(
        n_estimators=trees, min_samples_leaf=min_leaf, max_features="sqrt", n_jobs=1
    )


SPEC = ModelSpec(
    name="extra_trees",
    summary="The baseline for every network; trains in seconds, cannot be exported.",
    paper="Geurts, Ernst and Wehenkel 2006, doi:10.1007/s10994-006-6226-1",
    body=extra_trees,
    weights=None,
    module="har.models.extra_trees",
    space={"trees": Whole(100, 500, 100), "min_leaf": Whole(1, 8)},
    classical=True,
)
