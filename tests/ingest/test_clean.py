"""Repairs and the account: every sample in exactly one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.errors import DataError
from har.ingest.clean import clean, true_rate_hz
from har.ingest.raw import Raw


def raw(n=100, **changes):
    values = {
        "dataset": "own", "subject": "ann", "session": "1", "placement": "wrist",
        "acceleration": np.arange(3.0 * n).reshape(n, 3), "unit": "m/s2", "convention": "android",
        "rate_hz": 50.0, "source": "file.csv", "notes": [("walk", 0, n)],
    }  # fmt: skip
    return Raw(**(values | changes))


def test_units_and_sign():
    (got,), _ = clean(raw(2, acceleration=np.array([[0, 0, -1.0], [0, 0.5, 0]]), unit="g",
                          convention="ios"))  # fmt: skip
    np.testing.assert_allclose(got.acceleration, [[0, 0, 9.80665], [0, -4.903325, 0]], rtol=1e-6)
    assert "iOS" in got.provenance["sign"]
    (got,), _ = clean(raw(1, acceleration=np.array([[0, 0, 1000.0]]), unit="mg"))
    assert got.acceleration[0, 2] == pytest.approx(9.80665)


def test_unknown_unit_stops():
    with pytest.raises(DataError, match=r"Set dataset\.unit"):
        clean(raw(unit=None))


def test_rows_slightly_out_of_order_are_sorted():
    t = np.array([0.0, 0.02, 0.06, 0.04, 0.08])
    (got,), account = clean(raw(5, time_s=t))
    assert got.acceleration[:, 0].tolist() == [0, 3, 9, 6, 12]
    assert account.kept == 5
    assert [f.code for f in account.findings] == ["step-back"]


def test_a_restart_begins_another_recording():
    t = np.r_[np.arange(50) * 0.02 + 100, np.arange(50) * 0.02]
    found, account = clean(raw(time_s=t, notes=[("sit", 0, 40), ("walk", 40, 100)]))
    assert [r.session for r in found] == ["1", "1~2"]
    assert [[(a.label, a.start, a.end) for a in r.annotations] for r in found] == [
        [("sit", 0, 40), ("walk", 40, 50)],
        [("walk", 0, 50)],
    ]
    assert account.kept == 100


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_sample_ends_in_one_place(data):
    """Kept rows, found by their unique x value, and rejected counts add up; labels follow rows."""
    n = data.draw(st.integers(1, 40))
    acceleration = np.column_stack([np.arange(n), np.zeros(n), np.zeros(n)]).astype(float)
    for i in data.draw(st.sets(st.integers(0, n - 1), max_size=5)):
        acceleration[i, 1] = np.nan
    steps = data.draw(
        st.lists(st.sampled_from([0.02, 0.02, 0.0, -0.01, 5.0, -4.0, np.nan]), min_size=n,
                 max_size=n)
    )  # fmt: skip
    steps = np.array(steps)
    time = np.cumsum(np.nan_to_num(steps))
    time[np.isnan(steps)] = np.nan
    cut = data.draw(st.integers(0, n))
    notes = [(label, a, b) for label, a, b in [("a", 0, cut), ("b", cut, n)] if b > a]
    found, account = clean(raw(n, acceleration=acceleration, time_s=time, notes=notes,
                               rejected={"malformed line": 3}))  # fmt: skip
    kept = [int(x) for r in found for x in r.acceleration[:, 0]]
    assert len(kept) == len(set(kept)) == account.kept
    assert account.samples_in == n + 3 == account.kept + sum(account.rejected.values())
    for r in found:
        for a in r.annotations:
            rows = r.acceleration[a.start : a.end, 0]
            assert all((row < cut) == (a.label == "a") for row in rows)
        assert sum(a.end - a.start for a in r.annotations) == r.n_samples


def test_true_rate_ignores_gaps():
    t = np.r_[np.arange(100) * 0.04, 60 + np.arange(100) * 0.04]
    assert true_rate_hz(t) == pytest.approx(25.0)
    assert true_rate_hz(t[:1]) is None
