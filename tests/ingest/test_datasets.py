"""Every reader against its publication: how many, whose, in which sign."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
import tomllib
from collections import Counter

import numpy as np
import pytest

from har.errors import ConfigError, DataError
from har.ingest import datasets
from har.ingest.datasets import watch
from har.ingest.raw import Source
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def read(data_mirror):
    known = {}

    def recordings(name):
        if name not in known:
            dataset = datasets.get(name)
            known[name] = list(dataset.recordings(dataset.folder(data_mirror)))
        return known[name]

    return recordings


def mean_g(recordings, label):
    """Mean x, y, z in g over the intervals of one activity."""
    spans = [r.acceleration[a.start : a.end] for r in recordings for a in r.annotations
             if a.label == label]  # fmt: skip
    return np.concatenate(spans).mean(axis=0) / 9.80665


def test_watch_counts():
    dataset = datasets.get("watch")
    found = list(dataset.recordings(dataset.folder(None)))
    assert len(found) == 140
    assert sorted({r.subject for r in found}, key=int) == [str(i) for i in range(1, 11)]
    done = Counter(r.annotations[0].label for r in found)
    assert done == dict.fromkeys(watch.EXERCISES.values(), 20)
    assert len({r.id for r in found}) == 140
    assert sum(r.n_samples for r in found) == 244_102  # 81 minutes at 50 Hz


def test_watch_sign_is_androids():
    """In the rotation exercises the watch's 12 o'clock points down: specific force −1 g on y."""
    dataset = datasets.get("watch")
    found = list(dataset.recordings(dataset.folder(None)))
    for exercise in ("internal_rotation", "external_rotation"):
        assert mean_g(found, exercise)[1] == pytest.approx(-0.93, abs=0.06)
    assert all("negated" in r.provenance["sign"] for r in found)


@pytest.fixture(scope="module")
def make_watch():
    """The script that makes the built-in recordings of the published file."""
    path = ROOT / "data" / "builtin" / "make_watch.py"
    spec = importlib.util.spec_from_file_location("make_watch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_watch_is_what_was_published():
    """Hashes of the acceleration in seglearn 1.2.5's file (float64, g), and of it in m/s²."""
    dataset = datasets.get("watch")
    (source,) = dataset.sources(dataset.folder(None), "wrist")
    raws = list(dataset.read(source))
    published, read = hashlib.sha256(), hashlib.sha256()
    for raw in raws:
        published.update(np.ascontiguousarray(raw.acceleration).data)
    assert raws[0].acceleration.dtype == np.float64
    assert published.hexdigest() == (
        "3c4058bda98465a53468d9cef9adc4eb9283be9f9d7f294c9116b0ea11a714eb"
    )
    for recording in dataset.recordings(source.path.parent):
        read.update(recording.acceleration.data)
    assert read.hexdigest() == "2fb599cfcb4c1bd1cbe8985718dab4a4a2d6d44aba1c5e914d1a1235d1dfa9b1"
    first = [(raw.subject, raw.session, len(raw.acceleration)) for raw in raws[:3]]
    assert first == [
        ("7", "right-PEN", 1333), ("10", "right-FEL", 2458), ("8", "left-FEL", 2197),
    ]  # fmt: skip
    assert source.path.stat().st_size < 4_000_000


