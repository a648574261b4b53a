"""How sure we are, with the person as the unit.

Windows of one person resemble each other, and half of each window's samples are its neighbour's: a
bootstrap or a test over windows would count the same evidence many times. People are resampled
instead, and people are paired.

References
----------
Wilcoxon, Individual comparisons by ranking methods, 1945, doi:10.2307/3001968.
Holm, A simple sequentially rejective multiple test procedure, 1979, jstor:4615733.
Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006; pairs are
compared as in Benavoli, Corani and Mangili, JMLR 17, 2016 (signed ranks, Holm), not by Nemenyi's
mean ranks, whose verdict on two classifiers depends on the others.
Field and Welsh, Bootstrapping clustered data, 2007, doi:10.1111/j.1467-9868.2007.00593.x.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from har.evaluation import metrics

RESAMPLES = 10_000
MIN_PEOPLE_INTERVAL = 3
MIN_PEOPLE_DIAGRAM = 20
ALPHA = 0.05
TOO_FEW = "too few people to tell"

DEPENDENCE = (
    "Folds share training people, so the scores of different people are not independent; the "
    "intervals and p-values treat them as if they were and are therefore a little optimistic."
)
INTERVALS = (
    "Intervals are 95 % bootstrap intervals over people, who are drawn with replacement, each with "
    "all of their windows (percentiles, expanded for few people as in Hesterberg 2015). They show "
    "how the score varies with who was recorded, not with the seed."
)
TWO_QUESTIONS = (
    "The interval of a difference is computed from pooled scores, p from each person's score: a "
    "small difference in nearly everybody may have a small p and an interval that contains 0. The "
    "verdict is based on p, and is 'not significant' if p and the difference disagree in "
    "direction; the first lines of the report compare models by the interval. The smallest "
    "possible p of a pair is that of differences which all have the same sign; people with equal "
    "scores are excluded from the test."
)


def resampled_people(n: int, *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each of n people is drawn in each bootstrap sample.

    Returns
    -------
    ndarray of int64, shape (resamples, n)
        Rows sum to n.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples)


def bootstrap_macro_f1(confusion: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pooled macro-F1, averaged over seeds, of each bootstrap sample of people.

    Parameters
    ----------
    confusion : ndarray of int, shape (seeds, people, k, k)
    weights : ndarray of int, shape (resamples, people)
        From `resampled_people`; the same for two models that are to be compared.

    Returns
    -------
    ndarray of float64, shape (resamples,)
        A class that nobody in a sample performed is left out of that sample's mean.
    """
    k = confusion.shape[-1]
    total = np.zeros(len(weights))
    for of_seed in confusion:
        pooled = weights.astype(np.float64) @ of_seed.reshape(len(of_seed), k * k)
        total += metrics.macro_f1(pooled.reshape(-1, k, k))
    return total / len(confusion)


def interval95(values: np.ndarray, n: int) -> list[float]:
    """The expanded percentile interval of a bootstrap over n people.

    Plain percentiles (2.5 and 97.5) are those of a sample that is taken for the whole population:
    their interval of a mean is as narrow as one with a normal quantile and the divisor n. The
    levels are moved so that it is as wide as Student's.

    Parameters
    ----------
    values : ndarray of float64, shape (resamples,)
    n : int
        People who were resampled, at least 2.

    References
    ----------
    Hesterberg, What teachers should know about the bootstrap, 2015, section 5.3,
    doi:10.1080/00031305.2015.1089789.
    """
    from scipy.stats import norm, t

    level = 100 * norm.cdf(-np.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1))
    low, high = np.percentile(values, [level, 100 - level])
    return [float(low), float(high)]


def smallest_p(n: int) -> float:
    """The smallest two-sided p that a signed-rank test of n pairs can give: 2^(1−n), at most 1.

    Of pairs that differ: the test leaves out those that do not.
    """
    return min(1.0, 2.0 ** (1 - n))


def unequal(differences: np.ndarray) -> np.ndarray:
    """Those without zeros, which say nothing about a direction and which Wilcoxon left out."""
    d = np.round(differences, 12)  # sums of floats break ties and make ties
    return np.asarray(d[d != 0])


def signed_rank_p(differences: np.ndarray) -> float:
    """Two-sided Wilcoxon signed-rank p; exact where scipy can, 1 when nothing differs."""
    from scipy.stats import wilcoxon

    d = unequal(differences)
    return float(min(1.0, wilcoxon(d).pvalue)) if len(d) else 1.0


