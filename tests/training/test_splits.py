import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.config import SplitConfig
from har.errors import SplitError
from har.signal.windows import Windows
from har.training import splits
from har.training.splits import Split, make, shared_samples
from tests.synthetic import make_windows


def toy_windows(people, sessions=2, per_session=6, classes=3, seed=0):
    """Windows of 10 samples, half overlapping, `classes` labels in turn."""
    rng = np.random.default_rng(seed)
    rows = []
    base = 0
    for p in range(people):
        for s in range(sessions):
            n = per_session + int(rng.integers(0, 4))
            for i in range(n):
                rows.append((base + 5 * i, i % classes, str(p + 1), f"{p + 1}/{s}/pocket", 5 * i))
            base += 5 * n + 10
    start, label, subject, recording, at = map(np.array, zip(*rows, strict=True))
    return Windows(
        samples=rng.normal(size=(base, 3)).astype(np.float32), starts=start, n_samples=10,
        taps=np.ones(1), labels=label, purity=np.ones(len(start), np.float32), subjects=subject,
        recordings=recording, spans=np.stack([at, at + 10], axis=1),
        activities=tuple(f"c{i}" for i in range(classes)), rate_hz=10.0, rejected={},
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 12), st.integers(2, 6), st.integers(0, 50))
def test_subject_folds_never_share_a_person_and_test_everyone_once(people, folds, seed):
    w = toy_windows(people, seed=seed)
    folds = min(folds, people)
    made = make(w, SplitConfig(scheme="subject-folds", folds=folds, seed=seed))
    tested = np.concatenate([s.test for s in made])
    assert sorted(tested.tolist()) == list(range(len(w)))
    for s in made:
        parts = [set(w.subjects[i]) for i in (s.train, s.validation, s.test)]
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert sorted([*s.train, *s.validation, *s.test]) == list(range(len(w)))


def test_leave_one_subject_out_tests_each_alone():
    w = toy_windows(5)
    made = make(w, SplitConfig(scheme="leave-one-subject-out"))
    assert [s.people()["test"] for s in made] == [["1"], ["2"], ["3"], ["4"], ["5"]]


def test_named_subjects_are_the_test_people_and_nobody_else():
    [s] = make(toy_windows(6), SplitConfig(scheme="subjects", test=("2", "5")))
    assert s.people()["test"] == ["2", "5"]
    assert sorted(s.people()["train"] + s.people()["validation"]) == ["1", "3", "4", "6"]


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    w = toy_windows(12)
    a, b, c = ([s.people()["test"] for s in make(w, SplitConfig(seed=seed))] for seed in (0, 0, 1))
    assert a == b != c


def test_validation_people_perform_every_class_where_that_is_possible():
    w = make_windows(subjects=8)
    for s in make(w, SplitConfig(folds=4)):
        assert set(w.labels[s.validation]) == set(range(len(w.activities)))


@pytest.mark.parametrize(
    ("config", "people", "message"),
    [
        (SplitConfig(), 2, "needs three subjects or more"),
        (SplitConfig(folds=9), 5, "split.folds is 9, but there are 5 subjects"),
        (SplitConfig(scheme="subjects", test=("77",)), 5, "subjects 77 who have no windows"),
        (SplitConfig(scheme="subjects", test=("1", "2", "3", "4")), 5, "name fewer test subjects"),
    ],
)
def test_too_few_people_are_an_error_that_says_what_to_do(config, people, message):
    with pytest.raises(SplitError, match=message):
        make(toy_windows(people), config)


def test_a_split_refuses_a_shared_subject():
    w = toy_windows(3)
    of = {p: np.flatnonzero(w.subjects == p) for p in "123"}
    with pytest.raises(SplitError, match="train and test share subjects"):
        Split(w, np.concatenate([of["1"], of["3"][:1]]), of["2"], of["3"][2:])


def test_a_split_refuses_shared_samples():
    w = toy_windows(3)
    index = np.flatnonzero(w.subjects == "1")
    with pytest.raises(SplitError, match="share 5 raw samples"):
        Split(w, index[[0]], index[[1]], np.flatnonzero(w.subjects == "3"), by_subject=False)
    apart = Split(w, index[[0]], index[[2]], np.flatnonzero(w.subjects == "3"), by_subject=False)
    assert len(apart.train) == 1


def test_lead_in_counts_as_shared():
    w = toy_windows(3)
    longer = dataclasses.replace(w, taps=np.ones(3) / 3)
    assert shared_samples(w, np.array([0]), np.array([2])) == 0
    assert shared_samples(longer, np.array([0]), np.array([2])) == 2


@pytest.mark.parametrize("sessions", [1, 8])
def test_sessions_keep_recordings_or_blocks_apart(sessions):
    w = toy_windows(1, sessions=sessions, per_session=60 // sessions)
    made = make(w, SplitConfig(scheme="sessions", folds=3))
    assert len(made) == 3
    for s in made:
        if sessions > 1:
            of = [set(w.recordings[i]) for i in (s.train, s.validation, s.test)]
            assert len(set.union(*of)) == sum(map(len, of))
        for a, b in [(s.train, s.test), (s.train, s.validation), (s.validation, s.test)]:
            assert shared_samples(w, a, b) == 0
    if sessions == 1:  # and at least a window between blocks of different folds
        fold = np.full(len(w), -1)
        for f, s in enumerate(made):
            fold[s.test] = f
        used = np.flatnonzero(fold >= 0)
        for i in used:
            for j in used:
                if fold[i] != fold[j] and w.spans[j, 0] >= w.spans[i, 0]:
                    assert w.spans[j, 0] - w.spans[i, 1] >= w.n_raw


def test_natural_order():
    assert sorted(["10", "2", "anna", "1"], key=splits.natural) == ["1", "2", "10", "anna"]


def test_with_next_fold_everybody_validates_once_and_tests_once():
    windows = make_windows(subjects=11)
    folds = make(windows, SplitConfig(folds=4, validation="next-fold"))
    for part in ("test", "validation"):
        people = [s for fold in folds for s in fold.people()[part]]
        assert sorted(people) == sorted(set(windows.subjects))
    for fold, following in zip(folds, [*folds[1:], folds[0]], strict=True):
        assert fold.people()["validation"] == following.people()["test"]
        assert len(fold.train) + len(fold.validation) + len(fold.test) == len(windows)


def test_next_fold_refuses_to_train_without_an_activity():
    w = toy_windows(6, classes=2)
    config = SplitConfig(folds=3, validation="next-fold")
    _, second, _ = splits.subject_folds(w, np.arange(len(w)), 3, config.seed)
    # Only those whom the second fold tests, and so the first validates on, did something else.
    third = dataclasses.replace(
        w, labels=np.where(np.isin(w.subjects, second), 2, w.labels), activities=("a", "b", "rare")
    )
    with pytest.raises(SplitError, match=r"leaves nobody with rare to train in\s+fold"):
        make(third, config)
    assert make(third, SplitConfig(folds=3))  # a share takes other people


@pytest.mark.parametrize("other", [{"scheme": "leave-one-subject-out"}, {"folds": 2}])
def test_next_fold_needs_folds(other):
    with pytest.raises(ValueError, match=r"next-fold needs scheme: subject-folds with 3 folds"):
        SplitConfig(validation="next-fold", **other)
