"""The published data sets that the project can read, one module each.

To add one: write a module with a `DATASET` and name it in `MODULES`; `data/README.md` shows how.
"""

from __future__ import annotations

import functools
import importlib

from har.errors import ConfigError, did_you_mean
from har.ingest.datasets.dataset import Dataset

# Name of the set: its module (and the name in it, if not DATASET), imported when it is asked for.
MODULES = {
    "watch": "har.ingest.datasets.watch",
    "motionsense": "har.ingest.datasets.motionsense",
    "uci-hapt": "har.ingest.datasets.uci_hapt",
    "wisdm-2019": "har.ingest.datasets.wisdm_2019",
    "recorded": "har.ingest.datasets.recorded",
    "uci-har-windows": "har.ingest.datasets.uci_har_windows",
    "wisdm-v1.1": "har.ingest.datasets.wisdm_v1",
    "pamap2": "har.ingest.datasets.pamap2",
    "mhealth": "har.ingest.datasets.mhealth",
    "unimib-shar": "har.ingest.datasets.unimib_shar",
    "usc-had": "har.ingest.datasets.usc_had",
    "hhar": "har.ingest.datasets.hhar",
    "realworld": "har.ingest.datasets.realworld",
    "harth": "har.ingest.datasets.harth",
    "har70plus": "har.ingest.datasets.harth:HAR70PLUS",
    "capture24": "har.ingest.datasets.capture24",
    "dsads": "har.ingest.datasets.dsads",
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
            f"No data set {name!r}{did_you_mean(name, MODULES)} Known: {', '.join(MODULES)}. "
            "For your own recordings give a mapping with `path:`."
        )
    dataset: Dataset = getattr(importlib.import_module(module(name)), _attribute(name))
    return dataset


def _attribute(name: str) -> str:
    return MODULES[name].partition(":")[2] or "DATASET"


def module(name: str) -> str:
    """The module of a data set: part of the ingest stage's code version."""
    return MODULES[name].partition(":")[0]
