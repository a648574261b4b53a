"""The seeds of one recipe as one model: the mean of their probabilities, in one graph.

Seeds differ in what they get wrong; their mean is right more often, at n times the size and work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from har.training.job_files import MODEL, JobRecord, Predictions, read_about


@dataclass(frozen=True)
class Fold:
    """One fold's models, one for each seed that ships; usually a single one.

    All have the same people, so what is said of one of them is true of all.
    """

    members: tuple[JobRecord, ...]

    @property
    def number(self) -> int | str:
        return self.members[0].fold

    @property
    def files(self) -> tuple[Path, ...]:
        """Of Keras, in order of seeds."""
        return tuple(j.path / MODEL for j in self.members)

    @property
    def choosers(self) -> tuple[Path, ...]:
        """The models that validation people were never fitted to."""
        return tuple(j.chooser / MODEL for j in self.members)

    @property
    def train(self) -> list[str]:
        """The people whom the models know."""
        return read_about(self.members[0].path).train

    def predictions(self) -> Predictions:
        """Stored indices, and the mean of the stored probabilities."""
        each = [j.read().predictions for j in self.members]
        means = {
            name: np.stack([getattr(p, name) for p in each]).mean(axis=0, dtype=np.float32)
            for name in ("validation_probabilities", "test_probabilities")
        }
        return replace(each[0], **means)