def test_watch_travels_with_its_licence():
    """What the wheel takes along, by its build file, is there."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    folder = datasets.get("watch").folder(None)
    for name in ("watch.parquet", "LICENSE", "README.md"):
        assert included[f"data/builtin/{name}"] == f"har/data/{name}"
        assert (folder / name).is_file()
    assert "David M. Burns" in (folder / "LICENSE").read_text()


def test_watch_is_made_of_the_published_layout(make_watch, tmp_path, monkeypatch):
    signals = [np.arange(6.0 * n).reshape(n, 6) / 7 for n in (3, 4)]
    content = {
        "X": signals, "y": np.array([6, 0]), "subject": np.array([10, 2]),
        "side": np.array([0.0, 1.0]), "y_labels": list(make_watch.EXERCISES),
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
    }  # fmt: skip
    np.save(tmp_path / "watch_dataset.npy", np.array([content], object))
    out = tmp_path / "watch.parquet"
    arguments = ["make_watch", str(tmp_path / "watch_dataset.npy"), "--out", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    make_watch.main()
    raws = list(watch.read(Source(out)))
    assert [(r.subject, r.session) for r in raws] == [("10", "left-ROW"), ("2", "right-PEN")]
    for raw, signal in zip(raws, signals, strict=True):
        np.testing.assert_array_equal(raw.acceleration, signal[:, :3])


def test_watch_is_not_unpickled_blindly(make_watch):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    pickle.dump(Evil(), buffer)
    with pytest.raises(ValueError, match="builtins"):
        make_watch.load(buffer.getvalue())
    with pytest.raises(ValueError, match="magic string"):
        make_watch.load(b"nonsense")
    for path in (ROOT / "har" / "ingest").rglob("*.py"):
        assert "import pickle" not in path.read_text(), path


def test_a_damaged_copy_is_said_to_be(tmp_path):
    (tmp_path / "watch.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="is damaged"):
        list(datasets.get("watch").recordings(tmp_path))


@pytest.mark.dataset
def test_motionsense_counts(read):
    found = read("motionsense")
    assert len(found) == 360
    assert len({r.subject for r in found}) == 24
    assert len({r.id for r in found}) == 360
    assert {r.annotations[0].label for r in found} == {"dws", "ups", "wlk", "jog", "sit", "std"}


@pytest.mark.dataset
def test_motionsense_sign_is_androids(read):
    """Published gravity.y is +0.9 (Core Motion, phone upside down in the pocket): negated."""
    standing = mean_g(read("motionsense"), "std")
    assert standing[1] == pytest.approx(-0.95, abs=0.1)
    first = next(r for r in read("motionsense") if r.subject == "13" and r.session == "dws_2")
    g = np.array([-0.309094 - 0.094425, 0.91408 + 0.165128, 0.262489 - 0.248222])
    np.testing.assert_allclose(first.acceleration[0], -g * 9.80665, rtol=1e-5)


@pytest.mark.dataset
def test_hapt_counts(read):
    found = read("uci-hapt")
    assert len(found) == 61
    assert len({r.subject for r in found}) == 30
    assert sum(len(r.annotations) for r in found) == 1214
    first = next(r for r in found if r.session == "exp01")
    # labels.txt begins `1 1 5 250 1232`: 1-based, end included
    a = first.annotations[0]
    assert (a.label, a.start, a.end) == ("standing", 249, 1232)


@pytest.mark.dataset
def test_hapt_sign_is_androids(read):
    """The phone stands on its side at the waist: +1 g along x when upright."""
    assert mean_g(read("uci-hapt"), "standing")[0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.dataset
def test_wisdm_2019_counts_and_true_rates(read):
    found = read("wisdm-2019")
    assert len({r.subject for r in found}) == 51
    assert len(found) == 51 * 4 - 3  # 1609-B, 1616-B and 1642-C are not there
    have = {(r.subject, r.session) for r in found}
    assert not have & {("1609", "B"), ("1616", "B"), ("1642", "C")}
    nearest = Counter(min((20, 25, 50), key=lambda hz: abs(hz - r.rate_hz)) for r in found)
    assert set(nearest) == {20, 25, 50}
    assert all(r.time_s is not None for r in found)


@pytest.mark.dataset
def test_wisdm_2019_sign_is_androids(read):
    """Recorded on Android phones: values as published. (The pocket tells no sign: most are upside
    down.)"""
    first = next(r for r in read("wisdm-2019") if (r.subject, r.session) == ("1609", "A"))
    published = [-1.6009064, -12.004059, 0.13308716]  # the file's first line
    np.testing.assert_allclose(first.acceleration[0], published, rtol=1e-6)
    # 41830888575823 ns, then 41830938929827 ns
    assert first.time_s[1] == pytest.approx(0.050354004, abs=1e-9)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'motionsense'"):
        datasets.get("motionsens")
    with pytest.raises(ConfigError, match="did you mean 'wrist'"):
        datasets.get("watch").placement("wrists")
