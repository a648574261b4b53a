"""Distances against scipy's, and what a file may hold."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial.distance import mahalanobis

from har.runtime.familiarity import NOTHING, Familiarity, Ruler, packed


@pytest.fixture
def ruler():
    rng = np.random.default_rng(0)
    square = rng.normal(size=(3, 3))
    precision = square @ square.T + np.eye(3)
    return Ruler(
        np.array([4, 0, 2]), rng.normal(size=(2, 3)), np.linalg.cholesky(precision / 3)
    ), precision


def test_the_distance_is_mahalanobis_to_the_nearest_mean(ruler):
    made, precision = ruler
    features = np.random.default_rng(1).normal(size=(20, 6))
    wanted = [
        min(mahalanobis(x[made.features], mean, precision) for mean in made.means) / np.sqrt(3)
        for x in features
    ]
    np.testing.assert_allclose(made(features), wanted)


def test_what_is_known_besides_can_only_be_nearer(ruler):
    made, _ = ruler
    features = np.random.default_rng(2).normal(size=(50, 6))
    more = made.knowing(features[:1, made.features])
    assert more(features)[0] == pytest.approx(0, abs=1e-12)
    assert (more(features) <= made(features)).all()
    assert (more(features) < made(features)).any()


def test_the_file_gives_the_ruler_back(ruler):
    made, _ = ruler
    written = Familiarity.model_validate_json(Familiarity.of(made, 2.5).model_dump_json())
    features = np.random.default_rng(3).normal(size=(20, 6))
    np.testing.assert_allclose(written.ruler()(features), made(features), rtol=1e-5)
    assert written.limit == 2.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"whitening": packed(np.ones(5))}, "6 numbers for 3 features, got 5"),
        ({"means": packed(np.ones(4))}, "3 numbers for each activity, got 4"),
        ({"means": "no base64!"}, "means should be base64"),
        ({"means": packed(np.array([np.nan] * 3))}, "means should be finite"),
        ({"limit": 0.0}, "greater than 0"),
        ({"features": (-1, 0, 2)}, "greater than or equal to 0"),
    ],
)
def test_a_damaged_one_is_refused(ruler, change, says):
    whole = Familiarity.of(ruler[0], 1.0).model_dump()
    with pytest.raises(ValidationError, match=says):
        Familiarity(**{**whole, **change})


@pytest.mark.parametrize("d", [0, 5])
def test_where_nothing_is_known_of_training_no_window_is_far(d):
    assert NOTHING(np.ones((3, d), np.float32)).tolist() == [0, 0, 0]
