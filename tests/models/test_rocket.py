import itertools

import numpy as np
import pytest

from har.config import Training
from har.models import registry
from har.training.fit import fit
from tests.synthetic import make_windows

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def adapted():
    from har.models.kernels import Kernels

    x = np.random.default_rng(0).normal(size=(40, 50, 4)).astype(np.float32).cumsum(axis=1)
    layer = Kernels(shares=6)
    layer.build((None, 50, 4))
    layer.adapt(x, seed=3)
    return x, layer, np.asarray(layer(x))


def test_the_kernels_are_those_of_minirocket():
    from har.models.kernels import PATTERNS

    twos = {tuple(np.flatnonzero(column == 2)) for column in PATTERNS.T}
    assert twos == set(itertools.combinations(range(9), 3))
    assert set(PATTERNS.ravel()) == {-1, 2}
    np.testing.assert_array_equal(PATTERNS.sum(axis=0), 0)


def convolved(x, kernels, dilation, padding):
    """A kernel's outputs, by loops; zeros beyond the ends if padded."""
    reach = 4 * dilation
    if padding == "same":
        x = np.pad(x, ((0, 0), (reach, reach), (0, 0)))
    y = np.zeros((len(x), x.shape[1] - 2 * reach, kernels.shape[-1]))
    for t in range(y.shape[1]):
        y[:, t] = np.einsum("nlc,lck->nk", x[:, t : t + 2 * reach + 1 : dilation], kernels)
    return y


def test_shares_equal_a_slow_twin(adapted):
    x, layer, out = adapted
    assert [(d, p) for d, p, _ in layer.groups] == [
        (d, p) for d in (1, 2, 4) for p in ("same", "valid")
    ]
    at = 0
    for g, (d, padding, of) in enumerate(layer.groups):
        kernels, thresholds = np.asarray(layer.kernels[g]), np.asarray(layer.thresholds[g])
        y = convolved(x, kernels, d, padding)
        assert y.shape[1] == (50 if padding == "same" else 50 - 8 * d)
        for k, j in itertools.product(range(0, len(of), 7), range(thresholds.shape[1])):
            share = np.clip(y[..., k] - thresholds[k, j], 0, 1).mean(axis=1)
            np.testing.assert_allclose(out[:, at + k * thresholds.shape[1] + j], share, atol=2e-4)
        at += thresholds.size
    assert at == out.shape[1] == 84 * 6


def test_every_other_kernel_is_padded_and_of_the_next_dilation_the_others(adapted):
    _, layer, _ = adapted
    padded = [set(of) for _, padding, of in layer.groups if padding == "same"]
    rest = [set(of) for _, padding, of in layer.groups if padding == "valid"]
    assert all(p | r == set(range(84)) and not p & r for p, r in zip(padded, rest, strict=True))
    assert padded[0] == rest[1] == padded[2]


def test_a_share_is_nearly_the_proportion_of_positive_values(adapted):
    """The published feature counts the samples above a threshold; a ramp stands for the step."""
    x, layer, out = adapted
    d, padding, _ = layer.groups[0]
    y = convolved(x, np.asarray(layer.kernels[0]), d, padding)
    counted = (y[..., None] > np.asarray(layer.thresholds[0]) + 0.5).mean(axis=1)
    counted = counted.reshape(len(x), -1)
    assert np.abs(counted - out[:, : counted.shape[1]]).mean() < 0.02
    assert 0.3 < counted.mean() < 0.7  # thresholds are quantiles


def test_small_motion_is_seen_as_well_as_large():
    """Ramps are as wide as the windows that their thresholds are of: shares tell how still."""
    from har.models.kernels import Kernels

    rng = np.random.default_rng(0)
    size = np.repeat([0.01, 5.0], 30)
    x = (rng.normal(size=(60, 64, 3)) * size[:, None, None]).astype(np.float32)
    layer = Kernels(shares=12)
    layer.build((None, 64, 3))
    layer.adapt(x, seed=0)
    still = np.asarray(layer(x[:15])), np.asarray(layer(3 * x[:15]))
    assert (np.abs(still[0] - still[1]).mean(axis=0) > 0.05).mean() > 0.2


def test_it_is_solved_in_one_go_and_the_same_by_seed():
    w = make_windows(subjects=8)
    train, validation = (np.flatnonzero(np.isin(w.subjects, s)) for s in (list("12345"), ["6"]))

    def once(seed):
        return fit(
            registry.get("rocket"), w, train, validation,
            params={"shares": 8}, training=Training(epochs=7), seed=seed,
        )  # fmt: skip

    a, b, other = once(0), once(0), once(1)
    assert a.epochs_run == a.best_epoch == 1
    test = np.flatnonzero(np.isin(w.subjects, ["7", "8"]))
    assert (a.predict(test).argmax(axis=1) == w.labels[test]).mean() > 0.9
    np.testing.assert_array_equal(a.predict(test), b.predict(test))
    assert np.abs(a.predict(test) - other.predict(test)).max() > 0
