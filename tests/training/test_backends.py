"""JAX and TensorFlow are the same to a network: answers, gradients, what is stored, what ships."""

from __future__ import annotations

import json
from contextlib import nullcontext

import numpy as np
import pytest

from har import fanout
from har.config import ModelConfig, SplitConfig, Training
from har.errors import ConfigError, TrainingError
from har.models import registry
from har.signal import window_files
from har.signal.filters import lowpass_taps
from har.store import Store
from har.training import backend, job, run
from har.training.splits import make
from tests import backend_work, in_process
from tests.synthetic import make_windows

NETWORKS = [n for n in registry.names() if not registry.get(n).classical]
needs_jax = pytest.mark.skipif(not backend.jax_installed(), reason="jax is not installed")


@pytest.fixture(scope="module")
def outcomes():
    """Of every network, with the weights that TensorFlow made, by backend."""
    out = {}
    weights = None
    for name in ("tensorflow", "jax"):
        item = {
            "backend": name, "names": NETWORKS, "weights": weights, "taps": lowpass_taps(50, 15, 10)
        }  # fmt: skip
        out[name] = backend_work.run(backend_work.one_step, item)
        weights = {n: r["weights"] for n, r in out[name].items()}
    return out


@pytest.mark.tensorflow
@needs_jax
@pytest.mark.parametrize("name", NETWORKS)
def test_both_backends_answer_and_learn_alike(outcomes, name):
    tf, jax = outcomes["tensorflow"][name], outcomes["jax"][name]
    assert (tf["backend"], jax["backend"]) == ("tensorflow", "jax")
    for a, b in zip(tf["weights"], jax["weights"], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(jax["probabilities"], tf["probabilities"], atol=1e-5)
    assert jax["loss"] == pytest.approx(tf["loss"], rel=1e-5)
    largest = max(np.abs(s).max() for s in tf["steps"])
    assert largest > 1e-3  # there is a gradient to compare
    for a, b in zip(jax["steps"], tf["steps"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * largest)


@pytest.mark.tensorflow
@needs_jax
def test_augmentation_runs_on_jax():
    out = backend_work.run(backend_work.augmented, {"backend": "jax"})
    name, x, (a, again, other), (plain, in_file, changed) = out
    assert name == "jax"
    assert np.isfinite(a).all()
    assert a.shape == x.shape
    np.testing.assert_array_equal(a, again)
    assert np.abs(a - x).max() > 0.1 < np.abs(a - other).max()
    assert np.isfinite([plain, changed]).all()
    assert in_file == plain != changed


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    window_files.write(folder, make_windows(subjects=6))
    return folder


def task(prepared, store, name="gru", params=None, on="auto", device="auto", **changes):
    fold = make(window_files.load(prepared), SplitConfig(folds=3))[0]
    model = ModelConfig(name=name, params=params or {})
    return job.Task(
        job=job.Job(model, 0, 0),
        training=Training(epochs=2, batch_size=16, backend=on, device=device),
        train=fold.train, validation=fold.validation, test=fold.test,
        prepared=prepared, prepared_fingerprint="x", store=store, **changes,
    )  # fmt: skip


@pytest.mark.tensorflow
@needs_jax
def test_jobs_of_both_backends_in_one_run(prepared, tmp_path, monkeypatch):
    """Each in a process that has its own; a seed gives the same twice; TensorFlow reads all."""
    for name, value in backend_work.QUICK_TO_COMPILE.items():
        monkeypatch.setenv(name, value)
    import keras
    from rich.console import Console

    import har.models.layers  # noqa: F401

    small = {"units": 8, "front": "none", "frame": 8}
    windows = window_files.load(prepared)
    kept = []
    for store, where in ((tmp_path / "a", nullcontext()), (tmp_path / "b", in_process.instead())):
        tasks = [
            task(prepared, store, params=small, on="jax"),
            task(prepared, store, params=small, on="tensorflow"),
            task(prepared, store, name="extra_trees", params={"trees": 5}, on="jax"),
        ]
        with where:
            records = run.run_tasks(tasks, fanout.Crew(1, Console(quiet=True)))
        assert all(r.folder for r in records)
        assert len({t.key for t in tasks}) == 3
        found = []
        for t in tasks:
            folder = store / "job" / t.key
            about = json.loads((folder / "job.json").read_text())["backend"]
            with np.load(folder / "predictions.npz") as z:
                found.append((about, z["test_probabilities"]))
            if (folder / "model.keras").exists():
                model = keras.saving.load_model(folder / "model.keras", compile=False)
                again = model.predict(windows.gather(t.test), verbose=0)
                np.testing.assert_allclose(again, found[-1][1], atol=1e-5)
        kept.append(found)
    assert [about["name"] if about else None for about, _ in kept[0]] == ["jax", "tensorflow", None]
    assert "jaxlib" in kept[0][0][0]
    for (_, a), (_, b) in zip(*kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_auto_takes_the_faster_one_where_it_is_installed(monkeypatch):
    for installed in (True, False):
        monkeypatch.setattr(backend, "jax_installed", lambda answer=installed: answer)
        for name in NETWORKS:
            faster = registry.get(name).faster_on_jax and installed
            assert backend.choose("auto", name).name == ("jax" if faster else "tensorflow")
            assert backend.choose("auto", name, passes=backend.LONG - 1).name == "tensorflow"
            assert backend.choose("tensorflow", name).name == "tensorflow"
        assert backend.choose("auto", "extra_trees") is None
    assert all(registry.get(n).faster_on_jax for n in ("lstm", "gru_fcn", "peephole_lstm"))  # recur
    assert not any(registry.get(n).faster_on_jax for n in ("cnn", "inception", "tiny", "rocket"))
    with pytest.raises(ConfigError, match=r"jax, which is not installed.*pip install"):
        backend.choose("jax", "lstm")


def test_the_backend_is_part_of_the_key_and_its_wish_is_not(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "jax_installed", lambda: True)
    monkeypatch.setattr(backend, "LONG", 0)
    keys = {on: task(prepared, tmp_path, on=on).key for on in ("auto", "jax", "tensorflow")}
    assert keys["auto"] == keys["jax"] != keys["tensorflow"]
    trees = {task(prepared, tmp_path, name="extra_trees", on=on).key for on in ("jax", "auto")}
    assert len(trees) == 1


@pytest.mark.tensorflow
def test_a_process_with_the_other_backend_refuses(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "jax_installed", lambda: True)
    t = task(prepared, tmp_path, on="jax")
    with pytest.raises(TrainingError, match="trains on jax, but Keras runs on tensorflow"):
        job.run_job(t, lambda message: None)


def test_a_machine_that_would_train_something_else_refuses(prepared, tmp_path, monkeypatch):
    t = task(prepared, tmp_path, on="tensorflow")
    assert t.key
    monkeypatch.setattr(job, "code_version", lambda *modules: "other sources")
    with pytest.raises(TrainingError, match=r"code differ on .* Install the same har"):
        job.run_job(t, lambda message: None)
    assert Store(tmp_path).find("job", t.key) is None


def test_a_gpu_is_part_of_what_a_job_is(prepared, tmp_path, monkeypatch):
    """It trains other weights, so that it is another job; the processor's key has no word of it."""
    here, there = (task(prepared, tmp_path, device=device) for device in ("cpu", "gpu"))
    assert here.key != there.key
    assert there.parts["backend"]["device"] == "gpu"
    assert "device" not in here.parts["backend"]
    assert run.environment(here)["CUDA_VISIBLE_DEVICES"] == "-1"
    assert run.environment(there)["JAX_PLATFORMS"] == "cuda"
    monkeypatch.setattr(backend, "jax_on_gpu", lambda: True)
    assert backend.choose("auto", "cnn", device="gpu") == backend.Backend("jax", "gpu")
    monkeypatch.setattr(backend, "jax_on_gpu", lambda: False)
    assert backend.choose("auto", "cnn", device="gpu") == backend.Backend("tensorflow", "gpu")
    assert backend.choose("auto", "extra_trees", device="gpu") is None


@pytest.mark.tensorflow
def test_a_process_that_finds_no_gpu_does_not_train_without_one():
    env = fanout.ONE_THREAD | {"KERAS_BACKEND": "tensorflow"}  # as of a machine without one
    ((_, outcome),) = fanout.run(backend_work.refuse, ["cnn fold 0 seed 0"], jobs=1, env=env)
    assert outcome.reason.startswith("cnn fold 0 seed 0: tensorflow finds no GPU")
