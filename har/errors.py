"""The errors that users see. Each message says what is wrong, what was received, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHANGES_NO_RESULT = True


class HarError(Exception):
    """An expected failure: printed without a traceback, exit code 1."""


class ConfigError(HarError):
    """A pipeline file or an override that cannot be used."""


class DataError(HarError):
    """A recording or a data set that cannot be read, fetched or trusted."""


class WindowError(HarError):
    """Resampling, filtering or windowing that the recordings do not allow."""


class SplitError(HarError):
    """Too few people, or a split that would leak."""


class LeakageError(HarError):
    """The proof of no leakage does not hold for results that were produced."""


class TrainingError(HarError):
    """A job failed, or there is nothing to compare."""


class ClusterError(HarError):
    """A Dask cluster that does not answer, or went away."""


class WorldError(HarError):
    """A disk, a file system or a machine that fails; no mistake of the user's or the program's."""


class StoreError(HarError):
    """A stage's output is missing or damaged."""


class DamagedError(StoreError):
    """A stored output that is no longer what was stored; a run makes it again."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.folder)


class ChangedError(DataError):
    """A raw file that was changed while it was read; what was read of it is not kept."""


class ExportError(HarError):
    """A model cannot be exported, or its export is not equal to the model."""


class BundleError(HarError):
    """A bundle that is missing, is not what its `model.json` says, or lacks what was asked for."""


class AdapterError(HarError):
    """A correction for a wearer that cannot be learnt, or does not belong to the bundle."""


class PredictionError(HarError):
    """Windows that a model cannot be asked about."""


class InputError(HarError, ValueError):
    """Arrays or parameters that an estimator cannot use; a `ValueError` as well, which is what
    scikit-learn expects of one."""


class TrackingError(HarError):
    """Results that could not be sent to MLflow, or a store without pages to show."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence: `, did you mean 'x'?`, or a full stop."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else "."
