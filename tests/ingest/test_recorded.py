"""What the phone page's inbox writes is what the reader reads."""

from __future__ import annotations

import json

import numpy as np
import pytest

from har.errors import DataError
from har.ingest import datasets, fetch
from har.phone.uploads import Uploads

DATASET = datasets.get("recorded")


def send(raw, who, what, number, where="trouser pocket", rate_hz=60.0):
    uploads = Uploads(raw)
    id_ = f"{number:032x}"
    about = {"name": who, "activity": what, "placement": where, "negated": True}
    uploads.begin(id_, {**about, "started": "2026-03-01T10:00:00.000Z", "device": "test phone"})
    rng = np.random.default_rng(number)
    time = 5 + np.cumsum(rng.uniform(0.9, 1.1, 300)) / rate_hz
    samples = np.column_stack([time, rng.normal([0, 0, 9.8], 3, (300, 3))])
    for n in range(3):
        uploads.put(id_, n, {"samples": samples[100 * n : 100 * (n + 1)].tolist()})
    uploads.finish(id_, {"chunks": 3})
    return samples


def test_recordings_come_back_as_they_were_sent(tmp_path):
    sent = send(tmp_path, "Ada", "Walking upstairs", 1)
    send(tmp_path, "Bob", "sitting", 2, where="wrist")
    assert DATASET.at_hand(tmp_path)
    found = list(DATASET.recordings(DATASET.folder(tmp_path)))
    assert [(r.subject, r.placement, r.annotations[0].label) for r in found] == [
        ("ada", "trouser-pocket", "walking-upstairs"),
        ("bob", "wrist", "sitting"),
    ]
    ada = found[0]
    np.testing.assert_allclose(ada.time_s, sent[:, 0] - sent[0, 0], atol=2e-6)
    np.testing.assert_allclose(ada.acceleration, sent[:, 1:], rtol=1e-6)
    assert ada.annotations[0].end == 300
    assert ada.rate_hz == pytest.approx(60, rel=0.02)
    assert ada.start_time.year == 2026
    assert ada.provenance["negated_by_the_page"] is True


def test_one_placement_alone(tmp_path):
    send(tmp_path, "Ada", "walking", 1)
    send(tmp_path, "Ada", "walking", 2, where="wrist")
    found = list(DATASET.recordings(DATASET.folder(tmp_path), "wrist"))
    assert [r.placement for r in found] == ["wrist"]
    assert len({r.id for r in DATASET.recordings(DATASET.folder(tmp_path))}) == 2  # also by id


def test_nothing_recorded_says_where_to_go(tmp_path):
    assert not DATASET.at_hand(tmp_path)
    with pytest.raises(DataError, match=r"har serve BUNDLE.*tab Record"):
        fetch.ensure(DATASET, tmp_path, console=None)


def test_files_of_the_cache_key(tmp_path):
    send(tmp_path, "Ada", "walking", 1)
    paths = fetch.ensure(DATASET, tmp_path, console=None)
    assert sorted(p.suffix for p in paths) == [".csv", ".json"]


def test_what_is_not_complete_or_was_changed_is_not_read(tmp_path):
    send(tmp_path, "Ada", "walking", 1)
    folder = tmp_path / "recorded"
    (folder / "ada" / "orphan.csv").write_text("time_s,x,y,z\n0,0,0,0\n")
    assert len(DATASET.sources(folder, "")) == 1
    (table,) = folder.glob("*/walking*.csv")
    table.write_text(table.read_text() + "9,9,9,9\n")
    with pytest.raises(DataError, match="SHA-256 differs"):
        list(DATASET.recordings(folder))
    (sidecar,) = folder.glob("*/*.json")
    sidecar.write_text(json.dumps({"schema": "other"}))
    with pytest.raises(DataError, match="not a sidecar"):
        DATASET.sources(folder, "")
