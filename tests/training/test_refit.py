"""Validation people choose, then train: what is kept knows all but those who test it."""

from __future__ import annotations

import numpy as np
import pytest

from har.config import ModelConfig, SplitConfig, Training
from har.evaluation import leakage, protocol, scaler
from har.evaluation.collect import ModelJobs, artefacts
from har.models import registry
from har.signal import window_files
from har.store import Store
from har.training import fit, job
from har.training.job import Job, Task, run_job
from har.training.job_files import read, read_about
from har.training.splits import make
from tests.evaluation import made
from tests.synthetic import make_windows

CNN = ModelConfig(name="cnn", params={"filters": 4, "blocks": 1})
GRU = ModelConfig(name="gru", params={"units": 4, "front": "none", "frame": 8})
ROCKET = ModelConfig(name="rocket", params={})
TREES = ModelConfig(name="extra_trees", params={"trees": 20})
RECIPE = Training(epochs=3, batch_size=16, backend="tensorflow")


@pytest.fixture(scope="module")
def windows():
    return make_windows(subjects=6)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, windows):
    folder = tmp_path_factory.mktemp("prepared")
    window_files.write(folder, windows)
    return folder


@pytest.fixture(scope="module")
def fold(windows):
    return make(windows, SplitConfig(folds=3))[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, prepared, fold):
    """Each model's job with a refit, and the job of its choice, in one store."""
    store = tmp_path_factory.mktemp("store")

    def task(model, refit):
        return Task(
            job=Job(model, 0, 0), training=RECIPE.model_copy(update={"refit": refit}),
            train=fold.train, validation=fold.validation, test=fold.test, prepared=prepared,
            prepared_fingerprint="x", store=store,
        )  # fmt: skip

    out = {}
    for model in (CNN, GRU, ROCKET, TREES):
        reports: list[dict] = []
        key = run_job(task(model, True), reports.append)
        assert reports[-1]["epoch"] <= RECIPE.epochs
        own = Store(store).find("job", key)
        base = task(model, False).find()
        assert own is not None
        assert base is not None  # stored like any other, and so trained once
        run_job(task(model, False), lambda _: pytest.fail("trained twice"))
        out[model.name] = (read(own.path, 0, 0), read(base.path, 0, 0))
    return out


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["cnn", "gru", "rocket", "extra_trees"])
def test_who_chose_is_judged_before_they_train(trained, name):
    own, base = trained[name]
    for part in ("train_index", "validation_index", "validation_probabilities", "test_index"):
        np.testing.assert_array_equal(
            getattr(own.predictions, part), getattr(base.predictions, part)
        )
    assert own.history == base.history
    for key in ("best_epoch", "temperature", "epochs_run", "train", "validation", "test"):
        assert getattr(own.about, key) == getattr(base.about, key)
    p = own.predictions
    assert (p.test_probabilities != base.predictions.test_probabilities).any()
    assert own.about.train_seconds > base.about.train_seconds
    assert own.about.refit
    np.testing.assert_array_equal(own.fitted_index, np.union1d(p.train_index, p.validation_index))


@pytest.mark.tensorflow
@pytest.mark.parametrize("model", [CNN, GRU, ROCKET], ids=lambda m: m.name)
def test_it_is_the_fit_on_both_for_as_many_epochs(trained, windows, fold, model):
    own, _ = trained[model.name]
    alone = fit.fit(
        registry.get(model.name),
        windows,
        np.union1d(fold.train, fold.validation),
        np.empty(0, np.int64),
        params=model.params,
        training=RECIPE,
        seed=0,
        epochs=own.about.best_epoch,
        temperature=own.about.temperature,
    )
    np.testing.assert_allclose(
        own.predictions.test_probabilities, alone.predict(fold.test), atol=1e-6
    )


@pytest.mark.tensorflow
def test_the_proof_knows_whom_the_saved_model_was_fitted_to(trained, windows, fold):
    own, _ = trained["cnn"]
    folds = [fold.people()]
    proof = leakage.prove(windows, artefacts(windows, folds, {"cnn": ModelJobs("cnn", [own])}))
    assert proof["ok"]
    assert proof["folds"][0]["scaler_max_abs_diff"] < 1e-4
    saved = scaler.saved_scaler(own.model_file)
    moments = scaler.moments(windows, saved.kind)
    assert scaler.difference(saved, moments, own.predictions.train_index) > 1e-3


def test_the_protocol_says_so():
    p = made.pipeline(["cnn"], training={"refit": True})
    assert protocol.REFIT in protocol.protocol(p, people=6, folds=3, fold_sizes=[2])
    assert protocol.REFIT not in protocol.protocol(
        made.pipeline(["cnn"]), people=6, folds=3, fold_sizes=[2]
    )


@pytest.mark.tensorflow
def test_a_final_fit_has_nobody_to_wait_for(prepared, fold, tmp_path):
    nobody = np.empty(0, np.int64)
    final = Task(
        job=Job(CNN, job.FINAL, 0), training=RECIPE.model_copy(update={"refit": True}),
        train=fold.train, validation=nobody, test=nobody, prepared=prepared,
        prepared_fingerprint="x", store=tmp_path, epochs=1, temperature=1.5,
    )  # fmt: skip
    key = run_job(final, lambda _: None)
    assert [p.name for p in (tmp_path / "job").glob("[!.]*")] == [key]
    assert not read_about(tmp_path / "job" / str(key)).refit
