"""The peephole cell against its gate equations, and against Keras' cell without peepholes."""

import numpy as np

from tests import naive_lstm


def make(keras, rng, units=5, channels=3, peepholes=True):
    from har.models.peephole_cell import PeepholeLSTMCell

    layer = keras.layers.RNN(PeepholeLSTMCell(units), return_sequences=True)
    layer.build((None, None, channels))
    weights = [rng.normal(size=w.shape).astype(np.float32) for w in layer.weights]
    weights[2] *= peepholes
    layer.set_weights(weights)
    return layer, weights


def test_equals_the_gate_equations(keras, rng):
    layer, (kernel, recurrent, peephole, bias) = make(keras, rng)
    x = rng.normal(size=(4, 20, 3)).astype(np.float32)
    expected = naive_lstm.run(x, kernel, recurrent, bias, peephole)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-6)


def test_without_peepholes_it_is_keras_lstm(keras, rng):
    layer, (kernel, recurrent, _, bias) = make(keras, rng, peepholes=False)
    other = keras.layers.LSTM(5, return_sequences=True)
    other.build((None, None, 3))
    other.set_weights([kernel, recurrent, bias])
    x = rng.normal(size=(4, 20, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(layer(x)), np.asarray(other(x)), atol=1e-6)


def test_peepholes_matter_and_are_learnt(keras, rng):
    layer, weights = make(keras, rng)
    x = rng.normal(size=(4, 20, 3)).astype(np.float32)
    before = np.asarray(layer(x))
    layer.set_weights([*weights[:2], weights[2] * 0, weights[3]])
    assert np.abs(np.asarray(layer(x)) - before).max() > 0.01
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    assert np.abs(np.asarray(tape.gradient(loss, layer.trainable_weights[2]))).min() > 0


def test_a_new_cell_remembers(keras):
    from har.models.peephole_cell import PeepholeLSTMCell

    cell = PeepholeLSTMCell(4)
    cell.build((None, 3))
    np.testing.assert_array_equal(np.asarray(cell.bias), [0] * 4 + [1] * 4 + [0] * 8)
    np.testing.assert_array_equal(np.asarray(cell.peephole), 0)


def test_a_spec_names_every_module_with_a_layer():
    """Otherwise a saved model of that kind could not be loaded."""
    from har.models import registry
    from tests.conftest import ROOT

    named = {registry.get(name).layers for name in registry.names()}

    with_layers = {
        f"har.models.{p.stem}"
        for p in (ROOT / "har" / "models").glob("*.py")
        if "@keras.saving.register_keras_serializable" in p.read_text()
    }
    assert len(with_layers) >= 2
    assert with_layers <= {"har.models.input_layers", *named}
