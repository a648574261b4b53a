"""A split that leaks on purpose, as in much published work: windows split at random.

No scheme of a pipeline file can name it: `har study optimism` alone makes one, to show what such a
score would have claimed. What is trained on it has a key of its own, and says so in its record.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.errors import SplitError
from har.training.job import Task
from har.training.splits import Parts, Split, used_samples

LEAKY = "leaky"
"""How the fold and the model of such a job are marked."""


@dataclass(frozen=True, eq=False)
class LeakySplit(Parts):
    """Window indices of one fold, whose parts share people and raw samples, but no whole window."""

    def __post_init__(self) -> None:
        super().__post_init__()
        together = np.concatenate([self.train, self.validation, self.test])
        if twice := len(together) - len(np.unique(together)):
            raise SplitError(f"{twice} windows stand in two parts of a random split.")

    def known_people(self) -> np.ndarray:
        """Whether the person of each test window trains too: bool, shape (n_test,)."""
        w = self.windows
        return np.isin(w.subjects[self.test], w.subjects[self.train])

    def known_samples(self) -> np.ndarray:
        """Whether each test window has a raw sample that a training window has: (n_test,)."""
        w = self.windows
        trained = np.concatenate([[0], np.cumsum(used_samples(w, self.train))])
        first = w.starts[self.test]
        return np.asarray(trained[first + w.n_raw] > trained[first])


def deal(honest: Sequence[Split], seed: int) -> list[LeakySplit]:
    """The windows of a comparison's folds split again at random, as many in each part.

    A window is tested as often as before.
    """
    rng = np.random.default_rng(seed)
    pool = np.unique(np.concatenate([p for s in honest for p in (s.train, s.validation, s.test)]))
    order = rng.permutation(pool)
    out = []
    for split in honest:
        test, order = np.split(order, [len(split.test)])
        rest = rng.permutation(np.setdiff1d(pool, test))
        validation, rest = np.split(rest, [len(split.validation)])
        parts = (rest[: len(split.train)], validation, test)
        out.append(LeakySplit(split.windows, *map(np.sort, parts)))
    return out


@dataclass(frozen=True, eq=False)
class LeakyTask(Task):
    """A job on a `LeakySplit`: the same work under a key that no honest job can have."""

    @functools.cached_property
    def parts(self) -> dict[str, Any]:
        return {**super().parts, LEAKY: "windows at random"}


def is_leaky(fold: int | str) -> bool:
    """Whether a job of that fold was trained on a `LeakySplit`."""
    return str(fold).startswith(LEAKY)