def signed_ranks(differences: np.ndarray) -> float:
    """The sum of signed ranks: above 0 where people's scores speak for the first model."""
    from scipy.stats import rankdata

    d = unequal(differences)
    return float((np.sign(d) * rankdata(np.abs(d))).sum())


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p-values."""
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    out = np.empty(len(p))
    out[order] = np.minimum(adjusted, 1.0)
    return out


@dataclass(frozen=True)
class Scored:
    """A model's out-of-fold predictions, as counts: int, shape (seeds, people, k, k)."""

    name: str
    confusion: np.ndarray

    @property
    def macro_f1(self) -> float:
        """Pooled over people, the mean over seeds."""
        return float(metrics.macro_f1(self.confusion.sum(axis=1)).mean())

    @property
    def accuracy(self) -> float:
        """Pooled over people, the mean over seeds."""
        return float(metrics.accuracy(self.confusion.sum(axis=1)).mean())

    @property
    def subject_f1(self) -> np.ndarray:
        """Each person's macro-F1, the mean over seeds; NaN for one without windows."""
        return np.asarray(metrics.macro_f1(self.confusion).mean(axis=0))

    @property
    def tested(self) -> np.ndarray:
        """Whether each person has windows."""
        return np.asarray(self.confusion.any(axis=(0, 2, 3)))

    def among(self, people: np.ndarray) -> Scored:
        """Of some people only: a mask, or their places."""
        return Scored(self.name, self.confusion[:, people])

    def ci95(self, less: Scored | None = None) -> list[float] | None:
        """95 % interval over people of the pooled macro-F1, or of that less another model's.

        The same people are drawn for both. None of too few.
        """
        people = self.tested if less is None else self.tested & less.tested
        n = int(people.sum())
        if n < MIN_PEOPLE_INTERVAL:
            return None
        weights = resampled_people(n)
        values = bootstrap_macro_f1(self.confusion[:, people], weights)
        if less is not None:
            values -= bootstrap_macro_f1(less.confusion[:, people], weights)
        return interval95(values, n)


def compare(selected: Scored, others: list[Scored]) -> list[dict]:
    """The selected model against each other one, paired by person.

    Parameters
    ----------
    selected : Scored
    others : list of Scored
        On the same people. Seeds may differ in number.

    Returns
    -------
    list of dict
        `difference` and `ci95` are of pooled macro-F1, selected minus other, over the same
        resamples of people. `p` is Wilcoxon's over per-person macro-F1, `p_holm` corrected for
        these tests, `p_attainable` what p would be if all the same differences pointed one way, and
        `verdict` in words: better, worse, not significant, or too few people to tell.
    """
    rows, differences = [], []
    for other in others:
        d = selected.subject_f1 - other.subject_f1
        d = d[~np.isnan(d)]
        differences.append(d)
        rows.append(
            {
                "a": selected.name,
                "b": other.name,
                "difference": selected.macro_f1 - other.macro_f1,
                "ci95": selected.ci95(less=other),
                "n_subjects": len(d),
                "p": signed_rank_p(d),
                "p_attainable": signed_rank_p(np.abs(d)),
            }
        )
    corrected = holm(np.array([r["p"] for r in rows]))
    for row, p, d in zip(rows, corrected, differences, strict=True):
        row["p_holm"] = float(p)
        row["verdict"] = _verdict(row, d, tests=len(rows))
    return rows


def _verdict(row: dict, differences: np.ndarray, tests: int) -> str:
    # Where no score differs, more people of the kind would not tell either.
    if len(unequal(differences)) and tests * row["p_attainable"] > ALPHA:
        return TOO_FEW
    # People's own scores and the pooled one may point different ways: nothing is said then.
    if row["p_holm"] > ALPHA or signed_ranks(differences) * row["difference"] <= 0:
        return "not significant"
    return "better" if row["difference"] > 0 else "worse"


def critical_difference(models: list[Scored]) -> dict | None:
    """All pairs at once: average ranks over people, and which models do not differ significantly.

    Returns
    -------
    dict or None
        `ranks` {name: average rank, 1 is best}, `friedman_p`, `groups` (lists of names, maximal
        runs in rank order within which no pair differs by Wilcoxon–Holm), `n_subjects`. None with
        fewer than 20 people or 3 models.
    """
    from scipy.stats import friedmanchisquare, rankdata

    scores = np.array([m.subject_f1 for m in models]).T
    scores = np.round(scores[~np.isnan(scores).any(axis=1)], 12)
    if len(models) < 3 or len(scores) < MIN_PEOPLE_DIAGRAM:
        return None
    ranks = rankdata(-scores, axis=1).mean(axis=0)
    order = np.argsort(ranks, kind="stable")
    pairs = list(combinations(range(len(models)), 2))
    p = holm(np.array([signed_rank_p(scores[:, i] - scores[:, j]) for i, j in pairs]))
    same = {pair for pair, value in zip(pairs, p, strict=True) if value > ALPHA}
    groups: list[list[int]] = []
    for i in range(len(order)):
        j = i
        while j + 1 < len(order) and all(
            (min(a, b), max(a, b)) in same for a, b in combinations(order[i : j + 2].tolist(), 2)
        ):
            j += 1
        if j > i and not (groups and set(order[i : j + 1]) <= set(groups[-1])):
            groups.append(order[i : j + 1].tolist())
    everyone_equal = bool((scores == scores[:, :1]).all())
    return {
        "ranks": {models[i].name: float(ranks[i]) for i in order},
        "friedman_p": 1.0 if everyone_equal else float(friedmanchisquare(*scores.T).pvalue),
        "groups": [[models[i].name for i in g] for g in groups],
        "n_subjects": len(scores),
    }
