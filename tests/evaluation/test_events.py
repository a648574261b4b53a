"""Event scores on cases small enough to count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.evaluation import events

ACTIVITIES = ("sit", "walk", "jog")
TRUE = [(0.0, 10.0, "sit"), (10.0, 30.0, "walk"), (30.0, 40.0, "sit")]


def test_perfect() -> None:
    found = events.score(TRUE, TRUE, activities=ACTIVITIES)
    assert found is not None
    assert (found["events"], found["f1"], found["time_accuracy"]) == (3, 1.0, 1.0)
    assert (found["fragmented"], found["merged"]) == (0, 0)
    assert found["per_activity"]["sit"] == {"events": 2, "precision": 1, "recall": 1, "f1": 1}


def test_counted_by_hand() -> None:
    bouts = [(0.0, 11.0, "sit"), (11.0, 18.0, "walk"), (18.0, 20.0, "jog"), (20.0, 30.0, "walk"),
             (30.0, 40.0, "unknown")]  # fmt: skip
    found = events.score(bouts, TRUE, activities=ACTIVITIES)
    assert found is not None
    # sit 0–10: IoU 10/11, found. walk: 7/20 and 10/20, the second is exactly half: found.
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["precision"] == pytest.approx(2 / 4)
    assert found["f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert found["fragmented"] == 1
    assert found["time_accuracy"] == pytest.approx((10 + 7 + 10) / 40)
    assert found["per_activity"]["jog"] == {
        "events": 0, "precision": 0.0, "recall": None, "f1": 0.0,
    }  # fmt: skip


def test_one_bout_over_two_events_merges_them() -> None:
    true = [(0.0, 10.0, "walk"), (12.0, 22.0, "walk")]
    found = events.score([(0.0, 22.0, "walk")], true, activities=ACTIVITIES)
    assert found is not None
    assert found["merged"] == 1
    assert found["recall"] == 0, "10 of 22 s is less than half"


def test_touching_annotations_of_one_activity_are_one_event() -> None:
    true = [(0.0, 10.0, "walk"), (10.0, 22.0, "walk")]
    found = events.score([(0.0, 22.0, "walk")], true, activities=ACTIVITIES)
    assert found is not None
    assert (found["events"], found["f1"]) == (1, 1.0)


def test_what_nobody_annotated_is_not_held_against_the_model() -> None:
    bouts = [*TRUE, (40.0, 400.0, "jog")]
    found = events.score(bouts, [*TRUE, (100.0, 120.0, "swim")], activities=ACTIVITIES)
    assert found is not None
    assert found["precision"] == 1
    assert events.score(bouts, [(0.0, 9.0, "swim")], activities=ACTIVITIES) is None
    assert events.score(bouts, [], activities=ACTIVITIES) is None


def test_published_labels_become_activities() -> None:
    true = [(a, b, {"sit": "SITTING", "walk": "WALKING"}[n]) for a, b, n in TRUE]
    labels = {"SITTING": "sit", "WALKING": "walk"}
    found = events.score(TRUE, true, activities=ACTIVITIES, labels=labels)
    assert found is not None
    assert found["f1"] == 1


@given(st.lists(st.tuples(st.floats(0.5, 20), st.sampled_from(ACTIVITIES)), min_size=1, max_size=8))
def test_time_accuracy_against_a_slow_count(parts: list[tuple[float, str]]) -> None:
    bouts, at = [], 0.0
    for length, name in parts:
        bouts.append((at, at + length, name))
        at += length
    true = [(0.0, at / 2, "walk"), (at / 2, at, "sit")]
    found = events.score(bouts, true, activities=ACTIVITIES)
    assert found is not None
    n = 20000
    right = 0
    for i in range(n):
        t = (i + 0.5) * at / n
        said = next(b[2] for b in bouts if b[0] <= t < b[1])
        right += said == ("walk" if t < at / 2 else "sit")
    assert found["time_accuracy"] == pytest.approx(right / n, abs=1e-3)
