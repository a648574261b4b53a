"""What a model got wrong: counted and found again by hand."""

from __future__ import annotations

import numpy as np
import pytest

from har.evaluation import plane
from har.evaluation.plane import Plane
from har.report import mistakes
from har.report.mistakes import Answered
from tests.evaluation import made


@pytest.fixture(scope="module")
def answered() -> Answered:
    """Every second window of some made-up people, with random answers."""
    windows = made.windows()
    rng = np.random.default_rng(3)
    index = np.arange(0, len(windows), 2)
    return Answered(windows, index, rng.dirichlet(np.ones(len(windows.activities)), len(index)))


def test_pairs_are_counted_and_the_surest_window_of_each_recording_is_shown(answered):
    w, names = answered.windows, answered.windows.activities
    truth = [names[w.labels[i]] for i in answered.index]
    said = [names[k] for k in answered.probabilities.argmax(axis=1)]
    count = {}
    for t, s in zip(truth, said, strict=True):
        if t != s:
            count[t, s] = count.get((t, s), 0) + 1
    found = mistakes.pairs(answered)
    assert [p.windows for p in found] == sorted(count.values(), reverse=True)[: len(found)]
    for pair in found:
        assert pair.windows == count[pair.true, pair.said]
        assert pair.share == pytest.approx(pair.windows / truth.count(pair.true))
        best: dict[str, float] = {}
        for i, t, s, p in zip(answered.index, truth, said, answered.probabilities, strict=True):
            if (t, s) == (pair.true, pair.said):
                best[w.recordings[i]] = max(best.get(w.recordings[i], 0), p.max())
        shown = [(v["recording"], v["confidence"]) for v in pair.shown]
        wanted = sorted(best.items(), key=lambda kv: -kv[1])[: mistakes.OF_EACH]
        assert shown == [(r, pytest.approx(c)) for r, c in wanted]


def test_a_window_is_where_its_lines_come_from(answered):
    w = answered.windows
    pair = mistakes.pairs(answered)[0]
    for shown in pair.shown:
        lead = (len(w.taps) - 1) // 2
        same = (w.recordings == shown["recording"]) & np.isclose(
            (w.spans[:, 0] + (len(w.taps) - 1) / 2) / w.rate_hz, shown["start_s"]
        )
        (i,) = np.flatnonzero(same)
        raw = np.array(w.samples[w.starts[i] + lead : w.starts[i] + lead + w.n_samples])
        for axis, line in enumerate(shown["lines"]):
            points = np.array([[float(v) for v in point.split(",")] for point in line.split()])
            assert points[:, 0] == pytest.approx(np.linspace(0, 100, w.n_samples), abs=0.01)
            np.testing.assert_allclose((25 - points[:, 1]) / 25 * 20, raw[:, axis], atol=0.05)


def placed(found, values, order):
    """Whether points are where scikit-learn's principal components of values put them."""
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(values)
    assert found.explained == pytest.approx(pca.explained_variance_ratio_.sum())
    places = pca.transform(values)
    for axis, name in enumerate("xy"):  # an axis may be turned over
        mine = np.array([p[name] for p in found.points])
        assert abs(np.corrcoef(mine, places[order, axis])[0, 1]) > 0.9999
        assert (mine.min(), mine.max()) == (0, 100)


def test_without_features_the_map_is_of_the_log_probabilities(answered):
    found = mistakes.by_probabilities(answered)
    assert found.of == len(found.points) == len(answered.index)
    wrong = [p["wrong"] for p in found.points]
    assert wrong == sorted(wrong)  # mistakes lie on top
    order = np.argsort(answered.truth != answered.said, kind="stable")
    placed(found, np.log(np.maximum(answered.probabilities, mistakes.UNSURE)), order)


def test_the_map_is_of_the_features_as_stored(answered, tmp_path):
    features = np.random.default_rng(5).normal(size=(len(answered.index), 7)) * np.arange(1, 8)
    places, explained = plane.components(features)
    some = Plane(answered.index, answered.probabilities, places, explained, 1234)
    some.write(tmp_path / "plane.npz")
    found = mistakes.by_features(answered.windows, Plane.read(tmp_path / "plane.npz"))
    assert (found.of, len(found.points)) == (1234, len(answered.index))
    order = np.argsort(answered.truth != answered.said, kind="stable")
    placed(found, features, order)
    people = answered.windows.subjects[answered.index]
    assert [p["person"] for p in found.points] == people[order].tolist()
    assert found.n_people == len(set(people))


def test_a_large_map_is_drawn_at_random(answered, monkeypatch):
    monkeypatch.setattr(plane, "MOST", 10)
    found = mistakes.by_probabilities(answered)
    assert (len(found.points), found.of) == (10, len(answered.index))
    assert found.points == mistakes.by_probabilities(answered).points


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (9, 1), (9, 5)])
def test_windows_that_cannot_be_told_apart_are_in_one_place(shape):
    places, explained = plane.components(np.ones(shape))
    assert (places.shape, places.any(), explained) == ((shape[0], 2), False, 0)


def test_nothing_to_look_at():
    assert Answered.by([], made.windows()) is None
