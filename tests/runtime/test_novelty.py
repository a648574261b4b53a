"""Distances against scipy's, and what a window is in numbers."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import mahalanobis

from har.runtime import novelty
from har.studies import meeting
from tests.synthetic import make_windows


def test_the_distance_is_mahalanobis(rng: np.random.Generator) -> None:
    means, root = rng.normal(size=(3, 5)), rng.normal(size=(5, 5))
    precision = root @ root.T + np.eye(5)
    clouds = novelty.Clouds(means, np.linalg.cholesky(precision))
    features, answers = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    expected = [mahalanobis(f, means[a], precision) for f, a in zip(features, answers, strict=True)]
    np.testing.assert_allclose(clouds.distance(features, answers), expected)


def test_clouds_of_one_covariance_have_it(rng: np.random.Generator) -> None:
    """In 3 features of 30,000 draws the mean square distance to one's own mean is 3."""
    labels = rng.integers(0, 4, 30_000)
    root = np.array([[2.0, 0, 0], [1, 1, 0], [0, 1, 2]])
    features = rng.normal(size=(4, 3))[labels] * 5 + rng.normal(size=(len(labels), 3)) @ root.T
    clouds = meeting.clouds(features, labels, 4)
    assert abs((clouds.distance(features, labels) ** 2).mean() - 3) < 0.05


def test_windows_of_any_kind_have_finite_features(rng: np.random.Generator) -> None:
    windows = make_windows(2)
    for name, x in meeting.made(windows, rng).items():
        found = novelty.describe(x, (2, 4))
        assert found.shape == (meeting.N_MADE, 22), name
        assert np.isfinite(found).all(), name
        assert np.abs(found).max() < 1000, name
    still = novelty.describe(np.float32([[[0, 0, 9.8]] * 20]), (2,))
    np.testing.assert_allclose(still[0, :3], [0, 0, 9.8], rtol=1e-6)
    np.testing.assert_allclose(still[0, 3:6], np.log(0.01))
