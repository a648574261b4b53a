"""A phone's windows are prepare's windows, on real recordings with the clocks of 2019's phones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from har import pipeline_file
from har.config import Signal
from har.errors import ExportError
from har.export.raw_parity import phone_windows
from har.ingest import datasets
from har.signal.prepare import prepare
from tests.synthetic import make_recordings


@pytest.mark.dataset
@pytest.mark.parametrize("name", ["wisdm-2019-phone", "uci-har"])
def test_on_published_recordings(data_mirror: Path, name: str) -> None:
    p = pipeline_file.load(name)
    assert isinstance(p.dataset, str)
    dataset = datasets.get(p.dataset)
    if not (data_mirror / p.dataset).is_dir():
        pytest.skip(f"no {p.dataset} in {data_mirror}")
    recordings = list(dataset.recordings(data_mirror / p.dataset, p.placement))
    recordings = recordings[:: max(1, len(recordings) // 40)]
    windows = prepare(recordings, signal=p.signal, windows=p.windows)
    if name == "wisdm-2019-phone":
        assert all(r.time_s is not None for r in recordings), "their timestamps are irregular"
    for r in recordings:
        mine = np.flatnonzero(windows.recordings == r.id)
        if len(mine):
            found = phone_windows(r, windows.spans[mine], p.signal)
            np.testing.assert_allclose(found, windows.gather(mine), atol=1e-5)


def test_a_window_that_a_phone_does_not_have() -> None:
    r = make_recordings(1, seconds=4)[0]
    with pytest.raises(ExportError, match="sees a gap between samples 150 and 250"):
        phone_windows(r, np.array([[150, 250]]), Signal(rate_hz=50.0))
