"""The published data sets that the project can read, one module each.

To add one: write a module with a `DATASET` and name it in `MODULES`; `data/README.md` shows how.
"""

from __future__ import annotations

import functools
import importlib

from har.config import did_you_mean
from har.errors import ConfigError
from har.ingest.datasets.base import Dataset

# Name of the set: its module. The readers are imported when they are asked for.
MODULES = {
    "watch": "har.ingest.datasets.watch",
    "motionsense": "har.ingest.datasets.motionsense",
    "uci-hapt": "har.ingest.datasets.uci_hapt",
    "wisdm-2019": "har.ingest.datasets.wisdm_2019",
    "recorded": "har.ingest.datasets.recorded",
}


def names() -> list[str]:
    return list(MODULES)


@functools.cache
def get(name: str) -> Dataset:
    """A data set by name.

    Raises
    ------
    ConfigError
        If there is none of that name, with the nearest one.
    """
    if name not in MODULES:
        raise ConfigError(
            f"No data set {name!r}{did_you_mean(name, MODULES)}. Known: {', '.join(MODULES)}. "
            "For your own recordings give a mapping with `path:`."
        )
    dataset: Dataset = importlib.import_module(MODULES[name]).DATASET
    return dataset


def module(name: str) -> str:
    """The module of a data set: part of the ingest stage's code version."""
    get(name)
    return MODULES[name]
