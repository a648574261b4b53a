"""MiniRocket against the library's own pipeline on the same windows."""

import numpy as np
import pytest

from har.config import ModelConfig, SplitConfig
from har.errors import ConfigError
from har.models import minirocket, registry
from har.signal.conditioning import channels
from har.signal.filters import filter_valid, lowpass_taps
from har.signal.inputs import Conditioned
from har.training.splits import make
from tests.synthetic import make_windows

pytest.importorskip("sktime", reason="the extra rocket is not installed")

KERNELS = 420


@pytest.fixture(scope="module")
def windows():
    return make_windows(subjects=6)


@pytest.fixture(scope="module")
def fitted(windows):
    fold = make(windows, SplitConfig(folds=3))[0]
    model = minirocket.minirocket(kernels=KERNELS).set_params(random_state=7)
    return fold, model.fit(
        Conditioned(windows, fold.train, "magnitude"), windows.labels[fold.train]
    )


def test_inputs_are_the_filtered_and_conditioned_windows():
    windows = make_windows(subjects=2, taps=lowpass_taps(50, 15, 10))
    inputs = Conditioned(windows, np.arange(5, len(windows)), "split")
    assert len(inputs) == len(windows) - 5
    x = inputs[2:4]
    assert x.shape == (2, windows.n_samples, 6)
    assert x.dtype == np.float32
    want = channels(filter_valid(windows.gather(np.array([7, 8])), windows.taps), "split")
    np.testing.assert_allclose(x, want, atol=1e-5)


def test_decisions_are_those_of_the_librarys_own_pipeline(windows, fitted):
    from sktime.classification.kernel_based import RocketClassifier

    fold, mine = fitted
    theirs = RocketClassifier(
        num_kernels=KERNELS, rocket_transform="minirocket", use_multivariate="yes", random_state=7
    )

    def library(index):
        return Conditioned(windows, index, "magnitude")[:].transpose(0, 2, 1)

    theirs.fit(library(fold.train), windows.labels[fold.train])
    test = Conditioned(windows, fold.test, "magnitude")
    guess = mine.classes_[mine.decide(test).argmax(axis=1)]
    np.testing.assert_array_equal(guess, theirs.predict(library(fold.test)).astype(int))
    assert (guess == windows.labels[fold.test]).mean() > 0.8
    p = mine.predict_proba(test, batch=7)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(mine.classes_[p.argmax(axis=1)], guess)


def test_the_documented_number_of_features(windows):
    """Dempster and others 2021, section 3: 10,000 kernels become 9,996 = 84 × 119 features."""
    few = Conditioned(windows, np.arange(12), "raw")
    model = minirocket.minirocket().fit(few, windows.labels[:12] + np.arange(12) % 2)
    assert model.transform(few[:3]).shape == (3, 9996)
    spec = registry.get("minirocket")
    assert spec.n_parameters(128, 6, {}) == 9997 * 6
    assert spec.n_parameters(128, 6, {"kernels": 1000}) == (84 * 11 + 1) * 6


def test_biases_come_from_no_more_windows_than_fit(windows, monkeypatch):
    monkeypatch.setattr(minirocket, "FIT_WINDOWS", 20)
    inputs = Conditioned(windows, np.arange(len(windows)), "raw")
    a, b, c = (
        minirocket.MiniRocket(84).set_params(random_state=s).fit(inputs, windows.labels)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(a.decide(inputs), b.decide(inputs))
    assert (a.decide(inputs) != c.decide(inputs)).any()


def test_without_the_library_it_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"minirocket needs sktime and numba.*accelerometer\[ro"):
        registry.get("minirocket").require()
    registry.get("extra_trees").require()


def test_channels_are_checked():
    with pytest.raises(ConfigError, match="channels must be one of"):
        registry.get("minirocket").resolve({"channels": "rgb"})
    assert ModelConfig(name="minirocket").key == "minirocket"
