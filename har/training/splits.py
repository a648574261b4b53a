"""Who trains, who validates, who tests. No subject crosses, ever.

`Split` refuses a shared subject and shared raw samples when it is made; what was in fact trained
is proven again later from the results themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from har.config import SplitConfig
from har.errors import SplitError
from har.signal.windows import Windows


@dataclass(frozen=True, eq=False)
class Parts:
    """Window indices (int64) of one fold's parts, none of them empty."""

    windows: Windows
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        for name, index in self.by_name.items():
            if not len(index):
                raise SplitError(
                    f"The {name} part of a fold has no window. Record more, or take fewer folds "
                    "(split.folds) or shorter windows (windows.length_s)."
                )

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True, eq=False)
class Split(Parts):
    """Window indices of one fold: train, validation and test, int64.

    `by_subject` is False only for `scheme: sessions`, where recordings are apart and people are
    not.

    Raises
    ------
    SplitError
        If a subject (by_subject), or a raw sample, stands in two parts, or a part is empty.
    """

    by_subject: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        who = self.windows.subjects
        for (a, of_a), (b, of_b) in combinations(self.by_name.items(), 2):
            if self.by_subject and (shared := set(who[of_a]) & set(who[of_b])):
                raise SplitError(f"{a} and {b} share subjects {sorted(shared)}.")
            if n := shared_samples(self.windows, of_a, of_b):
                raise SplitError(f"{a} and {b} share {n} raw samples.")

    def people(self) -> dict[str, list[str]]:
        """Who is in which part."""
        who = self.windows.subjects
        return {part: _people(who[index]) for part, index in self.by_name.items()}


def natural(name: str) -> tuple[int, int | str]:
    """Sorts 2 before 10, and numbers before names."""
    return (0, int(name)) if name.isdigit() else (1, name)


def _people(subjects: np.ndarray) -> list[str]:
    return sorted(set(subjects), key=natural)


def shared_samples(windows: Windows, a: np.ndarray, b: np.ndarray) -> int:
    """How many raw samples windows `a` and windows `b` both use, lead-in included."""
    return int((used_samples(windows, a) & used_samples(windows, b)).sum())


def used_samples(windows: Windows, index: np.ndarray) -> np.ndarray:
    """Whether any of the windows uses each raw sample: bool, shape (len(windows.samples),)."""
    edges = np.zeros(len(windows.samples) + 1, np.int32)
    np.add.at(edges, windows.starts[index], 1)
    np.add.at(edges, windows.starts[index] + windows.n_raw, -1)
    return np.asarray(edges.cumsum()[:-1] > 0)


def make(windows: Windows, config: SplitConfig) -> list[Split]:
    """The folds of a pipeline.

    For `subject-folds` and `leave-one-subject-out` every window is tested exactly once.

    Raises
    ------
    SplitError
        If there are too few people for the scheme, or a named one is not there.
    """
    everyone = _people(windows.subjects)
    if unknown := sorted({*config.test, *config.exclude} - set(everyone), key=natural):
        raise SplitError(
            f"split names subjects {', '.join(unknown)} who have no windows. Subjects: "
            f"{', '.join(everyone)}."
        )
    if config.scheme == "sessions":
        return _sessions(windows, config)
    pool = np.flatnonzero(~np.isin(windows.subjects, config.exclude))
    people = [p for p in everyone if p not in config.exclude]
    if len(people) < 3:
        raise SplitError(
            f"Scheme {config.scheme} needs three subjects or more (to train, validate and test); "
            f"these windows have {len(people)}: {', '.join(people)}. With fewer only `split: "
            "{scheme: sessions}` works, and its score tells nothing about other people."
        )
    if config.scheme == "subjects":
        tests = [list(config.test)]
    elif config.scheme == "leave-one-subject-out":
        tests = [[p] for p in people]
    else:
        if config.folds > len(people):
            raise SplitError(
                f"split.folds is {config.folds}, but there are {len(people)} subjects; use at most "
                "that many, or scheme: leave-one-subject-out."
            )
        tests = subject_folds(windows, pool, config.folds, config.seed)
    return [
        _with_validation(windows, pool, test, config, fold, tests[(fold + 1) % len(tests)])
        for fold, test in enumerate(tests)
    ]


def subject_folds(windows: Windows, index: np.ndarray, folds: int, seed: int) -> list[list[str]]:
    """Subjects in `folds` groups of like size and like class balance."""
    subjects = windows.subjects[index]
    out = [
        _people(subjects[test])
        for test in _stratified(windows.labels[index], subjects, folds, seed)
    ]
    if not all(out):  # it may leave a fold empty where one person has most of the windows
        people = _people(subjects)
        order = np.random.default_rng(seed).permutation(len(people))
        out = [sorted((people[i] for i in order[f::folds]), key=natural) for f in range(folds)]
    return out


