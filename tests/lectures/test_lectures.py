"""The lectures' numbers, known from the slides, from closed forms and from slow twins."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from har import lectures, tracking
from har.cli.app import main
from har.errors import ConfigError, DataError
from har.lectures import catalogue, page
from har.lectures.result import Setting
from har.workspace import Workspace
from tests import naive_lstm

NAMES = catalogue.names()


def numbers(result):
    return {r.quantity: r.obtained for r in result.rows}


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path, quick=True, root=tmp_path)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", [n for n in NAMES if n != "har"])
def test_quick_run(name, workspace):
    """Each gives its numbers and its figures, and keeps its quick results apart."""
    result = page.run(catalogue.get(name), Workspace(workspace), quick=True)
    assert all(r.verdict != "differs" for r in result.rows)
    assert len(result.explanation) > 100
    out = workspace / "reports" / "lectures" / "quick"
    for figure in result.figures:
        assert (out / figure).read_bytes().startswith(b"\x89PNG")
    assert result.figures
    text = (out / "README.md").read_text()
    assert "quick run" in text
    assert result.explanation in text
    assert all(r.quantity in text for r in result.rows)
    assert not (workspace / "reports" / "lectures" / "README.md").exists()


def test_every_module_stays_short():
    """A student reads an experiment from top to bottom: under 150 lines each."""
    (folder,) = lectures.__path__
    lines = {p.name: len(p.read_text("utf-8").splitlines()) for p in Path(folder).glob("*.py")}
    assert len(lines) > len(NAMES)
    assert {name: n for name, n in lines.items() if n >= 150} == {}


@pytest.mark.tensorflow
def test_rnn_by_hand_against_the_slide(setting):
    got = numbers(catalogue.get("rnn-by-hand").run(setting))
    for who in ("by hand", "Keras' SimpleRNN"):
        assert got[f"h1, {who}"] == "(3, 1, 5)"
        assert got[f"h2, {who}"] == "(8, 9, 12)"
        assert got[f"h3, {who}"] == "(11, 29, 22)"
    assert got["parameters, RNN over 1,000 steps"] == "27"
    assert got["parameters, dense layer over 1,000 steps"] == "18,000"


def test_lstm_step_equals_the_slow_twin(rng):
    from har.lectures.lstm_step import steps

    x, kernel, recurrent = (
        rng.normal(size=(7, 4)),
        rng.normal(size=(4, 12)),
        rng.normal(size=(3, 12)),
    )
    bias, peephole = rng.normal(size=12), rng.normal(size=(3, 3))
    for p in (None, peephole):
        weights = (kernel, recurrent, bias) if p is None else (kernel, recurrent, bias, p)
        expected = naive_lstm.run(x[None], kernel, recurrent, bias, p)[0]
        np.testing.assert_allclose(steps(x, *weights)["h"], expected, atol=1e-12)


def test_the_cell_set_by_hand_holds_what_was_written():
    from har.lectures.lstm_step import latch, steps

    x, weights = latch()
    c = steps(x, *weights)["c"][:, 0]
    np.testing.assert_allclose(c[6:19], np.tanh(x[6, 0]), atol=1e-2)
    np.testing.assert_allclose(c[19:48], np.tanh(x[19, 0]), atol=1e-2)
    np.testing.assert_allclose(c[48:], 0, atol=1e-2)


@pytest.mark.tensorflow
def test_alphabet_framings():
    from har.lectures.alphabet import FRAMINGS, build, samples

    for _, n, shape, parameters, _ in FRAMINGS:
        x, y = samples(n, shape)
        assert x.shape == (26 - n, *shape)
        np.testing.assert_allclose(x[0].ravel() * 26, range(n), atol=1e-6)
        assert y[0] == n
        assert y[-1] == 25
        assert build(shape, len(x)).count_params() == parameters


def test_sine_batches_go_on_where_the_last_one_ended():
    from har.lectures.sine import batch

    (t0, x, y), (t1, _, _) = batch(0), batch(1)
    np.testing.assert_allclose(t1[:, 0] - t0[:, -1], 1 / (10 * np.pi))
    np.testing.assert_allclose(x**2 + y**2, 1, atol=1e-6)


def test_airline_series_and_baseline():
    """Totals by year as in Box and Jenkins; the baseline as the course gives it."""
    from har.lectures.airline import PASSENGERS, rmse, windows

    years = PASSENGERS.reshape(12, 12).sum(axis=1)
    assert years.tolist() == [
        1520, 1676, 2042, 2364, 2700, 2867, 3408, 3939, 4421, 4572, 5140, 5714,
    ]  # fmt: skip
    x, y = windows(PASSENGERS)
    assert x.shape == (134, 10, 1)
    np.testing.assert_array_equal(x[1:, -1, 0], y[:-1])
    assert rmse(x[107:, -1, 0], y[107:]) == pytest.approx(50.7, abs=0.05)


@pytest.mark.tensorflow
def test_gradients_equal_finite_differences():
    """Of the smallest layer, by moving one input a little."""
    import keras

    from har.lectures.gradients import gradient_norms

    keras.utils.set_random_seed(0)
    layer = keras.layers.LSTM(2)
    x = np.random.default_rng(0).normal(size=(1, 3, 2)).astype(np.float32)
    v = np.array([[1.0, -2.0]], np.float32)
    got = gradient_norms(layer, x, v)
    for t in range(3):
        parts = []
        for k in range(2):
            step = np.zeros_like(x)
            step[0, t, k] = 1e-2
            up, down = (float(np.sum(np.asarray(layer(x + s)) * v)) for s in (step, -step))
            parts.append((up - down) / 2e-2)
        assert got[t] == pytest.approx(np.hypot(*parts), rel=0.02)


def test_digits_reads_mnist_where_it_is(tmp_path, rng):
    from har.lectures.digit_images import MNIST, mnist, pairs

    path = tmp_path / MNIST
    path.parent.mkdir(parents=True)
    images, labels = rng.integers(0, 256, (9, 28, 28), dtype=np.uint8), np.arange(9, dtype=np.uint8)
    np.savez(path, x_train=images, y_train=labels, x_test=images[:4], y_test=labels[:4])
    x, y, xt, _ = mnist(path)
    assert x.dtype == np.float32
    assert x.max() <= 1
    assert len(xt) == 4
    two, both = pairs(x, y, 5, seed=0)
    assert two.shape == (5, 28, 56)
    np.testing.assert_array_equal(two[0, :, :28], x[both[0, 0]])
    np.testing.assert_array_equal(two[0, :, 28:], x[both[0, 1]])


def test_a_pickle_in_place_of_mnist_is_refused(tmp_path):
    from har.lectures.digit_images import mnist

    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="not Keras' mnist.npz"):
        mnist(path)


def test_an_unknown_lecture_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'alphabet'"):
        catalogue.get("alfabet")


@pytest.mark.tensorflow
def test_command_line(workspace, monkeypatch):
    run = CliRunner().invoke
    result = run(main, ["lecture", "list"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == NAMES
    result = run(main, ["lecture", "rnn-by-hand", "--quick"])
    assert result.exit_code == 0, result.output
    assert "quick run" in result.stdout
    assert "(11, 29, 22)" in result.stdout
    monkeypatch.setattr(tracking, "track_lecture", lambda *args: None)
    result = run(main, ["lecture", "shapes", "--json"])
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert record["lecture"] == "shapes"
    assert all(r["verdict"] == "ok" for r in record["rows"])
    text = (workspace / "reports" / "lectures" / "README.md").read_text()
    assert "Not yet run" in text  # the others
    assert "![" in text
    result = run(main, ["lecture", "airlin"])
    assert result.exit_code == 2
    assert "did you mean 'airline'" in result.stderr


@pytest.mark.parametrize("name", ["list", "all", *NAMES])
def test_help_has_an_example(name):
    result = CliRunner().invoke(main, ["lecture", name, "-h"])
    assert result.exit_code == 0
    assert f"har lecture {name}" in result.stdout
