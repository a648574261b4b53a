"""The gate must fall on what it is there for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.errors import ExportError
from har.export import parity


def probabilities(rng: np.random.Generator, n: int = 400, k: int = 4) -> np.ndarray:
    z = rng.normal(0, 2, (n, k))
    p = np.exp(z)
    return (p / p.sum(1, keepdims=True)).astype(np.float32)


def test_equal_passes(rng: np.random.Generator) -> None:
    p = probabilities(rng)
    found = parity.compare(p, p.copy(), p.argmax(1))
    assert found.max_abs_diff == 0
    assert found.label_agreement == 1
    assert found.macro_f1 == 1
    # always right: what is short of 1 is the error
    assert found.ece == pytest.approx(1 - p.max(1).mean(), abs=1e-6)
    assert parity.gate("float32", found, what="test") is None


def test_one_probability_off_by_more_than_the_limit_ends_the_export(
    rng: np.random.Generator,
) -> None:
    p = probabilities(rng)
    for off, stops in ((0.9e-4, False), (1.2e-4, True)):
        q = p.copy()
        q[7, 2] += off
        found = parity.compare(p, q)
        if stops:
            with pytest.raises(ExportError, match="differs from Keras by 0.00012.*400 windows"):
                parity.gate("float32", found, what="gru")
        else:
            assert parity.gate("float32", found, what="gru") is None


def test_a_tie_may_flip_and_a_clear_case_may_not() -> None:
    near = np.array([[0.50005, 0.49995]], np.float32)
    assert parity.why_not("float32", parity.compare(near, near[:, ::-1])) is not None  # 1e-4 off
    nearer = np.array([[0.50003, 0.49997]], np.float32)
    assert parity.why_not("float32", parity.compare(nearer, nearer[:, ::-1])) is None
    p = np.tile(np.array([[0.5002, 0.4998]], np.float32), (3, 1))
    found = parity.Parity(3, 9e-5, 0, 2 / 3, flipped=1, not_finite=0)
    assert "clear cases" in str(parity.why_not("float32", found))
    assert parity.compare(p, p[:, ::-1]).flipped == 3


def test_nan_is_refused_in_every_variant(rng: np.random.Generator) -> None:
    p = probabilities(rng)
    q = p.copy()
    q[3, 1] = np.nan
    found = parity.compare(p, q)
    assert found.not_finite == 1
    assert "not finite" in str(parity.why_not("int8", found))
    with pytest.raises(ExportError, match="not finite"):
        parity.gate("float32", found, what="gru")


@pytest.mark.parametrize(("flips", "ships"), [(4, True), (5, False)])
def test_a_variant_ships_at_99_percent_of_the_labels(
    rng: np.random.Generator, flips: int, ships: bool
) -> None:
    p = probabilities(rng)
    q = p.copy()
    q[:flips] = np.roll(q[:flips], 1, axis=1)
    reason = parity.gate("dynamic", parity.compare(p, q), what="gru")
    assert (reason is None) == ships
    if not ships:
        assert reason == "only 98.75% of 400 windows keep their label, 99% are required"


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(ExportError, match="Nothing to compare"):
        parity.compare(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))
    with pytest.raises(ExportError, match=r"\(2, 3\).*\(2, 4\)"):
        parity.compare(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.05))
def test_against_a_slow_count(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    p = probabilities(rng, n=30)
    q = (p + rng.normal(0, noise, p.shape)).astype(np.float32)
    found = parity.compare(p, q)
    same = flipped = 0
    largest = 0.0
    for a, b in zip(p.tolist(), q.tolist(), strict=True):
        best_a, best_b = a.index(max(a)), b.index(max(b))
        same += best_a == best_b
        first, second = sorted(a)[-1], sorted(a)[-2]
        flipped += best_a != best_b and first - second > 2e-4
        largest = max(largest, *(abs(x - y) for x, y in zip(a, b, strict=True)))
    assert found.label_agreement == pytest.approx(same / 30)
    assert found.flipped == flipped
    assert found.max_abs_diff == pytest.approx(largest)
