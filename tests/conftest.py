"""Fixtures shared by all tests. `HAR_TEST_DATA` names the folder of published data sets."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings

from tests.dots import instead as dots_for_pictures
from tests.in_process import instead as instead_of_processes

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("HAR_TEST_DATA", ROOT.parent / "shared" / "data"))
FIXTURES_WITH_TENSORFLOW = {"keras", "converted", "converted_all", "make_bundle"}
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
FROZEN = pytest.StashKey[tuple[Path, bool]]()

pytest_plugins = ["tests.small_bundles"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# As in the processes of a run; and the workers of pytest share the cores.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# A busy machine is no failure; where CI is set, the examples are the same each time.
settings.register_profile("har", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("har")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a network through a fixture; in a worker, take the long modules first."""
    if "tensorflow" in sys.modules:
        raise pytest.UsageError("A test module imports TensorFlow: do so in its tests instead.")
    for item in items:
        if not FIXTURES_WITH_TENSORFLOW.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("tensorflow")
    if WORKER:
        long = {
            i.path for i in items if {"tensorflow", "browser"} & {m.name for m in i.iter_markers()}
        }
        items.sort(key=lambda item: item.path not in long)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What modules before it and TensorFlow brought takes no part in the garbage collections of a
    module: Keras asks for one whenever a session is cleared, each through a million objects."""
    now = item.path, "tensorflow" in sys.modules
    if item.config.stash.get(FROZEN, None) != now:
        item.config.stash[FROZEN] = now
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`made_once(name, make)`: what `make(folder)` returns, made by one worker and read by all.

    It must pickle, and nobody may change it or its folder.
    """
    shared = tmp_path_factory.getbasetemp()
    if WORKER:
        shared = shared.parent

    def get(name: str, make: Callable[[Path], Any]) -> Any:
        folder = shared / f"once-{name}"
        kept = folder / "made.pickle"
        with FileLock(shared / f"once-{name}.lock"):
            if not kept.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a try that failed
                folder.mkdir()
                made = make(folder)
                kept.write_bytes(pickle.dumps(made))
        return pickle.loads(kept.read_bytes())

    return get


@pytest.fixture(scope="module")
def in_process() -> Iterator[None]:
    """What this module runs, it runs in this process, which imports TensorFlow once."""
    with instead_of_processes():
        yield


@pytest.fixture(scope="module")
def plain_pictures() -> Iterator[None]:
    """What the pictures of this module's reports show is not asked: they are composed, and written
    as dots. A report has dozens, and each takes a tenth of a second to draw."""
    with dots_for_pictures():
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Dask with a scheduler here and two workers in processes of their own, which may be killed."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """The published data sets, for tests marked `dataset`."""
    if not DATA.is_dir():
        pytest.skip(f"no published data sets at {DATA}; set HAR_TEST_DATA")
    return DATA


@pytest.fixture
def keras() -> Any:
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return keras


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, which is also the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAR_WORKSPACE", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
