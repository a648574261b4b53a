"""Fixtures shared by all tests. `HAR_TEST_DATA` names the folder of published data sets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("HAR_TEST_DATA", ROOT.parent / "shared" / "data"))

pytest_plugins = ["tests.small_bundles"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
settings.register_profile("har", deadline=None)  # a busy machine is no failure
settings.load_profile("har")


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """The published data sets, for tests marked `dataset`."""
    if not DATA.is_dir():
        pytest.skip(f"no published data sets at {DATA}; set HAR_TEST_DATA")
    return DATA


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
