"""The words for what a second comparison of a pipeline has that the first has not."""

import pytest

from har.tracking.differences import flat, said
from tests.evaluation import made

FIRST = flat(made.pipeline(["cnn", "lstm"], (0,)).model_dump(mode="json"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"training.epochs": 40, "training.steps": None, "training.patience": 12}, "40 epochs"),
        ({"training.seeds": [0, 1, 2]}, "seeds 0, 1, 2"),
        ({"windows.length_s": 5.0}, "length s 5.0"),
        ({"training.augment.rotate_deg": 3.0}, "rotate deg 3.0"),
        ({}, "other data or code"),
    ],
)
def test_said(change, words):
    assert said(FIRST, {**FIRST, **change}) == words


def test_models_that_came_went_and_changed():
    this = {k: v for k, v in FIRST.items() if k != "models.lstm"}
    this |= {"models.gru": {"units": 8}, "models.cnn": {"filters": 9}}
    assert said(FIRST, this) == "with cnn (filters 9), with gru (units 8), without lstm"


def test_many_are_cut_short():
    many = {"windows.overlap": 0.1, "windows.length_s": 1.0, "split.folds": 9, "split.seed": 7}
    assert said(FIRST, {**FIRST, **many}).endswith(" and 1 more")
