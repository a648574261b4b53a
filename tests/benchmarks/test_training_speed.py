"""What is asked of training: jobs over cores, and a step that costs no more than plain Keras'."""

from __future__ import annotations

import os

import pytest

from har import fanout
from har.models import registry
from har.training import backend
from tests.benchmarks import training_speed

ROUNDS = 5


@pytest.fixture(scope="module", params=training_speed.EVERY)
def measured(request):
    return request.param, training_speed.of_model(request.param, ROUNDS)


def test_a_step_costs_no_more_than_that_of_plain_keras(benchmark, measured):
    model, rates = measured
    benchmark.pedantic(lambda: None, rounds=1)
    benchmark.extra_info |= {name: training_speed.spread(r) for name, r in rates.items()}
    ours = "har, JAX" if backend.choose("auto", model).name == "jax" else "har, TensorFlow"
    # Two medians of the same thing differ by a few percent.
    assert training_speed.ratio(rates, ours, "plain Keras, TensorFlow") > 0.95, rates


def test_auto_takes_the_faster_backend(benchmark, measured):
    model, rates = measured
    benchmark.pedantic(lambda: None, rounds=1)
    if not backend.jax_installed():
        pytest.skip("jax is not installed")
    on_jax = training_speed.ratio(rates, "har, JAX", "har, TensorFlow")
    # A step that is somewhat faster does not make up for what compiling costs a short job.
    assert on_jax > 0.9 if registry.get(model).faster_on_jax else on_jax < 1.5, rates


def test_beside_pytorch(benchmark, measured):
    """Reported, not asked for."""
    model, rates = measured
    if model not in training_speed.MODELS:
        pytest.skip(f"{model} is not written in PyTorch here")
    if "PyTorch" not in rates:
        pytest.skip("HAR_TORCH_PYTHON names no Python that has PyTorch")
    benchmark.pedantic(lambda: None, rounds=1)
    ours = max(training_speed.ratio(rates, n, "PyTorch") for n in rates if n.startswith("har"))
    benchmark.extra_info |= {"times PyTorch": round(ours, 2)}


def test_a_comparison_over_two_cores_is_1_6_times_as_fast_as_one_process(benchmark):
    if fanout.cores() < 2:
        pytest.skip("one core")
    if (load := os.getloadavg()[0]) > 0.5 * fanout.cores():
        pytest.skip(f"other programs are running (load {load:.1f}): the clock would tell of them")
    seconds = benchmark.pedantic(training_speed.comparison, (1, 3, 5), rounds=1)
    (one,), (kept,) = seconds[training_speed.ONE], seconds[training_speed.KEPT]
    (many,) = seconds[training_speed.SPREAD]
    assert one / many >= 1.6, seconds
    assert kept / many >= 1.2, seconds  # spreading by itself
