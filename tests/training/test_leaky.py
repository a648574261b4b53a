"""The split that leaks on purpose: what it shares, and that nothing takes it for an honest one."""

import dataclasses
import typing

import numpy as np
import pytest

from har.config import SplitConfig
from har.errors import ConfigError, SplitError
from har.pipeline_file import parse
from har.store import Output, Store
from har.training import leaky, splits
from har.training.leaky import LeakySplit
from har.training.tasks import TaskMaker
from tests.synthetic import make_windows


@pytest.fixture(scope="module")
def windows():
    return make_windows(6)


@pytest.fixture(scope="module")
def honest(windows):
    return splits.make(windows, SplitConfig(folds=3))


def test_people_and_samples_stand_on_both_sides_and_an_honest_split_refuses_that(windows, honest):
    for dealt in leaky.deal(honest, 0):
        w = windows
        assert set(w.subjects[dealt.test]) & set(w.subjects[dealt.train])
        assert splits.shared_samples(w, dealt.train, dealt.test) > 0
        parts = (dealt.train, dealt.validation, dealt.test)
        with pytest.raises(SplitError, match="share subjects"):
            splits.Split(w, *parts)
        with pytest.raises(SplitError, match="raw samples"):
            splits.Split(w, *parts, by_subject=False)
        assert not isinstance(dealt, splits.Split)


def test_as_many_windows_as_before_each_tested_once(windows, honest):
    dealt = leaky.deal(honest, 0)
    for a, b in zip(honest, dealt, strict=True):
        for part in ("train", "validation", "test"):
            assert len(getattr(a, part)) == len(getattr(b, part))
    tested = np.concatenate([d.test for d in dealt])
    assert sorted(tested.tolist()) == list(range(len(windows)))
    again, other = leaky.deal(honest, 0), leaky.deal(honest, 1)
    assert (again[0].test == dealt[0].test).all()
    assert set(other[0].test) != set(dealt[0].test)


def test_what_leaks_is_counted_as_a_loop_would(windows, honest):
    dealt = leaky.deal(honest, 0)[0]

    def rows(i):
        return set(range(windows.starts[i], windows.starts[i] + windows.n_raw))

    trained = set().union(*(rows(i) for i in dealt.train))
    assert dealt.known_samples().tolist() == [bool(rows(i) & trained) for i in dealt.test]
    assert dealt.known_people().all()
    a = honest[0]
    apart = LeakySplit(windows, a.train, a.validation, a.test)
    assert not apart.known_samples().any()
    assert not apart.known_people().any()


def test_a_window_in_two_parts_is_no_split_at_all(windows):
    with pytest.raises(SplitError, match="1 windows stand in two parts"):
        LeakySplit(windows, np.arange(4), np.arange(3, 6), np.arange(6, 9))
    with pytest.raises(SplitError, match="has no window"):
        LeakySplit(windows, np.arange(4), np.arange(4, 6), np.arange(0))


@pytest.mark.parametrize("name", ["leaky", "random", "windows", "random-windows", "LeakySplit"])
def test_no_pipeline_file_can_ask_for_it(name):
    with pytest.raises(ConfigError, match=r"split\.scheme"):
        parse({"name": "x", "dataset": "watch", "models": ["cnn"], "split": {"scheme": name}})
    schemes = typing.get_args(SplitConfig.model_fields["scheme"].annotation)
    assert set(schemes) == {"subject-folds", "leave-one-subject-out", "sessions", "subjects"}


def test_its_jobs_have_a_key_of_their_own_even_on_the_same_windows(windows, honest, tmp_path):
    p = parse({"name": "x", "dataset": "watch", "models": ["cnn"]})
    a = honest[0]
    prepared = Output("prepare", "k", tmp_path, {"fingerprint": "f"})
    maker = TaskMaker(prepared, Store(tmp_path), p.training)
    (mine,) = maker.folds(p.models, [LeakySplit(windows, a.train, a.validation, a.test)])
    (theirs,) = maker.folds(p.models, [a])
    assert mine.key != theirs.key
    assert {k: v for k, v in mine.parts.items() if k != "leaky"} == theirs.parts
    assert dataclasses.replace(theirs).key == theirs.key
    assert leaky.is_leaky(mine.job.fold)
    assert mine.job.model.key == "cnn (leaky)"
    assert not any(leaky.is_leaky(f) for f in (0, "final"))
