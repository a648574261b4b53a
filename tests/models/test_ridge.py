"""The ridge against scikit-learn's, on either side of n = p."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from har.models.ridge import ALPHAS, BATCH, RidgeClassifier, sharpness


def made_up(n, p, rng, classes=3):
    labels = np.sort(rng.integers(0, classes, n)) * 2  # labels need not be 0, 1, 2
    x = rng.uniform(size=(n, p)) + 0.3 * rng.normal(size=(classes, p))[labels // 2]
    x[:, 0] = 0.25  # a kernel that is never positive
    return x.astype(np.float32), labels


@pytest.mark.parametrize(("n", "p"), [(80, 200), (BATCH + 90, 40), (60, 60)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_ridge_of_scikit_learn(n, p, weighted, rng):
    x, labels = made_up(n, p, rng)
    w = rng.uniform(0.2, 3, n) if weighted else None
    asked = []

    def features(rows):
        asked.append(rows.stop - rows.start)
        return x[rows]

    mine = RidgeClassifier().fit(features, labels, w)
    scaler = StandardScaler(with_mean=False)
    theirs = RidgeClassifierCV(alphas=ALPHAS)
    pipeline = make_pipeline(scaler, theirs)
    pipeline.fit(x.astype(float), labels, ridgeclassifiercv__sample_weight=w)
    assert mine.alpha_ == pytest.approx(theirs.alpha_)
    new, _ = made_up(50, p, rng)
    np.testing.assert_allclose(
        mine.decide(new), pipeline.decision_function(new.astype(float)), atol=2e-5
    )
    assert max(asked) <= BATCH


@pytest.mark.parametrize(("n", "p"), [(30, 50), (60, 10)])
def test_what_is_left_out_is_left_out(n, p, rng):
    """The closed form against n fits, at a penalty that is given."""
    from sklearn.linear_model import Ridge

    x, labels = made_up(n, p, rng)
    w = rng.uniform(0.5, 2, n)
    mine = RidgeClassifier(alphas=(0.7,)).fit(lambda rows: x[rows], labels, w)
    scaled = x / mine.scale_
    y = np.where(labels[:, None] == mine.classes_, 1.0, -1.0)
    for i in (0, n // 2, n - 1):
        rest = np.arange(n) != i
        again = Ridge(alpha=0.7).fit(scaled[rest], y[rest], sample_weight=w[rest])
        np.testing.assert_allclose(
            mine.left_out_[i], again.predict(scaled[i : i + 1])[0], atol=1e-4
        )


def test_sharpness_finds_the_factor_that_made_the_labels(rng):
    from scipy.special import softmax

    decisions = rng.normal(0, 0.5, (20_000, 3))
    p = softmax(6 * decisions, axis=1).cumsum(axis=1)
    labels = (rng.uniform(size=(len(p), 1)) > p).sum(axis=1)
    assert sharpness(decisions, labels, np.ones(len(p))) == pytest.approx(6, rel=0.05)
