"""The estimator against scikit-learn's own checks, and against what a job trains."""

from __future__ import annotations

import json
import re
from functools import partial

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

import har
from har.api.classifier import ActivityClassifier
from har.errors import ConfigError, DataError, ExportError, InputError
from tests.conftest import ROOT
from tests.synthetic import make_recordings, make_windows

TREES = {"params": {"trees": 10}}


class AnyFeatures(ActivityClassifier):
    """Each feature of scikit-learn's checks, which have any number of them, as an instant whose
    three axes are equal."""

    def _unfolded(self, X):
        return np.repeat(X, 3, axis=1).reshape(len(X), -1, 3)


def test_scikit_learns_checks_pass_in_full():
    from sklearn.utils.estimator_checks import check_estimator

    found = check_estimator(AnyFeatures("extra_trees", **TREES), on_skip=None)
    assert {r["check_name"] for r in found if r["status"] == "failed"} == set()
    assert sum(r["status"] == "passed" for r in found) > 40


@pytest.fixture(scope="module")
def data():
    w = make_windows(subjects=6)
    X = w.gather(np.arange(len(w)))
    return X, np.array(w.activities)[w.labels], w.subjects


@pytest.fixture(scope="module")
def trees(data):
    X, y, people = data
    return ActivityClassifier("extra_trees", **TREES).fit(X, y, groups=people)


def test_flat_windows_are_the_same_windows(data, trees):
    X, y, people = data
    flat = ActivityClassifier("extra_trees", **TREES).fit(X.reshape(len(X), -1), y, groups=people)
    np.testing.assert_array_equal(flat.predict_proba(X), trees.predict_proba(X))
    assert trees.n_features_in_ == flat.n_features_in_ == X[0].size
    assert trees.score(X.reshape(len(X), -1), y) > 0.9


def test_whoever_chooses_does_not_train(data, trees):
    X, y, people = data
    chosen = set(trees.validation_groups_)
    assert 0 < len(chosen) < len(set(people))
    rest = ~np.isin(people, [*chosen])
    other = np.where(rest[:, None, None], X, X[::-1])  # other windows of those who choose
    again = ActivityClassifier("extra_trees", **TREES).fit(other, y, groups=people)
    for a, b in zip(*(t.classical_.classifier.estimators_ for t in (trees, again)), strict=True):
        np.testing.assert_array_equal(a.tree_.threshold, b.tree_.threshold)
    assert ActivityClassifier("extra_trees", **TREES).fit(X, y).validation_groups_ == []


def test_it_is_validated_and_searched_by_scikit_learn(data):
    X, y, people = data
    clf = ActivityClassifier("extra_trees", **TREES)
    assert cross_val_score(clf, X, y, groups=people, cv=GroupKFold(2)).mean() > 0.8
    grid = GridSearchCV(clf, {"params": [{"trees": 5}, {"trees": 20}]}, cv=GroupKFold(2))
    assert grid.fit(X, y, groups=people).best_params_["params"]["trees"] in (5, 20)
    assert clone(clf).get_params() == clf.get_params()


def test_metadata_routing_hands_the_people_in(data):
    X, y, people = data
    with config_context(enable_metadata_routing=True):
        clf = ActivityClassifier("extra_trees", **TREES).set_fit_request(groups=True)
        grid = GridSearchCV(clf, {"seed": [0]}, cv=GroupKFold(2)).fit(X, y, groups=people)
        assert grid.best_estimator_.validation_groups_
        assert not set(grid.best_estimator_.validation_groups_) - set(people)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y, g: (np.where(X > 5, np.nan, X), y, g), "NaN"),
        (lambda X, y, g: (X, np.full(len(y), "walk"), g), "two classes or more, got one class"),
        (lambda X, y, g: (X[..., :2], y, g), r"\(n, T, 3\)"),
        (lambda X, y, g: (X.reshape(len(X), -1)[:, 1:], y, g), "no multiple of 3"),
        (lambda X, y, g: (X, y[1:], g), "inconsistent"),
        (lambda X, y, g: (X, y, g[1:]), "groups takes one value for each"),
        (lambda X, y, g: (X, y, np.full(len(y), "ann")), "one person only"),
        (lambda X, y, g: (X, np.linspace(0, 1, len(y)), g), "[Cc]ontinuous|continuous"),
    ],
)
def test_what_cannot_be_fitted_is_refused(data, change, message):
    with pytest.raises(InputError, match=message):
        ActivityClassifier("extra_trees", **TREES).fit(*change(*data)[:2], groups=change(*data)[2])


