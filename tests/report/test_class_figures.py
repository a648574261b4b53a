"""Figures from counts that can be checked by hand."""

from __future__ import annotations

import pytest

from har.evaluation.results import Reliability
from har.report import class_figures


def test_without_the_least_sure_windows() -> None:
    bins = [(0.5, 0.4, 10), (0.7, 0.6, 10), (0.9, 0.9, 20)]
    found = Reliability(
        ece=0.1, brier=0.1, ece_before=0.1, brier_before=0.1, per_subject={}, bins=bins
    )
    answered, right = class_figures.kept(found)
    assert answered.tolist() == pytest.approx([1, 30 / 40, 20 / 40])
    assert right.tolist() == pytest.approx([(4 + 6 + 18) / 40, (6 + 18) / 30, 18 / 20])
    line, *_ = class_figures.abstention({"cnn": found}, "cnn").axes[0].lines
    assert list(line.get_ydata()) == right.tolist()
