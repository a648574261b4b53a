import dataclasses
import json

import numpy as np
import pytest

from har.config import Augment, ModelConfig, Training
from har.models import registry
from har.signal import window_files
from har.signal.features import features, names
from har.training import job, pace
from har.training.fit import class_weights, fit
from har.training.job import WORKSHOP, Job, Task, run_job
from har.training.run import longest_first, roughly
from har.training.splits import make
from tests.evaluation import made
from tests.synthetic import make_windows

SMALL = {"filters": 8, "blocks": 2}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    window_files.write(folder, make_windows(subjects=6))
    return folder


def task(prepared, store, **changes):
    from har.config import SplitConfig

    windows = window_files.load(prepared)
    fold = make(windows, SplitConfig(folds=3))[0]
    options = dict(
        job=Job(ModelConfig(name="cnn", params=SMALL), 0, 0),
        training=Training(epochs=4, batch_size=16, backend="tensorflow"),
        train=fold.train, validation=fold.validation, test=fold.test,
        prepared=prepared, prepared_fingerprint="x", store=store,
    )  # fmt: skip
    return Task(**{**options, **changes})


def read(store, key):
    folder = store / "job" / key
    with np.load(folder / "predictions.npz", allow_pickle=False) as z:
        return {k: z[k] for k in z.files}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["cnn", "gru"])
def test_a_network_learns_to_tell_activities_of_people_it_never_saw(name):
    from har.config import SplitConfig

    windows = make_windows(subjects=12)
    fold = make(windows, SplitConfig(folds=3))[0]
    fitted = fit(
        registry.get(name), windows, fold.train, fold.validation, params={},
        training=Training(epochs=10, batch_size=16, patience=10, learning_rate=5e-3), seed=0,
    )  # fmt: skip
    guess = fitted.predict(fold.test).argmax(axis=1)
    assert (guess == windows.labels[fold.test]).mean() > 0.9
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]
    assert 1 <= fitted.best_epoch <= fitted.epochs_run == len(fitted.history["val_loss"])


@pytest.mark.tensorflow
def test_the_weights_kept_are_those_of_the_best_epoch(prepared):
    from sklearn.metrics import f1_score

    windows = window_files.load(prepared)
    t = task(prepared, prepared)
    fitted = fit(
        registry.get("cnn"), windows, t.train, t.validation, params=SMALL,
        training=Training(epochs=6, batch_size=16, learning_rate=0.05), seed=0,
    )  # fmt: skip
    scores = fitted.history["val_macro_f1"]
    again = fitted.predict(t.validation).argmax(axis=1)
    now = f1_score(windows.labels[t.validation], again, average="macro", zero_division=0)
    assert scores[fitted.best_epoch - 1] == max(scores) == pytest.approx(now)


@pytest.mark.tensorflow
def test_early_stopping_ends_after_patience(prepared):
    windows = window_files.load(prepared)
    t = task(prepared, prepared)
    fitted = fit(
        registry.get("cnn"), windows, t.train, t.validation, params=SMALL,
        training=Training(epochs=30, batch_size=16, learning_rate=1e-9, patience=2), seed=0,
    )  # fmt: skip
    assert fitted.epochs_run <= fitted.best_epoch + 2 < 30


@pytest.mark.tensorflow
def test_a_final_fit_runs_the_given_epochs_without_validation(prepared):
    windows = window_files.load(prepared)
    nobody = np.empty(0, np.int64)
    fitted = fit(
        registry.get("cnn"), windows, np.arange(len(windows)), nobody, params=SMALL,
        training=Training(epochs=9, batch_size=16), seed=0, epochs=3,
    )  # fmt: skip
    assert fitted.epochs_run == fitted.best_epoch == 3
    assert "val_loss" not in fitted.history


@pytest.mark.tensorflow
def test_jobs_give_the_same_numbers_in_any_order(prepared, tmp_path):
    """Each twice, alone and after another job in the same process."""
    silent = lambda message: None  # noqa: E731
    seeds = [Job(ModelConfig(name="cnn", params=SMALL), 0, s) for s in (0, 1)]
    keys = {}
    for name, order in (("a", seeds), ("b", seeds[::-1])):
        keys[name] = {
            job.seed: run_job(task(prepared, tmp_path / name, job=job), silent) for job in order
        }
    assert keys["a"] == keys["b"]
    for key in keys["a"].values():
        a, b = read(tmp_path / "a", key), read(tmp_path / "b", key)
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.tensorflow
def test_a_stored_job_is_not_trained_again(prepared, tmp_path):
    reports = []
    t = task(prepared, tmp_path)
    assert t.find() is None
    run_job(t, reports.append)
    assert len(reports) == 4
    assert run_job(t, reports.append) == t.key
    assert len(reports) == 4


