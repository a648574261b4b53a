"""The score of the whole procedure, the choice of a model included.

`selected` is the model with the best mean over all folds, and who validates in one fold is tested
in another: with many candidates, that choice knows a little of the people whom it is scored on.
Here each fold selects by its own validation people alone, who are nobody that it tests.

References
----------
Varma and Simon, Bias in error estimation when using cross-validation for model selection, 2006,
doi:10.1186/1471-2105-7-91.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from har.evaluation.collect import ModelJobs


def rank(name: str, macro_f1: float, parameters: int | None) -> tuple[float, int, str]:
    """Sorts the model to select first: best validation score; of equals, fewer parameters."""
    return (-macro_f1, parameters or 0, name)


def choose(eligible: Mapping[str, ModelJobs], labels: np.ndarray, folds: int) -> list[str]:
    """The model that each fold's validation people choose: best macro-F1, mean over seeds.

    The eligible have the same seeds and all folds; `labels` are of all windows.
    """

    def of(name: str, fold: int) -> tuple[float, int, str]:
        mine = [j for j in eligible[name].done if j.fold == fold]
        score = float(np.mean([j.validation_macro_f1(labels) for j in mine]))
        return rank(name, score, max(j.about.parameters or 0 for j in mine))

    return [min(eligible, key=lambda name: of(name, fold)) for fold in range(folds)]