def test_what_cannot_be_asked_or_set_is_refused(data, trees, tmp_path):
    X, y, people = data
    with pytest.raises(InputError, match="Fitted on windows of"):
        trees.predict(X[:, :-1])
    with pytest.raises(ConfigError, match="no model 'cmn', did you mean 'cnn'"):
        ActivityClassifier("cmn").fit(X, y)
    with pytest.raises(ConfigError, match="epochs takes the place of steps"):
        ActivityClassifier("cnn", steps=3, epochs=3).fit(X, y)
    with pytest.raises(ConfigError, match="no parameter 'tree', did you mean 'trees'"):
        ActivityClassifier("extra_trees", params={"tree": 3}).fit(X, y)
    with pytest.raises(InputError, match="share between 0 and 1"):
        ActivityClassifier("extra_trees", validation=2).fit(X, y, groups=people)
    with pytest.raises(ExportError, match="extra_trees is a classical model"):
        trees.export(tmp_path / "b", rate_hz=50)
    with pytest.raises(InputError, match=r"No classifier\.json"):
        ActivityClassifier.load(tmp_path)


def test_it_is_saved_without_pickles(data, trees, tmp_path):
    X = data[0]
    trees.save(tmp_path / "t")
    again = ActivityClassifier.load(tmp_path / "t")
    np.testing.assert_array_equal(again.predict_proba(X), trees.predict_proba(X))
    assert again.get_params() == trees.get_params()
    about = tmp_path / "t" / "classifier.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "schema": "other/9"}))
    with pytest.raises(InputError, match="other/9"):
        ActivityClassifier.load(tmp_path / "t")


@pytest.fixture(scope="module")
def network(data):
    X, y, people = data
    clf = ActivityClassifier("gru", channels="magnitude", steps=40, learning_rate=0.02,
                             params={"units": 8, "front": "none", "frame": 8})  # fmt: skip
    before = np.random.get_state()[1][:5].tolist()  # noqa: NPY002
    clf.fit(X, y, groups=people)
    assert np.random.get_state()[1][:5].tolist() == before  # noqa: NPY002
    return clf


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory, in_process):
    """What was loaded again after it was saved, and the folder of its bundle."""
    folder = tmp_path_factory.mktemp("exported")
    network.save(folder / "n")
    again = ActivityClassifier.load(folder / "n")
    again.export(folder / "b", rate_hz=50, placement="wrist")
    return again, folder / "b"


@pytest.mark.tensorflow
def test_a_network_is_fitted_saved_and_exported(data, network, exported):
    X, y, _ = data
    again, folder = exported
    assert network.score(X, y) > 0.6
    assert len(network.history_["val_macro_f1"]) == len(network.history_["loss"])
    np.testing.assert_allclose(again.predict_proba(X), network.predict_proba(X), atol=1e-6)
    bundle = har.Bundle.open(str(folder))
    np.testing.assert_allclose(bundle.predict_proba(X), network.predict_proba(X), atol=1e-5)
    assert bundle.activities == tuple(network.classes_)
    assert bundle.manifest.score_of is None
    assert bundle.manifest.input.placements == ("wrist",)
    assert "was not measured" in (folder / "MODEL_CARD.md").read_text()
    with pytest.raises(ExportError, match="not empty"):
        network.export(folder, rate_hz=50)


@pytest.mark.tensorflow
def test_a_bundle_is_asked_about_anything_and_answers_live(exported, tmp_path):
    bundle = har.Bundle.open(exported[1])
    recording = make_recordings(subjects=1, seconds=30)[0]
    frame = recording.to_frame()
    frame.to_csv(tmp_path / "a.csv", index=False)
    asked = [bundle.predict(what) for what in (recording, frame, tmp_path / "a.csv")]
    columns = ["start_s", "end_s", "activity"]
    for other in asked[1:]:
        assert other[columns].round(6).equals(asked[0][columns].round(6))
    (whole,), _ = bundle.predictions(recording)
    stream, answers = bundle.stream(), []
    for a in range(0, len(frame), 23):
        part = frame.iloc[a : a + 23]
        answers += stream.feed(part["time"].to_numpy() + 1000, part[["x", "y", "z"]].to_numpy())
    assert 0 <= whole.n_windows - len(answers) <= 2  # what waits for samples that do not come
    mean = partial(har_mean, whole.probabilities, bundle.manifest.smoothing.n_windows)
    for i, answer in enumerate(answers):
        assert answer.confidence == pytest.approx(mean(i).max(), abs=1e-6)
        assert answer.activity == bundle.activities[mean(i).argmax()]
    ends = whole.window_start_s[: len(answers)] + (bundle.manifest.n_raw - 1) / 50
    np.testing.assert_allclose([a.time_s - 1000 for a in answers], ends, atol=1e-6)
    for bad in ((0.0, [1, 2]), ([1.0], [[1, np.nan, 2]]), (0.0, [1, 2, 3])):
        with pytest.raises(DataError):
            stream.feed(*bad)


def har_mean(probabilities, n, i):
    return probabilities[max(0, i - n + 1) : i + 1].mean(axis=0)


@pytest.mark.tensorflow
def test_the_page_for_notebooks_runs_from_top_to_bottom(workspace, in_process):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(code, "docs/python.md", "exec"), names)
    assert names["cut"].X.shape == (3605, 128, 3)
    assert repr(names["recordings"]) in text
    assert names["scores"].mean() > 0.7
    listed = set(re.findall(r"^\| `har\.(\w+)", text, re.M))
    assert listed == {*har.__all__} - {"Recording"}