def test_the_key_holds_what_matters_and_not_where_it_stands(prepared, tmp_path):
    t = task(prepared, tmp_path)
    other_label = Job(ModelConfig(name="cnn", params=SMALL, label="mine"), 3, 0)
    assert task(prepared, tmp_path, job=other_label).key == t.key
    explicit = {**registry.get("cnn").defaults, **SMALL}
    same = Job(ModelConfig(name="cnn", params=explicit), 0, 0)
    assert task(prepared, tmp_path, job=same).key == t.key
    for change in (
        {"job": Job(ModelConfig(name="cnn", params=SMALL), 0, 1)},
        {"training": Training(epochs=5, batch_size=16, backend="tensorflow")},
        {"train": t.train[1:]},
        {"prepared_fingerprint": "y"},
        {"epochs": 2},
    ):
        assert task(prepared, tmp_path, **change).key != t.key


def test_the_classical_baseline_runs_the_same_way(prepared, tmp_path):
    t = task(
        prepared, tmp_path, job=Job(ModelConfig(name="extra_trees", params={"trees": 30}), 0, 0)
    )
    key = run_job(t, lambda message: None)
    out, windows = read(tmp_path, key), window_files.load(prepared)
    guess = out["test_probabilities"].argmax(axis=1)
    assert (guess == windows.labels[out["test_index"]]).mean() > 0.9


def test_minirocket_runs_the_same_way_and_its_probabilities_are_calibrated(prepared, tmp_path):
    from sklearn.metrics import log_loss

    pytest.importorskip("sktime", reason="the extra rocket is not installed")
    job = Job(ModelConfig(name="minirocket", params={"kernels": 168, "channels": "raw"}), 0, 3)
    windows, found = window_files.load(prepared), {}
    for calibration in ("temperature", "none"):
        t = task(
            prepared, tmp_path, job=job,
            training=Training(epochs=4, batch_size=16, calibration=calibration),
        )  # fmt: skip
        assert t.parts["packages"].keys() == {"sktime", "numba"}
        found[calibration] = read(tmp_path, run_job(t, lambda message: None))
    out, plain = found["temperature"], found["none"]
    guess = out["test_probabilities"].argmax(axis=1)
    assert (guess == windows.labels[out["test_index"]]).mean() > 0.9
    np.testing.assert_array_equal(guess, plain["test_probabilities"].argmax(axis=1))
    losses = [
        log_loss(windows.labels[f["validation_index"]], f["validation_probabilities"])
        for f in (out, plain)
    ]
    assert losses[0] < losses[1]
    again = read(tmp_path / "again", run_job(task(prepared, tmp_path / "again", job=job), print))
    np.testing.assert_array_equal(again["test_probabilities"], out["test_probabilities"])


def test_features_have_names_and_no_surprises():
    w = make_windows(subjects=2)
    f = features(w, np.arange(len(w)))
    assert f.shape == (len(w), len(names()))
    assert np.isfinite(f).all()
    np.testing.assert_allclose(f, features(w, np.arange(len(w)), chunk=3), rtol=1e-5)
    column = dict(zip(names(), f.T, strict=True))
    x = w.gather(np.arange(len(w)))
    np.testing.assert_allclose(column["x.mean"], x[..., 0].mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(column["z.p75"], np.quantile(x[..., 2], 0.75, axis=1), rtol=1e-4)
    running = w.labels == w.activities.index("run")
    assert np.abs(column["x.peak_hz"][running] - 3).max() < 1  # as the recordings were made
    flat = np.ones((1, 64, 3))
    from har.signal.features import of_arrays

    assert np.isfinite(of_arrays(flat, 50.0)).all()


def test_class_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 10 + [1] * 30 + [2] * 5)
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(class_weights(labels, 3, "balanced"), wanted, rtol=1e-6)
    assert class_weights(labels, 4, "balanced")[3] == 0
    assert class_weights(labels, 3, "none").tolist() == [1, 1, 1]


