"""Prediction sets are right for the share of a new person's windows that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from har.export import conformal
from har.runtime.predict import sets_of
from har.training.job_files import Predictions
from tests import manifests
from tests.synthetic import make_windows

NOBODY = np.empty(0, np.int64)


def test_the_quantile_gives_every_person_the_same_weight() -> None:
    """By hand: of the average of two distributions, one with 100 windows, one with 2."""
    scores = np.concatenate([np.full(100, 0.1), [0.5, 0.9]])
    people = np.repeat(["a", "b"], [100, 2])
    assert conformal.quantile(scores, people, 0.5) == 0.1
    assert conformal.quantile(scores, people, 0.7) == 0.5
    assert conformal.quantile(scores, people, 0.76) == 0.9
    # Of people with as many windows each, it is numpy's.
    scores = np.random.default_rng(0).uniform(size=400)
    mine = conformal.quantile(scores, np.repeat(list("abcd"), 100), 0.9)
    assert mine == np.quantile(scores, 0.9, method="inverted_cdf")


def folds_of(people: int, seed: int) -> tuple:
    """Everybody validates once and is tested once; probabilities are right as often as they say."""
    windows = make_windows(people)
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(3, 0.4), len(windows.labels))
    drawn = (p.cumsum(1) > rng.uniform(size=(len(p), 1))).argmax(1)
    rows = np.arange(len(p))
    # The label of a window is given: give it the probability of the class that was drawn.
    p[rows, drawn], p[rows, windows.labels] = p[rows, windows.labels], p[rows, drawn].copy()
    who = windows.subjects.astype(int)
    folds = []
    for fold in range(2):
        test = np.flatnonzero(who % 2 == fold)
        validation = np.flatnonzero(who % 2 != fold)
        folds.append(Predictions(NOBODY, validation, p[validation], test, p[test]))
    return windows, folds


def test_what_is_promised_holds() -> None:
    windows, folds = folds_of(20, seed=1)
    sets = conformal.choose(windows, folds, n_windows=1)
    assert sets is not None
    assert sets.n_people == 20
    assert set(sets.levels) == {"0.8", "0.9", "0.95"}  # 0.99 needs a hundred
    for level, found in sets.levels.items():
        assert found.coverage == pytest.approx(float(level), abs=0.02)
    sizes = [found.mean_size for found in sets.levels.values()]
    assert sizes == sorted(sizes)


def test_too_few_people_have_fewer_levels() -> None:
    windows, folds = folds_of(5, seed=2)
    sets = conformal.choose(windows, folds, n_windows=1)
    assert sets is not None
    assert set(sets.levels) == {"0.8"}
    nobody = Predictions(NOBODY, NOBODY, np.empty((0, 3)), NOBODY, np.empty((0, 3)))
    assert conformal.choose(windows, [nobody], n_windows=1) is None


def test_sets_of_a_stretch() -> None:
    smoothing = {**manifests.MODEL_JSON["smoothing"], "n_windows": 1}
    about = manifests.manifest(smoothing=smoothing)
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.45, 0.55], [0.45, 0.55], [0.1, 0.9]])
    found = sets_of(p, about, 0.4)
    assert [s.activities for s in found] == [("sit",), ("walk", "sit"), ("walk",)]
    assert found[0].end_s == found[1].start_s
    assert [s.activities for s in sets_of(p, about, 0.95)] == [()]
