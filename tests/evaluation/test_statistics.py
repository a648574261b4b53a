import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import f1_score

from har.evaluation import statistics
from har.evaluation.metrics import macro_f1
from har.evaluation.statistics import Scored

RNG = np.random.default_rng


def confusion(people=8, k=3, seeds=2, seed=0, skill=6.0):
    rng = RNG(seed)
    rate = np.ones((people, k, k)) + skill * rng.random((people, 1, 1)) * np.eye(k)
    return rng.poisson(rate * 4, size=(seeds, people, k, k)) + np.eye(k, dtype=int)


def scored(name, people=8, **kwargs):
    return Scored(name, confusion(people, **kwargs))


# Bootstrap -------------------------------------------------------------------------------------


def test_bootstrap_is_pooling_the_windows_of_the_drawn_people():
    c = confusion(people=5, seeds=2)
    rng = RNG(1)
    draws = [rng.integers(5, size=5) for _ in range(20)]
    weights = np.array([np.bincount(d, minlength=5) for d in draws])
    naive = []
    for draw in draws:
        of_seeds = []
        for seed in range(2):
            true, predicted = [], []
            for person in draw:
                for i, j in itertools.product(range(3), range(3)):
                    n = c[seed, person, i, j]
                    true += [i] * n
                    predicted += [j] * n
            of_seeds.append(f1_score(true, predicted, average="macro"))
        naive.append(np.mean(of_seeds))
    np.testing.assert_allclose(statistics.bootstrap_macro_f1(c, weights), naive, atol=1e-12)


def test_each_bootstrap_sample_has_as_many_people_as_there_are():
    weights = statistics.resampled_people(7, resamples=500)
    assert (weights.sum(axis=1) == 7).all()
    # A person is drawn a binomial number of times: mean 1, variance 1 − 1/7.
    assert weights.mean() == pytest.approx(1)
    assert weights.var() == pytest.approx(6 / 7, rel=0.1)


def test_people_who_are_all_alike_leave_nothing_to_vary():
    c = np.repeat(confusion(people=1), 6, axis=1)
    low, high = Scored("alike", c).ci95()
    assert low == pytest.approx(high)
    assert low == pytest.approx(macro_f1(c.sum(axis=1)).mean())


def test_interval_of_a_mean_is_that_of_theory():
    # With one class and its mirror for each person, the pooled score is close to a mean over
    # people, whose standard error is the population SD over √n.
    rng = RNG(3)
    hits = rng.binomial(200, np.clip(rng.normal(0.8, 0.06, size=60), 0, 1))
    c = np.zeros((1, 60, 2, 2), int)
    c[0, :, 0, 0] = c[0, :, 1, 1] = hits
    c[0, :, 0, 1] = c[0, :, 1, 0] = 200 - hits
    values = statistics.bootstrap_macro_f1(c, statistics.resampled_people(60))
    assert values.std() == pytest.approx((hits / 200).std() / np.sqrt(60), rel=0.03)


def test_interval_of_a_mean_is_as_wide_as_students():
    x = RNG(0).normal(size=8)
    means = statistics.resampled_people(8, resamples=200_000) @ x / 8
    low, high = statistics.interval95(means, 8)
    want = scipy.stats.t.ppf(0.975, 7) * x.std(ddof=1) / np.sqrt(8)
    assert (high - low) / 2 == pytest.approx(want, rel=0.05)


def test_interval_covers_as_often_as_it_says_with_ten_people():
    """Scores of 10 people, drawn 1,500 times: plain percentiles would cover 90 %."""
    rng = RNG(0)
    weights = statistics.resampled_people(10, resamples=2000) / 10
    scores = rng.beta(8, 2, size=(1500, 10))
    intervals = np.array([statistics.interval95(weights @ s, 10) for s in scores])
    covered = (intervals[:, 0] <= 0.8) & (intervals[:, 1] >= 0.8)
    assert 0.925 < covered.mean() < 0.965
    plain = np.percentile(weights @ scores.T, [2.5, 97.5], axis=0)
    assert ((plain[0] <= 0.8) & (plain[1] >= 0.8)).mean() < 0.915


# Tests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "p"), [(1, 1), (2, 0.5), (9, 0.00390625), (10, 0.001953125)])
def test_smallest_p_is_what_the_exact_test_gives_when_all_agree(n, p):
    assert statistics.smallest_p(n) == p
    assert statistics.signed_rank_p(np.arange(1.0, n + 1)) == pytest.approx(p)


def test_signed_rank_p_is_the_share_of_sign_patterns_at_least_as_extreme():
    d = np.array([0.3, -0.1, 0.25, 0.4, -0.05, 0.6, 0.15])
    ranks = scipy.stats.rankdata(np.abs(d))
    centre = ranks.sum() / 2
    seen = abs(ranks[d > 0].sum() - centre)
    patterns = itertools.product([0, 1], repeat=len(d))
    sums = np.array([np.dot(p, ranks) for p in patterns])
    want = (np.abs(sums - centre) >= seen - 1e-9).mean()
    assert statistics.signed_rank_p(d) == pytest.approx(want)


def test_nothing_differs_p_is_one():
    assert statistics.signed_rank_p(np.zeros(5)) == 1


