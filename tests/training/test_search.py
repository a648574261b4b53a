"""The search sees validation people alone, gives bad trials up, goes on where it was stopped."""

import dataclasses
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from rich.console import Console

from har.cli.search import describe
from har.errors import ConfigError
from har.fanout import Crew
from har.models import registry
from har.pipeline_file import parse
from har.signal import window_files
from har.store import Output
from har.training import search as searching
from har.training import spaces
from har.training.job_files import JobRecord
from har.workspace import Workspace
from tests.synthetic import make_windows

optuna = pytest.importorskip("optuna", reason="the extra search is not installed")

pytestmark = pytest.mark.usefixtures("in_process")

PIPELINE = {
    "name": "made-up",
    "dataset": {"path": "none/*.csv"},
    "split": {"subjects": {"test": ["1", "2"]}, "validation": 0.34},
    "models": [{"name": "extra_trees", "params": {"trees": 100}}, "cnn"],
    "training": {"epochs": 1, "seeds": [0, 1]},
}
ONE = {"epochs": 1, "seeds": [0]}


def searches(root, windows=None, **changes):
    """`search` of the pipeline in a workspace."""
    windows = windows or make_windows(subjects=6)
    prepared = root / "prepared"
    prepared.mkdir(parents=True, exist_ok=True)
    window_files.write(prepared, windows)
    return partial(
        searching.search, parse({**PIPELINE, **changes}),
        prepared=Output("prepare", "k", prepared, {"fingerprint": "x"}),
        workspace=Workspace(root), crew=Crew(2, Console(quiet=True)),
    )  # fmt: skip


def table(root):
    (summary,) = optuna.get_all_study_summaries(f"sqlite:///{root / 'reports/search.db'}")
    study = optuna.load_study(
        study_name=summary.study_name, storage=f"sqlite:///{root / 'reports/search.db'}"
    )
    return [(t.number, t.state.name, t.user_attrs.get("values"), t.value) for t in study.trials]


def test_labels_of_test_people_change_nothing(tmp_path):
    windows = make_windows(subjects=6)
    tested = np.isin(windows.subjects, ["1", "2"])
    labels = np.where(tested, (windows.labels + 1) % 3, windows.labels)
    other = dataclasses.replace(windows, labels=labels)
    found = [
        searches(tmp_path / n, w, training=ONE)(None, trials=2)
        for n, w in (("a", windows), ("b", other))
    ]
    assert found[0] == found[1]
    assert table(tmp_path / "a") == table(tmp_path / "b")
    jobs = list(tmp_path.glob("*/data/cache/job/*/predictions.npz"))
    assert len(jobs) == 4
    for path in jobs:
        with np.load(path, allow_pickle=False) as z:
            assert not len(z["test_index"])
            used = np.concatenate([z["train_index"], z["validation_index"]])
        assert not tested[used].any()
    assert found[0].first is not None  # the pipeline's own parameters are the first trial
    assert found[0].score >= found[0].first


@pytest.mark.tensorflow
def test_what_it_prints_is_a_part_of_a_pipeline_file(tmp_path):
    found = searches(tmp_path, training=ONE)("cnn", trials=1)
    assert found.score == found.first
    text = describe(found)
    assert "quote its score on people who took no part" in text
    again = parse({**PIPELINE, **yaml.safe_load(text)})
    assert again.models[0].params == registry.get("cnn").defaults
    assert again.training.learning_rate == 2e-3


@pytest.fixture
def pretended(monkeypatch):
    """Jobs that are known by their parameters: nothing is trained."""
    ran = []

    def run_tasks(tasks, crew):
        leaves = [t.job.model.params["min_leaf"] for t in tasks]
        ran.extend((leaf, t.job.fold, t.job.seed) for leaf, t in zip(leaves, tasks, strict=True))
        return [JobRecord("made up", 0, 0, str(leaf), Path()) for leaf in leaves]

    monkeypatch.setattr(searching, "run_tasks", run_tasks)
    monkeypatch.setattr(
        JobRecord,
        "read",
        lambda job: SimpleNamespace(
            validation_macro_f1=lambda _labels: 1 - 0.1 * abs(int(job.key) - 5)
        ),
    )
    return ran


def test_bad_trials_are_given_up(tmp_path, pretended):
    found = searches(tmp_path)(None, trials=16)
    assert found.model.params["min_leaf"] == 5
    assert found.score == pytest.approx(1)
    assert found.first == pytest.approx(0.7)  # min_leaf: 2
    assert found.pruned > 0
    assert found.finished + found.pruned == 16
    # of two seeds, the second is run for those alone that were not given up
    assert len(pretended) == 2 * found.finished + found.pruned
    kept = [v["model.min_leaf"] for _, state, v, _ in table(tmp_path) if state == "COMPLETE"]
    lost = [v["model.min_leaf"] for _, state, v, _ in table(tmp_path) if state == "PRUNED"]
    assert np.mean([abs(m - 5) for m in kept]) < np.mean([abs(m - 5) for m in lost])


def test_it_goes_on_where_it_was_stopped(tmp_path, pretended, monkeypatch):
    searches(tmp_path)(None, trials=2)
    assert len(pretended) == 4
    searches(tmp_path)(None, trials=2)
    assert len(pretended) == 4
    real = searching.run_tasks
    monkeypatch.setattr(searching, "run_tasks", lambda *a, **k: (_ for _ in ()).throw(EOFError))
    with pytest.raises(EOFError):  # as if it was killed
        searches(tmp_path)(None, trials=4)
    cut_off = [v for _, state, v, _ in table(tmp_path) if state == "RUNNING"]
    assert len(cut_off) == 2
    monkeypatch.setattr(searching, "run_tasks", real)
    found = searches(tmp_path)(None, trials=4)
    assert found.finished + found.pruned == 4
    assert [v for _, state, v, _ in table(tmp_path) if state != "FAIL"][2:] == cut_off
    # another question is another study
    other = searches(tmp_path, training={"epochs": 2, "seeds": [0, 1]})
    assert other(None, trials=1).finished == 1


def test_spaces_hold_the_defaults_and_every_parameter_exists(monkeypatch):
    for name in registry.names():
        spec = registry.get(name)
        for key, options in spaces.space(name).items():
            part, _, param = key.partition(".")
            if part == "model":
                assert options.has(spec.defaults[param]), f"{name}.{param}"
    monkeypatch.setattr(registry, "_registered", {})
    registry.register(dataclasses.replace(registry.get("cnn"), name="mine", space={}))
    with pytest.raises(ConfigError, match="No search space for the model 'mine'"):
        spaces.space("mine")


def test_without_optuna_it_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'har-accelerometer\[search\]'"):
        searching.require()
