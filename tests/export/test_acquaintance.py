"""What is fitted to training people's features."""

import numpy as np
import pytest

from har.export import acquaintance
from har.runtime.familiarity import Familiarity


def clouds(n=4000, d=6, seed=0):
    """Two activities, correlated features of very different scale, one that never varies."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d)) * 10.0 ** np.arange(d)
    labels = rng.integers(0, 2, n)
    x = rng.normal(size=(n, d)) @ mixing + labels[:, None] * 3 * np.abs(mixing).max(0)
    return np.column_stack([x, np.full(n, 7.0)]), labels


def test_windows_like_those_of_training_are_about_1_away():
    features, labels = clouds()
    ruler = acquaintance.fit(features, labels, 2, 64)
    assert ruler.features.tolist() == list(range(6)), "the seventh never varies"
    assert np.sqrt((ruler(features) ** 2).mean()) == pytest.approx(1, abs=0.05)
    half = acquaintance.fit(features[:2000], labels[:2000], 2, 64)
    assert np.sqrt((half(features[2000:]) ** 2).mean()) == pytest.approx(1, abs=0.05)
    far = features[:1] + 10 * features.std(0)
    assert ruler(far)[0] > 3


def test_without_shrinkage_it_is_the_covariance_of_what_is_left_over():
    features, labels = clouds(n=40_000)
    ruler = acquaintance.fit(features, labels, 2, 64)
    used = features[:, ruler.features]
    means = np.stack([used[labels == i].mean(0) for i in (0, 1)])
    np.testing.assert_allclose(ruler.means, means)
    precision = np.linalg.inv(np.cov((used - means[labels]).T, bias=True)) / 6
    scale = np.sqrt(np.outer(np.diag(precision), np.diag(precision)))
    got = ruler.whitening @ ruler.whitening.T
    np.testing.assert_allclose(got / scale, precision / scale, atol=0.02)


def test_features_that_say_the_same_are_used_once():
    features, labels = clouds(d=4)
    twice = np.column_stack([features[:, :4], features[:, :4] * 2 + 1])
    used = acquaintance.fit(twice, labels, 2, 4).features
    assert sorted(f % 4 for f in used) == [0, 1, 2, 3]


def test_an_activity_without_windows_has_no_mean_and_nothing_to_go_by_no_ruler():
    features, labels = clouds()
    assert acquaintance.fit(features, np.where(labels, 2, 0), 4, 64).means.shape == (2, 6)
    assert acquaintance.fit(np.ones((50, 3)), labels[:50], 2, 64) is None
    assert acquaintance.fit(features, labels, 2, 0) is None


@pytest.mark.parametrize(("size", "k"), [(10_000, 6), (130_000, 7), (60_000, 18), (2_000, 2)])
def test_it_takes_a_tenth_of_the_file_at_most(size, k):
    q = acquaintance.n_features(size, k)
    assert 0 <= q <= acquaintance.MOST
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(500, 100)), np.arange(500) % k
    ruler = acquaintance.fit(features, labels, k, q)
    if ruler is not None:
        assert Familiarity.of(ruler, 1.0).n_bytes <= size / 10
