"""Wearers whose recordings differ from the population's in a way that has an exact answer."""

import numpy as np
import pytest

from har.studies.unlabelled import renormalised, standardised

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def population():
    rng = np.random.default_rng(0)
    return rng.normal([1.0, -2.0, 9.0], [1.0, 2.0, 0.5], (64, 16, 3)).astype("float32")


def network(*between):
    import keras

    inputs = keras.Input((16, 3))
    x = inputs
    for layer in between:
        x = layer(x)
    return keras.Model(inputs, {"features": keras.layers.GlobalMaxPooling1D()(x)})


def test_axes_are_given_the_mean_and_the_spread_of_the_population(population):
    turned = (population * [2.0, 0.5, 1.5] - [3.0, 0.0, 4.0]).astype("float32")
    net = network()
    fitted = standardised(net, population, turned)
    wanted = net.predict(population, verbose=0)["features"]
    assert np.allclose(fitted.predict(turned, verbose=0)["features"], wanted, atol=1e-4)


def test_an_axis_that_never_moves_gives_numbers(population):
    still = np.full((4, 16, 3), 9.81, "float32")
    answers = standardised(network(), population, still).predict(still, verbose=0)
    assert np.isfinite(answers["features"]).all()


def test_batch_normalisation_has_the_statistics_of_the_wearer_and_the_original_keeps_its_own(
    population,
):
    import keras

    norm = keras.layers.BatchNormalization(epsilon=1e-6)
    net = network(norm, keras.layers.Dropout(0.5))
    before = [w.copy() for w in net.get_weights()]
    shifted = population * 3 + 5
    fitted = renormalised(net, population, shifted)
    got = fitted.predict(shifted, verbose=0)["features"]
    flat = shifted.reshape(-1, 3)
    wanted = ((shifted - flat.mean(0)) / flat.std(0)).max(1)
    assert np.allclose(got, wanted, atol=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))


def test_a_network_without_batch_normalisation_is_left_out(population):
    assert renormalised(network(), population, population) is None
