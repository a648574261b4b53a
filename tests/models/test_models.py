"""One generic check for every network of the registry."""

import numpy as np
import pytest
from scipy.special import softmax

from har.errors import ConfigError
from har.models import registry
from har.signal.conditioning import N_CHANNELS, channels, statistics
from har.signal.filters import filter_valid, lowpass_taps
from tests import small_networks
from tests.synthetic import make_windows

NETWORKS = [n for n in registry.names() if not registry.get(n).classical]
T, K = 64, 4
TAPS = lowpass_taps(50, 15, 10)
SHAPE = (T + len(TAPS) - 1, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name, keras, tmp_path, rng):
    spec = registry.get(name)
    model = spec.build(SHAPE, K, taps=TAPS)
    assert model.input_shape == (None, *SHAPE)
    assert model.output_shape == (None, K)

    # the parameter count equals the closed form
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert count == spec.n_parameters(T, K, {})

    # probabilities
    x = rng.normal(size=(8, *SHAPE)).astype(np.float32)
    p = np.asarray(model(x))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(p).all()

    # saved and loaded
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(again(x)), p, atol=1e-6)

    # the same seed gives the same weights, another seed others; every layer has a name that does
    # not depend on what was built before
    def made(seed):
        keras.backend.clear_session()
        keras.layers.Dense(1)
        keras.utils.set_random_seed(seed)
        return spec.build(SHAPE, K, taps=TAPS)

    same, other = made(0), made(1)  # as the fixture has it, and another
    weights, of_same, of_other = (
        [np.array(w) for w in m.trainable_weights] for m in (model, same, other)
    )
    for a, b in zip(weights, of_same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(weights, of_other, strict=True))
    assert [layer.name for layer in same.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("name", NETWORKS)
def test_network_learns_one_batch(name, keras, rng):
    spec = registry.get(name)
    x = rng.normal(size=(16, *SHAPE)).astype(np.float32)
    y = np.arange(16) % K
    params = {} if spec.solve else {"dropout": 0.0, **small_networks.params(name)}
    model = spec.build(SHAPE, K, taps=TAPS, params=params)
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    if spec.solve:
        spec.solve(model, lambda rows: x[rows], y, np.ones(16), seed=0)
        assert (model.predict(x, verbose=0).argmax(axis=1) == y).all()
        return

    def loss():  # as it is called: nothing is traced for two batches
        return float(np.mean(-np.log(np.asarray(model(x))[np.arange(16), y])))

    first = loss()
    model.optimizer.build(model.trainable_variables)  # in the graph, it would be traced twice
    again = np.tile(np.arange(16), 60)  # sixty steps in one epoch: an epoch costs more than a step
    model.fit(x[again], y[again], batch_size=16, shuffle=False, verbose=0)
    assert loss() < 0.5 * first


@pytest.mark.parametrize("kind", N_CHANNELS)
def test_conditioning_layers_equal_their_plain_twins(kind, keras, rng):
    from har.models.input_layers import FIR, Channels

    x = rng.normal(size=(5, 80, 3)).astype(np.float32) * 5 + [0, 0, 9.8]
    filtered = filter_valid(x, TAPS)
    in_graph = FIR(TAPS)(x.astype(np.float32))
    np.testing.assert_allclose(np.asarray(in_graph), filtered, atol=1e-4)
    np.testing.assert_allclose(
        np.asarray(Channels(kind)(in_graph)), channels(filtered, kind), atol=1e-4
    )


def test_vertical_motion_does_not_depend_on_how_the_device_lies(rng):
    from scipy.spatial.transform import Rotation

    x = rng.normal((0, 0, 9.8), size=(5, 80, 3))
    turned = x @ Rotation.random(random_state=0).as_matrix().T
    a, b = (channels(v, "vertical") for v in (x, turned))
    np.testing.assert_allclose(a[..., 3:], b[..., 3:], atol=1e-9)
    assert np.abs(a[..., :3] - b[..., :3]).max() > 1  # only gravity tells
    still = x.mean(axis=1)
    np.testing.assert_allclose(  # Pythagoras: along and across make up the whole
        a[..., 3] ** 2 + a[..., 4] ** 2, ((x - still[:, None]) ** 2).sum(2), atol=1e-9
    )


def test_an_asymmetric_kernel_is_convolved_not_correlated(keras, rng):
    from har.models.input_layers import FIR

    taps, x = np.array([1.0, 2.0, 4.0]), rng.normal(size=(1, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(FIR(taps)(x)), filter_valid(x, taps), atol=1e-5)


def test_frames_put_neighbours_side_by_side(keras):
    from har.models.input_layers import Frames

    x = np.arange(2 * 7 * 3, dtype=np.float32).reshape(2, 7, 3)
    out = np.asarray(Frames(3)(x))
    assert out.shape == (2, 2, 9)
    np.testing.assert_array_equal(out[0, 0], x[0, 1:4].ravel())  # the oldest of seven is left out
    np.testing.assert_array_equal(out[1, 1], x[1, 4:7].ravel())


@pytest.mark.parametrize("kind", N_CHANNELS)
def test_statistics_equal_numpy_on_all_windows(kind):
    w = make_windows(subjects=3, taps=TAPS)
    index = np.arange(0, len(w), 2)
    x = channels(filter_valid(w.gather(index), w.taps), kind)
    mean, std = statistics(w, index, kind, chunk=7)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(std, x.std(axis=(0, 1)), rtol=1e-4, atol=1e-5)


FORMS = [
    ("lstm", {"frame": 4}),
    ("gru", {"front": "joint", "head": "mean_max", "channels": "magnitude"}),
    ("bilstm", {"head": "attention", "front": "none"}),
    ("bigru", {"layers": 2, "head": "max"}),
    ("peephole_lstm", {"layers": 2, "head": "mean", "front": "none", "frame": 4}),
]


@pytest.mark.parametrize(("name", "params"), FORMS)
def test_fronts_and_heads_have_the_weights_of_the_closed_form(name, params, keras, rng):
    spec = registry.get(name)
    model = spec.build(SHAPE, K, taps=TAPS, params={"units": 8, **params})
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert count == spec.n_parameters(T, K, {"units": 8, **params})
    p = np.asarray(model(rng.normal(size=(2, *SHAPE)).astype(np.float32)))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("head", "by_hand"), [
    ("mean", lambda h, w: h.mean(axis=1)),
    ("max", lambda h, w: h.max(axis=1)),
    ("mean_max", lambda h, w: np.hstack([h.mean(axis=1), h.max(axis=1)])),
    ("attention", lambda h, w: (softmax(np.tanh(h @ w[0] + w[1]), axis=1) * h).sum(axis=1)),
])  # fmt: skip
def test_a_head_is_what_its_formula_says(head, by_hand, keras, rng):
    params = {"units": 5, "front": "none", "head": head, "dropout": 0.0}
    model = registry.get("gru").build((T, 3), K, taps=np.ones(1), params=params)
    states = keras.Model(model.input, model.get_layer("gru").output)
    features = keras.Model(model.input, model.get_layer("probabilities").input)
    attention = [np.array(w) for layer in model.layers if layer.name == "attention"
                 for w in layer.weights]  # fmt: skip
    x = rng.normal(size=(3, T, 3)).astype(np.float32)
    expected = by_hand(np.asarray(states(x), np.float64), attention)
    np.testing.assert_allclose(np.asarray(features(x)), expected, atol=1e-5)


def test_convolutions_of_each_axis_do_not_mix_axes(keras, rng):
    params = {"units": 4, "filters": 6}
    model = registry.get("lstm").build((T, 3), K, taps=np.ones(1), params=params)
    front = keras.Model(model.input, model.get_layer("together").output)
    x = rng.normal(size=(2, T, 3)).astype(np.float32)
    out = np.asarray(front(x))
    assert out.shape == (2, T // 4, 18)
    np.testing.assert_allclose(
        np.asarray(front(x[..., [1, 2, 0]]))[..., :6], out[..., 6:12], atol=1e-5
    )
    x[..., 2] = 0
    np.testing.assert_allclose(np.asarray(front(x))[..., :12], out[..., :12], atol=1e-5)


@pytest.mark.parametrize(("name", "params", "steps"), [
    ("lstm", {"front": "none", "frame": 4}, 3), ("gru", {"frame": 2}, 4), ("cnn", {"blocks": 4}, 7),
    ("tiny", {}, 6), ("conv_lstm", {}, 3), ("gru_fcn", {"frame": 8}, 7),
])  # fmt: skip
def test_a_window_too_short_is_refused_and_the_next_is_not(name, params, steps, keras):
    spec = registry.get(name)
    with pytest.raises(
        ConfigError, match=f"{name} needs windows of {steps + 1} samples .* {steps}"
    ):
        spec.check_window(steps, params)
    spec.check_window(steps + 1, params)
    assert spec.build((steps + 1, 3), K, taps=np.ones(1), params=params).output_shape == (None, K)


def test_stacked_cells_equal_two_layers(keras, rng):
    x = rng.normal(size=(3, *SHAPE)).astype(np.float32)
    one = registry.get("stacked_lstm").build(SHAPE, K, taps=TAPS, params={"front": "none"})
    inner = keras.Input(SHAPE)
    y = keras.layers.LSTM(64, return_sequences=True)(one.get_layer("fir")(inner))
    two = keras.Model(inner, keras.layers.Dense(K, activation="softmax")(keras.layers.LSTM(64)(y)))
    for target, source in zip(two.trainable_weights, one.trainable_weights, strict=True):
        target.assign(source)
    np.testing.assert_allclose(np.asarray(one(x)), np.asarray(two(x)), atol=1e-5)


def test_bilstm_reads_both_ways(keras, rng):
    """Reversing time swaps the two directions' states where their weights are the same."""
    spec = registry.get("bilstm")
    model = spec.build((T, 3), K, taps=np.ones(1), params={"front": "none", "dropout": 0.0})
    layer = model.get_layer("bilstm")
    layer.backward_layer.set_weights(layer.forward_layer.get_weights())
    x = rng.normal(size=(2, T, 3)).astype(np.float32)
    a, b = np.asarray(layer(x)), np.asarray(layer(x[:, ::-1]))
    np.testing.assert_allclose(a[:, :64], b[:, 64:], atol=1e-5)
    np.testing.assert_allclose(a[:, 64:], b[:, :64], atol=1e-5)


def test_wrong_parameters_are_refused():
    cnn = registry.get("cnn")
    with pytest.raises(ConfigError, match="cnn has no parameter 'filtres', did you mean 'filters'"):
        cnn.resolve({"filtres": 3})
    with pytest.raises(ConfigError, match="cnn.filters must be a int such as 64, got 'many'"):
        cnn.resolve({"filters": "many"})
    with pytest.raises(ConfigError, match="cnn.filters must be at least 1, got 0"):
        cnn.resolve({"filters": 0})
    with pytest.raises(ConfigError, match="lstm.head must be one of last, .* Got 'lats'"):
        registry.get("lstm").resolve({"head": "lats"})
    with pytest.raises(ConfigError, match="channels must be one of"):
        cnn.resolve({"channels": "rgb"})
    with pytest.raises(ConfigError, match="no model 'ltsm', did you mean 'lstm'"):
        registry.get("ltsm")


def test_others_can_add_a_model(keras, monkeypatch):
    from har.models.spec import ModelSpec

    monkeypatch.setattr(registry, "_registered", {})

    def mean_only(x, *, dropout: float = 0.0):
        return keras.layers.GlobalAveragePooling1D(name="average")(x)

    registry.register(
        ModelSpec("mean_only", "A toy.", "none", mean_only, lambda *a, **k: (0, 3), __name__)
    )
    assert "mean_only" in registry.names()
    model = registry.get("mean_only").build((T, 3), K, taps=np.ones(1))
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 16
    with pytest.raises(ConfigError, match="exists"):
        registry.register(registry.get("cnn"))


def test_every_model_has_its_paper_its_parameters_and_its_when_to_use():
    for row in registry.rows(128, 6):
        assert "doi:" in row["paper"] or "arXiv:" in row["paper"], row
        assert 20 < len(row["summary"]) <= 80, row
        assert row["parameters"] or row["name"] == "extra_trees"
