"""What is written is what is read, and an id stands once."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.errors import DataError, StoreError
from har.ingest import recording_files
from har.recording import Annotation, Recording


def make(n, session, *, irregular, labelled=True, seed=0):
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.01, 0.03, n)) if irregular else None
    return Recording(
        dataset="own", subject="ann", session=session, placement="wrist", rate_hz=50.0,
        acceleration=rng.normal(size=(n, 3)).astype(np.float32),
        annotations=(Annotation("walk", 0, n),) if labelled else (),
        time_s=time - time[0] if time is not None else None,
        start_time=datetime(2024, 1, 2, 3, 4, 5),
        provenance={"source": session},
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.booleans(), st.booleans()), max_size=6))
def test_round_trip(tmp_path_factory, shapes):
    folder = tmp_path_factory.mktemp("stored")
    before = [
        make(n, f"s{i}", irregular=irregular, labelled=labelled, seed=i)
        for i, (n, irregular, labelled) in enumerate(shapes)
    ]
    recording_files.write(folder, before, {"sources": []})
    after = recording_files.read(folder)
    assert len(after) == len(before)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a.acceleration, b.acceleration)
        assert (a.time_s is None) == (b.time_s is None)
        if a.time_s is not None:
            np.testing.assert_array_equal(a.time_s, b.time_s)
        for name in ("id", "dataset", "rate_hz", "annotations", "start_time", "provenance"):
            assert getattr(a, name) == getattr(b, name)
    assert (folder / "time.npy").exists() == any(irregular for _, irregular, _ in shapes)


def test_arrays_are_mapped_not_loaded(tmp_path):
    recording_files.write(tmp_path, [make(10, "a", irregular=False)])
    assert isinstance(recording_files.read(tmp_path)[0].acceleration.base, np.memmap)


def test_two_recordings_of_one_name_are_refused(tmp_path):
    with pytest.raises(DataError, match="Two recordings are called ann/a/wrist"):
        recording_files.write(
            tmp_path, [make(5, "a", irregular=False), make(6, "a", irregular=False)]
        )


def test_missing_folder(tmp_path):
    with pytest.raises(StoreError, match="holds no recordings"):
        recording_files.read(tmp_path)
