import numpy as np
import pytest

from har.config import Augment, Training
from har.models import registry
from har.training.fit import best_temperature, fit
from tests.synthetic import make_windows

pytestmark = pytest.mark.tensorflow


def augmented(x, **options):
    from har.training.augment import Augmentation

    return np.asarray(Augmentation(seed=1, **options)(x, training=True))


def test_nothing_changes_outside_training(rng):
    from har.training.augment import Augmentation

    x = rng.normal(size=(4, 50, 3)).astype(np.float32)
    layer = Augmentation(rotate_deg=30, scale=0.1, jitter=0.1, warp=0.1)
    np.testing.assert_array_equal(np.asarray(layer(x)), x)


def test_a_rotation_keeps_lengths_and_angles(rng):
    x = rng.normal(size=(500, 20, 3)).astype(np.float32)
    y = augmented(x, rotate_deg=20)
    np.testing.assert_allclose(y @ y.transpose(0, 2, 1), x @ x.transpose(0, 2, 1), atol=1e-3)
    assert np.linalg.det(np.linalg.lstsq(x[0], y[0], rcond=None)[0]) == pytest.approx(1, abs=1e-3)


def test_rotation_angles_are_as_wide_as_asked():
    y = augmented(np.tile(np.eye(3, dtype=np.float32), (4000, 1, 1)), rotate_deg=20)
    angle = np.degrees(np.arccos(np.clip((np.trace(y, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert np.sqrt((angle**2).mean()) == pytest.approx(20, rel=0.05)


def test_scale_is_one_factor_for_each_window(rng):
    x = rng.normal(size=(2000, 10, 3)).astype(np.float32)
    factor = augmented(x, scale=0.1) / x
    assert factor.reshape(2000, -1).std(axis=1).max() < 1e-4
    assert factor.mean() == pytest.approx(1, abs=0.01)
    assert factor[:, 0, 0].std() == pytest.approx(0.1, rel=0.1)


def test_vigour_is_one_factor_for_the_motion_of_each_window_and_leaves_gravity(rng):
    x = rng.normal((0, 9.81, 0), 1, (4000, 10, 3)).astype(np.float32)
    y = augmented(x, vigour=0.3)
    np.testing.assert_allclose(y.mean(axis=1), x.mean(axis=1), atol=1e-4)
    motion = (y - y.mean(axis=1, keepdims=True)) / (x - x.mean(axis=1, keepdims=True))
    factor = np.median(motion.reshape(4000, -1), axis=1)
    np.testing.assert_allclose(
        y - y.mean(axis=1, keepdims=True),
        factor[:, None, None] * (x - x.mean(axis=1, keepdims=True)),
        atol=1e-3,
    )
    assert np.log(factor).mean() == pytest.approx(0, abs=0.02)
    assert np.log(factor).std() == pytest.approx(0.3, rel=0.05)


def test_jitter_is_white(rng):
    noise = augmented(np.zeros((50, 100, 3), np.float32), jitter=0.5)
    assert noise.std() == pytest.approx(0.5, rel=0.05)
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < 0.01


def test_a_warp_changes_speed_about_the_middle():
    t = np.arange(101, dtype=np.float32)
    x = np.tile(t[None, :, None], (200, 1, 3))
    y = augmented(x, warp=0.2)
    np.testing.assert_allclose(y[:, 50], 50, atol=1e-3)
    slope = y[:, 55, 0] - y[:, 54, 0]
    assert 0.79 < slope.min() < 0.85
    assert 1.15 < slope.max() < 1.21
    middle = 50 + (np.arange(101) - 50) * slope[:, None]
    inside = (middle >= 0) & (middle <= 100)
    np.testing.assert_allclose(y[..., 0][inside], middle[inside], atol=0.02)
    assert y.min() >= 0
    assert y.max() <= 100


def test_a_half_turn_is_a_rotation_about_one_of_the_axes_each_as_likely():
    y = augmented(np.tile(np.eye(3, dtype=np.float32), (4000, 1, 1)), turn=0.75)
    np.testing.assert_allclose(np.linalg.det(y), 1, atol=1e-6)  # not a mirror
    signs = y[:, range(3), range(3)]
    np.testing.assert_array_equal(y, signs[:, None, :] * np.eye(3, dtype=np.float32))
    found, counts = np.unique(signs, axis=0, return_counts=True)
    assert found.tolist() == [[-1, -1, 1], [-1, 1, -1], [1, -1, -1], [1, 1, 1]]
    np.testing.assert_allclose(counts / 4000, 0.25, atol=0.03)


def test_a_mirror_changes_the_sign_of_x_of_whole_windows(rng):
    x = rng.normal(size=(4000, 5, 3)).astype(np.float32)
    ratio = augmented(x, mirror=0.3) / x
    np.testing.assert_array_equal(ratio[:, :, 1:], 1)
    assert (ratio[:, :, 0] == ratio[:, :1, 0]).all()
    assert (ratio[:, 0, 0] == -1).mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_applied_is_found(true, rng):
    logits = rng.normal(size=(4000, 5)) * 2
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in p])
    sharpened = p**true / (p**true).sum(axis=1, keepdims=True)
    assert best_temperature(sharpened, labels) == pytest.approx(true, rel=0.1)


def test_calibration_is_in_the_saved_model_and_changes_no_label():
    w = make_windows(subjects=4)
    train, validation = (np.flatnonzero(np.isin(w.subjects, s)) for s in (["1", "2"], ["3"]))
    out = {}
    for kind in ("none", "temperature"):
        fitted = fit(
            registry.get("cnn"), w, train, validation, params={"filters": 8}, seed=0,
            training=Training(epochs=3, batch_size=16, calibration=kind),
        )  # fmt: skip
        x = np.arange(len(w))
        out[kind] = fitted.predict(x)
        direct = np.asarray(fitted.model(w.gather(x), training=False))
        np.testing.assert_allclose(direct, out[kind], atol=1e-5)
    assert fitted.temperature != 1.0
    np.testing.assert_array_equal(out["none"].argmax(axis=1), out["temperature"].argmax(axis=1))
    scaled = out["none"] ** (1 / fitted.temperature)
    scaled /= scaled.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scaled, out["temperature"], atol=1e-4)


def test_augmented_training_is_repeatable():
    w = make_windows(subjects=4)
    train, validation = (np.flatnonzero(np.isin(w.subjects, s)) for s in (["1", "2"], ["3"]))
    options = Augment(rotate_deg=10, scale=0.1, jitter=0.1, warp=0.1)
    losses = [
        fit(
            registry.get("cnn"), w, train, validation, params={"filters": 8}, seed=0,
            training=Training(epochs=2, batch_size=16, augment=options),
        ).history["loss"]
        for _ in range(2)
    ]  # fmt: skip
    assert losses[0] == losses[1]
