"""A model from another package is one module too: it is counted, searched and trained on JAX."""

import sys

import pytest
from rich.console import Console

from har import code
from har.fanout import Crew
from har.models import registry
from har.models.saved import load_model
from har.pipeline_file import parse
from har.signal import window_files
from har.store import Output, Store
from har.training import backend, search, spaces, splits
from har.training.job_files import MODEL as MODEL_FILE
from har.training.run import run_tasks
from har.training.tasks import TaskMaker
from har.workspace import Workspace
from tests import backend_work, in_process
from tests.synthetic import make_windows

MODEL = """
from har.models.ranges import Whole
from har.models.spec import ModelSpec


def recur(x, *, units: int = 4):
    import keras

    from .layers import Halved

    return keras.layers.SimpleRNN(units, name="recur")(Halved(name="halved")(x))


def count(steps, channels, *, units):
    return units * (channels + units + 1), units


SPEC = ModelSpec(
    name="outside", summary="From elsewhere.", paper="none", body=recur, weights=count,
    module="outside.model", layers="outside.layers", space={"units": Whole(2, 6, 2)},
    faster_on_jax=True,
)
"""
LAYERS = """
import keras

HALF = 0.5


@keras.saving.register_keras_serializable("outside")
class Halved(keras.layers.Layer):
    def call(self, x):
        return HALF * x
"""
PARAMETERS = 4 * (3 + 4 + 1) + (4 + 1) * 3
"""units · (channels + units + 1) of the body, (units + 1) · activities of the last layer."""
PIPELINE = {
    "name": "made-up",
    "dataset": {"path": "none/*.csv"},
    "split": {"folds": 3},
    "models": ["outside"],
    "training": {"epochs": 1, "batch_size": 16},
}


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """An installed package whose entry point adds a model."""
    root = tmp_path_factory.mktemp("site-packages")
    for name, text in {
        "outside/__init__.py": "",
        "outside/model.py": MODEL,
        "outside/layers.py": LAYERS,
        "outside-1.0.dist-info/METADATA": "Name: outside\nVersion: 1.0\n",
        "outside-1.0.dist-info/entry_points.txt": "[har.models]\noutside = outside.model:SPEC\n",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        registry._entry_points.cache_clear()
        yield root / "outside"
    for name in ("outside", "outside.model", "outside.layers"):
        sys.modules.pop(name, None)
    for cached in (registry._entry_points, code._base, code._file, code.source, code.code_version):
        cached.cache_clear()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    window_files.write(folder, make_windows(subjects=6))
    return Output("prepare", "k", folder, {"fingerprint": "x"})


def test_it_is_counted_as_its_module_says(outside):
    assert registry.get("outside").n_parameters(64, 3, {}) == PARAMETERS


@pytest.mark.tensorflow
@pytest.mark.skipif(not backend.jax_installed(), reason="jax is not installed")
def test_it_is_trained_on_jax(outside, prepared, tmp_path, monkeypatch):
    for name, value in backend_work.QUICK_TO_COMPILE.items():
        monkeypatch.setenv(name, value)
    assert backend.choose("auto", "outside") == backend.Backend("jax")
    pipeline = parse({**PIPELINE, "training": {**PIPELINE["training"], "backend": "jax"}})
    folds = splits.make(window_files.load(prepared.path), pipeline.split)[:1]
    tasks = TaskMaker(prepared, Store(tmp_path), pipeline.training).folds(pipeline.models, folds)
    (job,) = run_tasks(tasks, Crew(1, Console(quiet=True)))
    about = job.read().about
    assert load_model(job.path / MODEL_FILE).get_layer("halved")
    assert about.backend["name"] == "jax"
    assert about.epochs_run == 1
    assert about.parameters == PARAMETERS


@pytest.mark.tensorflow
def test_it_is_searched(outside, prepared, tmp_path):
    pytest.importorskip("optuna", reason="the extra search is not installed")
    assert {"model.units", "training.learning_rate"} <= spaces.space("outside").keys()
    with in_process.instead():
        found = search.search(
            parse({**PIPELINE, "split": {"subjects": {"test": ["1"]}}}), "outside",
            prepared=prepared, workspace=Workspace(tmp_path), crew=Crew(1, Console(quiet=True)),
            trials=1,
        )  # fmt: skip
    assert found.model.params["units"] == 4  # the pipeline's own values come first
    assert found.score == found.first


def test_its_code_is_part_of_its_jobs_key(outside):
    def version():
        for cached in (code.source, code.code_version):
            cached.cache_clear()
        return code.code_version("har.training.job", "outside.model")

    before = version()
    (outside / "model.py").write_text('"""Prose."""\n' + MODEL)
    assert version() == before
    (outside / "layers.py").write_text(LAYERS.replace("0.5", "0.25"))
    assert version() != before
