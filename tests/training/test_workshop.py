"""What a process keeps from one job to the next changes nothing but the time."""

import numpy as np
import pytest

from har.config import Training
from har.models import registry
from har.training import backend
from har.training.workshop import Workshop, steps_per_epoch
from tests import backend_work
from tests.synthetic import make_windows

pytestmark = pytest.mark.tensorflow

EVERYTHING = dict(turn=0.5, mirror=0.3, rotate_deg=5, scale=0.1, vigour=0.2, warp=0.1, jitter=0.1)
on_jax = pytest.mark.skipif(not backend.jax_installed(), reason="jax is not installed")


@pytest.mark.parametrize(
    ("on", "models", "average"),
    [
        ("tensorflow", {"gru": {"units": 8, "front": "none", "frame": 4}, "rocket": {}}, 0.0),
        ("tensorflow", {"cnn": {"filters": 8, "blocks": 2}}, 1.0),
        pytest.param("jax", {"lstm": {"units": 8, "filters": 4}}, 1.0, marks=on_jax),
    ],
)
def test_a_job_comes_to_what_it_would_have_come_to_alone(on, models, average):
    """Other folds, other seeds, dropout, every augmentation: weights bit for bit."""
    item = {
        "backend": on, "models": models,
        "training": Training(epochs=2, batch_size=8, average=average, augment=EVERYTHING),
        # Windows of 270 that validate: of the last two all batches of training are full.
        "validation": [13, 17, 60, 14, 62], "alone": (2, 4),
    }  # fmt: skip
    out = backend_work.run(backend_work.kept, item)
    for name in models:
        made = [out[name, "kept", seed]["model"] for seed in range(5)]
        assert made[0] == made[1] == made[2] != made[3] == made[4]
        for seed in item["alone"]:
            alone, kept = (out[name, how, seed] for how in ("alone", "kept"))
            assert alone["model"] not in made
            for part in ("weights", "probabilities"):
                for a, b in zip(alone[part], kept[part], strict=True):
                    np.testing.assert_array_equal(a, b, err_msg=f"{name} {part}")
            assert alone["history"] == kept["history"]


def test_another_recipe_or_other_windows_are_made_anew():
    windows = make_windows(subjects=4)
    train, cnn, workshop = np.arange(len(windows)), registry.get("cnn"), Workshop()

    def get(windows=windows, params=None, **training):
        return workshop.get(
            cnn, windows, train, params=params or {"filters": 4},
            training=Training(batch_size=8, **training), seed=0,
        )  # fmt: skip

    one = get()
    assert get(seeds=(1, 2)) is one
    for other in (
        dict(params={"filters": 6}),
        dict(label_smoothing=0.1),
        dict(augment={"scale": 0.1}),
        dict(windows=make_windows(subjects=4)),
    ):
        again = get(**other)
        assert again is not one
        assert get(**other) is again
        one = again


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
def test_each_fold_has_the_schedule_of_its_own_number_of_steps(warmup):
    """The rates of Keras' schedule with these steps for constants."""
    import keras

    windows, workshop = make_windows(subjects=6), Workshop()
    training = Training(epochs=5, batch_size=8, learning_rate=0.01, warmup=warmup)
    for n in (len(windows), len(windows) // 3):
        train = np.arange(n)
        optimizer = workshop.get(
            registry.get("tiny"), windows, train, params={}, training=training, seed=0
        ).trainer.optimizer
        total = steps_per_epoch(n, training) * 5
        rising = int(warmup * total)
        wanted = keras.optimizers.schedules.CosineDecay(
            0.001 if rising else 0.01, total - rising, alpha=0.01,
            warmup_target=0.01 if rising else None, warmup_steps=rising,
        )  # fmt: skip
        for step in (0, 1, rising, total // 2, total - 1, total + 5):
            optimizer.iterations.assign(step)
            assert float(np.asarray(optimizer.learning_rate)) == pytest.approx(
                float(np.asarray(wanted(step))), rel=1e-6
            )


def test_a_constant_rate_and_weight_decay_start_anew_too():
    windows = make_windows(subjects=4)
    train = np.arange(len(windows))
    training = Training(schedule="constant", weight_decay=0.01, learning_rate=0.02, batch_size=8)
    args = (registry.get("tiny"), windows, train)
    workshop = Workshop()
    for _ in range(2):
        made = workshop.get(*args, params={}, training=training, seed=0)
        optimizer = made.trainer.optimizer
        assert int(np.asarray(optimizer.iterations)) == 0
        assert float(np.asarray(optimizer.learning_rate)) == pytest.approx(0.02)
        optimizer.iterations.assign(7)
    fresh = Workshop().get(*args, params={}, training=training, seed=0)
    names = [v.name for v in fresh.trainer.optimizer.variables]
    assert names == [v.name for v in optimizer.variables]
    assert "decay_steps" not in names