def test_durations_are_rounded():
    assert [roughly(s) for s in (4, 41, 170, 9000)] == ["10 s", "40 s", "3 min", "2.5 h"]


@pytest.mark.parametrize(("name", "passes"), [("cnn", 4), ("rocket", 1), ("extra_trees", 1)])
def test_the_estimate_is_of_what_the_model_does(prepared, tmp_path, name, passes):
    """Networks read their windows once an epoch; what is solved in one go reads them once."""
    one = task(prepared, tmp_path, job=Job(ModelConfig(name=name), 0, 0))
    n = len(one.train)
    assert pace.seconds([one]) == [None]
    assert pace.guessed(one) == pytest.approx(n * passes / pace.WINDOWS_PER_S + pace.START_S)
    # 100 windows a second, as another training of this model tells
    epochs = {"cnn": 2, "rocket": 1, "extra_trees": None}[name]
    other = one.training.model_copy(update={"epochs": 2})
    store(tmp_path, "other", dataclasses.replace(one, training=other), 4.0 * (epochs or 1),
          n_train=400, epochs_run=epochs)  # fmt: skip
    (older := tmp_path / "job" / "another-version").mkdir()
    (older / "job.json").write_text(json.dumps({"name": name}))
    assert pace.seconds([one, one]) == pytest.approx(2 * [n * passes / 100 + pace.START_S])


def test_the_estimate_is_of_the_stored_job_that_is_most_alike(prepared, tmp_path):
    """What augments takes longer, what stops early shorter, and a refit twice."""
    plain = task(prepared, tmp_path)
    n = len(plain.train)
    augmented = plain.training.model_copy(update={"augment": Augment(warp=0.1)})
    slow = dataclasses.replace(plain, training=augmented)
    store(tmp_path, "slow", slow, 70.0, n_train=n, epochs_run=4)
    store(tmp_path, "fast", plain, 7.0, n_train=n, epochs_run=1)  # of four at most
    refit = augmented.model_copy(update={"refit": True})
    again = dataclasses.replace(plain, training=refit)
    longer = dataclasses.replace(slow, training=augmented.model_copy(update={"epochs": 8}))
    seconds = pace.seconds([plain, slow, again, longer])
    assert [s - pace.START_S for s in seconds] == pytest.approx([7, 70, 140, 140])


def store(root, key, like, seconds, **about):
    """A job that is stored as if a task had been trained in so many seconds."""
    people = {"train": ["1"], "validation": ["2"], "test": ["3"]}
    about |= {"name": like.job.model.name, "train_seconds": seconds}
    folder = made.write_job(root / "job" / key, made.windows(), people, skill=1.0, **about)
    (folder / "meta.json").write_text(json.dumps({"parts": like.parts}))


def test_the_longest_are_trained_first_and_a_model_in_one_go(prepared, tmp_path):
    models = ["cnn", "gru", "cnn", "lstm", "gru", "lstm"]
    tasks = [
        task(prepared, tmp_path, job=Job(ModelConfig(name=name), fold, 0))
        for fold, name in enumerate(models)
    ]
    took = {0: 3.0, 1: 9.0, 2: 7.0, 4: 2.0, 5: 7.0}  # one is stored already
    assert longest_first(tasks, took) == [1, 4, 0, 2, 5]


@pytest.mark.tensorflow
def test_a_job_that_fails_leaves_nothing_to_the_next(prepared, tmp_path):
    one = task(prepared, tmp_path)

    def stop(_message):
        assert job.WORKSHOP._kept is not None
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        run_job(one, stop)
    assert job.WORKSHOP._kept is None
    assert one.find() is None


@pytest.mark.tensorflow
def test_what_stays_in_its_file_trains_the_same(prepared, tmp_path, monkeypatch):
    from har.training import gather

    found = []
    for held in (gather.HELD_BYTES, 0):
        monkeypatch.setattr(gather, "HELD_BYTES", held)
        store = tmp_path / str(held)
        WORKSHOP.clear()
        key = run_job(task(prepared, store), lambda _: None)
        found.append(read(store, key))
    WORKSHOP.clear()
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name])
