"""Calibration against closed forms and a slow twin."""

import numpy as np
import pytest

from har.evaluation import reliability
from tests.evaluation import made
from tests.evaluation.workspace import context, results, run


def test_answers_that_are_right_as_often_as_they_are_sure_have_no_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 200_000)
    right = rng.uniform(size=len(confidence)) < confidence
    assert reliability.error(confidence, right) < 0.01
    # Surer by a tenth than right.
    assert reliability.error(np.minimum(confidence + 0.1, 1), right) == pytest.approx(
        0.093, abs=0.01
    )


def test_bins_hold_equally_many_windows():
    rng = np.random.default_rng(1)
    confidence, right = rng.beta(8, 1, 301), rng.uniform(size=301) < 0.5
    found = reliability.bins(confidence, right)
    sizes = [n for *_, n in found]
    assert sum(sizes) == 301
    assert max(sizes) - min(sizes) <= 1
    order = sorted(range(301), key=lambda i: confidence[i])
    first = order[: sizes[0]]
    assert found[0][0] == pytest.approx(sum(confidence[i] for i in first) / len(first))
    assert found[0][1] == pytest.approx(sum(right[i] for i in first) / len(first))


def test_brier_of_certainty_and_of_a_guess():
    certain = np.eye(3)[[0, 1]]
    assert reliability.brier(certain, np.array([0, 1])) == 0
    assert reliability.brier(certain, np.array([1, 0])) == 2
    assert reliability.brier(np.full((4, 2), 0.5), np.array([0, 1, 0, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_is_taken_back(temperature):
    logits = np.random.default_rng(2).normal(size=(50, 4)) * 3
    plain, divided = (np.exp(z) / np.exp(z).sum(1, keepdims=True)
                      for z in (logits, logits / temperature))  # fmt: skip
    np.testing.assert_allclose(reliability.untempered(divided, temperature), plain, rtol=1e-6)


def test_results_have_it_by_model_and_person(tmp_path):
    found = results(run(context(tmp_path, {"cnn": 0.9, "lstm": 0.5})))
    for m in found.models.values():
        assert 0 <= m.reliability.ece <= 1
        assert sum(n for *_, n in m.reliability.bins) == len(made.windows())
        assert set(m.reliability.per_subject) <= set(found.subjects)