def test_holm_by_its_definition():
    p = np.array([0.04, 0.01, 0.03])
    # 3·0.01, max(0.03, 2·0.03), max(0.06, 1·0.04)
    np.testing.assert_allclose(statistics.holm(p), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(statistics.holm(np.array([0.9, 0.8])), [1, 1])


def test_compare_pairs_people_and_corrects_over_its_own_tests():
    a, b, c = (
        scored(n, 12, seed=i, skill=s)
        for i, (n, s) in enumerate(zip("abc", (40, 3, 3), strict=True))
    )
    rows = statistics.compare(a, [b, c])
    assert [(r["a"], r["b"]) for r in rows] == [("a", "b"), ("a", "c")]
    want = [scipy.stats.wilcoxon(a.subject_f1, o.subject_f1).pvalue for o in (b, c)]
    np.testing.assert_allclose([r["p"] for r in rows], want)
    np.testing.assert_allclose([r["p_holm"] for r in rows], statistics.holm(np.array(want)))
    for row, other in zip(rows, (b, c), strict=True):
        assert row["difference"] == pytest.approx(
            macro_f1(a.confusion.sum(axis=1)).mean() - macro_f1(other.confusion.sum(axis=1)).mean()
        )
        assert row["ci95"][0] < row["difference"] < row["ci95"][1]
        assert row["p_attainable"] == 2.0**-11
        assert row["verdict"] == "better"


def test_too_few_people_to_tell_however_different_the_models_are():
    a, b = scored("a", 5, skill=50), scored("b", 5, skill=0.1)
    (row,) = statistics.compare(a, [b])
    assert row["p_attainable"] == 0.0625
    assert row["verdict"] == "too few people to tell"
    a, b = scored("a", 6, skill=50), scored("b", 6, skill=0.1)
    others = [b, scored("c", 6, skill=0.1, seed=9)]
    # 6 people can give 0.031, but not after correction over two tests.
    verdicts = {r["verdict"] for r in statistics.compare(a, others)}
    assert verdicts == {"too few people to tell"}


def counts(rights, windows=100):
    """Of one seed and two classes: so many windows of each person are right."""
    c = np.zeros((1, len(rights), 2, 2), int)
    for i, right in enumerate(rights):
        c[0, i] = [[right, windows - right], [windows - right, right]]
    return c


def test_equal_scores_leave_fewer_people_to_give_a_p():
    a, b = counts([60, 61, 62, 63, 64, 65, 66, 70, 70]), counts([50] * 7 + [70, 70])
    first, second = Scored("a", a), Scored("b", b)
    (row,) = statistics.compare(first, [second])
    assert row["n_subjects"] == 9
    assert row["p_attainable"] == row["p"] == 2.0**-6  # as of the seven who differ
    assert row["verdict"] == "better"


def test_no_p_is_below_the_smallest_even_where_differences_are_equal():
    # Of 20 equal differences only the number above 0 tells, and the test is no longer exact.
    a, b = counts([60] * 20), counts([50] * 20)
    first, second = Scored("a", a), Scored("b", b)
    (row,) = statistics.compare(first, [second])
    assert row["p_attainable"] == row["p"] == scipy.stats.wilcoxon(np.full(20, 0.1)).pvalue
    assert row["p_attainable"] > statistics.smallest_p(20)


def test_no_verdict_where_people_and_the_pool_point_different_ways():
    # Eleven are a little better with a, and one so much worse that a's pooled score is lower.
    a, b = counts([71 + i for i in range(11)] + [10]), counts([70] * 11 + [95])
    first, second = Scored("a", a), Scored("b", b)
    (row,) = statistics.compare(first, [second])
    assert row["p_holm"] < 0.05
    assert row["difference"] < 0 < statistics.signed_ranks(first.subject_f1 - second.subject_f1)
    assert row["verdict"] == "not significant"


def test_a_model_against_itself_is_not_told_apart():
    a = scored("a", 10)
    (row,) = statistics.compare(a, [a])
    assert row["difference"] == 0
    assert row["ci95"] == [0, 0]
    assert row["verdict"] == "not significant"


# All pairs -------------------------------------------------------------------------------------


def four(people=24):
    rng = RNG(5)
    base = rng.normal(0.7, 0.05, size=people)
    noise = rng.normal(0, 0.01, size=(4, people))
    scores = base + np.array([0.10, 0.09, 0.0, -0.1])[:, None] + noise
    scores[1] = scores[0] + rng.permutation(np.linspace(-0.02, 0.02, people))
    return [SimpleNamespace(name=n, subject_f1=s) for n, s in zip("abcd", scores, strict=True)]


def test_critical_difference_ranks_and_groups():
    models = four()
    got = statistics.critical_difference(models)
    table = np.array([m.subject_f1 for m in models])
    naive = {m.name: 0.0 for m in models}
    for column in table.T:
        for rank, i in enumerate(np.argsort(-column), start=1):
            naive["abcd"[i]] += rank / table.shape[1]
    assert got["ranks"] == pytest.approx(naive)
    assert sum(got["ranks"].values()) == pytest.approx(10)
    assert got["friedman_p"] == pytest.approx(scipy.stats.friedmanchisquare(*table).pvalue)
    assert [sorted(g) for g in got["groups"]] == [["a", "b"]]


def test_no_diagram_below_twenty_people_or_three_models():
    assert statistics.critical_difference(four(19)) is None
    assert statistics.critical_difference(four()[:2]) is None
