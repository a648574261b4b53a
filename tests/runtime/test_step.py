"""Step by step is the whole window; and what cannot be stepped says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from har.export import step
from har.runtime.interpreter import LiteModel, operators
from har.runtime.stepper import Stepper

STEP_SAMPLES = {"gru": 4, "lstm": 1, "simple_rnn": 4, "stacked_lstm": 4, "peephole_lstm": 4}


def test_each_architecture_steps_or_says_why_not(converted_all: dict[str, Any]) -> None:
    results = {name: result for name, (_, result) in converted_all.items()}
    stepped = {name for name, result in results.items() if "stream" in result.files}
    assert stepped == set(STEP_SAMPLES)
    assert all(results[name].failed["stream"] for name in results.keys() - stepped)


@pytest.mark.parametrize("name", STEP_SAMPLES)
def test_step_by_step_is_the_whole_window(converted_all: dict[str, Any], name: str) -> None:
    request, result = converted_all[name]
    path = result.files["stream"]
    about = result.step
    assert about.step_samples == STEP_SAMPLES[name]
    assert about.steps * about.step_samples + about.skip_samples == 64
    stepper = Stepper(path, about)
    windows = request.probe[:40]
    found = np.stack([stepper.window(w) for w in windows])
    np.testing.assert_allclose(found, LiteModel(result.files["float32"])(windows), atol=1e-5)
    assert not any(o.startswith("CUSTOM:") for o in operators(path.read_bytes()))
    assert "WHILE" not in operators(path.read_bytes()), "a step has no loop"


def test_a_new_window_begins_anew(converted: dict[str, Any]) -> None:
    request, result = converted["gru"]
    stepper = Stepper(result.files["stream"], result.step)
    alone = stepper.window(request.probe[1])
    stepper.window(request.probe[0])
    np.testing.assert_array_equal(stepper.window(request.probe[1]), alone)


def test_what_cannot_be_stepped_says_why(converted: dict[str, Any]) -> None:
    assert converted["bilstm"][1].failed["stream"] == (
        "it reads each window backwards too, from its end"
    )
    assert "needs the whole window" in converted["cnn"][1].failed["stream"]


@pytest.mark.tensorflow
def test_the_window_mean_cannot_be_known_in_the_middle() -> None:
    from har.models import registry

    model = registry.get("gru").build(
        (64, 3), 3, taps=np.ones(1), params={"channels": "split", "units": 4}
    )
    with pytest.raises(step.NotSteppable, match="mean over the whole window"):
        step.layers_of(model)