def _stratified(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """What each fold tests. Groups are dealt out largest first, each where the class shares suffer
    least."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return [test for _, test in splitter.split(np.zeros(len(labels)), labels, groups)]


def _with_validation(
    windows: Windows,
    pool: np.ndarray,
    test: Sequence[str],
    config: SplitConfig,
    fold: int,
    tested_next: Sequence[str],
) -> Split:
    subjects = windows.subjects[pool]
    is_test = np.isin(subjects, test)
    rest = pool[~is_test]
    people = _people(windows.subjects[rest])
    if len(people) < 2:
        raise SplitError(
            f"Fold {fold} leaves {len(people)} subjects to train and validate on; name fewer test "
            "subjects."
        )
    if config.validation == "next-fold":
        chosen = list(tested_next)
        if lost := _lost(windows, rest, np.isin(windows.subjects[rest], chosen)):
            raise SplitError(
                f"split.validation: next-fold leaves nobody with {', '.join(lost)} to train in "
                f"fold {fold}; use a share, as 0.2, or other folds."
            )
    else:
        n = min(max(2, round(1 / config.validation)), len(people))
        # The seed differs by fold, so that not the same person always validates.
        chosen = validation_people(windows, rest, n, config.seed + fold)
    is_validation = np.isin(subjects, chosen)
    return Split(
        windows,
        train=pool[~is_test & ~is_validation],
        validation=pool[is_validation],
        test=pool[is_test],
    )


def _lost(windows: Windows, rest: np.ndarray, taken: np.ndarray) -> list[str]:
    """Activities that are all taken: of the windows `rest`, none is left."""
    labels = windows.labels[rest]
    return [windows.activities[c] for c in sorted(set(labels) - set(labels[~taken]))]


def validation_people(windows: Windows, rest: np.ndarray, groups: int, seed: int) -> list[str]:
    """Of stratified groups of people, the one that lacks the fewest classes and leaves training the
    most."""

    def lacks(group: list[str]) -> tuple[int, int]:
        inside = np.isin(windows.subjects[rest], group)
        return (len(_lost(windows, rest, inside)), len(_lost(windows, rest, ~inside)))

    return min(subject_folds(windows, rest, groups, seed), key=lacks)


def _sessions(windows: Windows, config: SplitConfig) -> list[Split]:
    """Whole recordings apart; where a class has one recording only, time blocks of it."""
    n = config.folds
    of_class = (
        set(windows.recordings[windows.labels == c]) for c in range(len(windows.activities))
    )
    if len(set(windows.recordings)) >= max(n, 3) and all(len(names) >= n for names in of_class):
        parts = np.empty(len(windows), np.int64)
        seed = int(np.random.default_rng(config.seed).integers(2**31))
        for fold, test in enumerate(_stratified(windows.labels, windows.recordings, n, seed)):
            parts[test] = fold
    else:
        parts = _blocks(windows, n)
    splits = []
    for fold in range(n):
        validation, test = parts == (fold + 1) % n, parts == fold
        train = (parts >= 0) & ~validation & ~test
        index = (np.flatnonzero(train), np.flatnonzero(validation), np.flatnonzero(test))
        splits.append(Split(windows, *index, by_subject=False))
    return splits


def _blocks(windows: Windows, folds: int) -> np.ndarray:
    """Each class of each recording in `folds` runs of time with at least a window between runs.

    Returns the fold of each window, −1 for those in the gaps.
    """
    out = np.full(len(windows), -1, np.int64)
    for recording in sorted(set(windows.recordings)):
        index = np.flatnonzero(windows.recordings == recording)
        index = index[np.argsort(windows.spans[index, 0], kind="stable")]
        for c in range(len(windows.activities)):
            of_class = index[windows.labels[index] == c]
            for fold, block in enumerate(np.array_split(of_class, folds)):
                out[block] = fold
        # A gap of a window: what starts less than two windows after another fold's window began is
        # dropped, so that at least one window's length lies between the two.
        last_of = dict.fromkeys(range(folds), -np.inf)
        for i in index:
            start, end = windows.spans[i]
            others = max((e for f, e in last_of.items() if f != out[i]), default=-np.inf)
            if start < others + windows.n_raw:
                out[i] = -1
            else:
                last_of[int(out[i])] = max(last_of[int(out[i])], float(end))
    return out
