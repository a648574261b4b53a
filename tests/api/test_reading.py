"""Recordings, their examination and their windows, from Python."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import har
from har.errors import ConfigError, DataError, WindowError
from har.recording import Annotation, Recording
from har.signal.resampling import resample
from tests.synthetic import make_recordings

MODULES = ("collection", "cutting", "examination", "runs", "bundles", "classifier")
HEAVY = ("pandas", "scipy", "sklearn", "tensorflow", "keras", "mlflow", "matplotlib")


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_hold(module, workspace):
    found = doctest.testmod(importlib.import_module(f"har.api.{module}"))
    assert found.attempted
    assert not found.failed


def test_importing_har_imports_nothing_heavy():
    code = f"import har, sys; print([m for m in {HEAVY} if m in sys.modules], dir(har))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("[] ")
    assert all(name in out.stdout for name in har.__all__)
    code = "import har, sys; har.Bundle, har.read, har.check, har.windows, har.run; print(" + (
        "'tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
    with pytest.raises(AttributeError, match="no attribute 'raed'"):
        har.raed  # noqa: B018


def table(n=600, rate=50.0, seed=0):
    rng = np.random.default_rng(seed)
    xyz = np.array([0.3, -0.2, 9.7]) + rng.normal(0, 0.5, (n, 3))
    activity = np.where(np.arange(n) < n // 2, "walking", "standing")
    return pd.DataFrame({"time": np.arange(n) / rate, **dict(zip("xyz", xyz.T, strict=True)),
                         "activity": activity})  # fmt: skip


KNOWN = {"unit": "m/s2", "convention": "android"}


def test_a_frame_is_read_as_its_file(workspace):
    frame = table()
    frame.to_csv("ann.csv", index=False)
    (from_file,) = har.read("ann.csv", subject="ann", **KNOWN)
    (from_frame,) = har.from_frame(frame, subject="ann", **KNOWN)
    np.testing.assert_allclose(from_file.acceleration, frame[["x", "y", "z"]], atol=1e-6)
    np.testing.assert_array_equal(from_frame.acceleration, from_file.acceleration)
    assert [n.label for n in from_frame.annotations] == ["walking", "standing"]
    pd.testing.assert_frame_equal(
        from_frame.to_frame(), frame, check_dtype=False, atol=1e-6, check_exact=False
    )


def test_a_frame_goes_through_the_same_door(workspace):
    """Rows that are not finite, in g, with another sign: said, counted, converted."""
    frame = table()
    frame[["x", "y", "z"]] /= -9.80665
    frame.loc[100:102, "x"] = np.nan
    recordings = har.from_frame(frame, subject="ann", unit="g", convention="ios")
    assert sum(r.n_samples for r in recordings) == len(frame) - 3
    assert recordings[0].acceleration[:, 2].mean() == pytest.approx(9.7, abs=0.1)
    assert "3 samples with an empty or NaN axis" in " ".join(recordings.findings["message"])
    assert recordings.findings["severity"].iloc[0] != "info"
    assert recordings.activities == {"standing": 6, "walking": 6}
    assert recordings.to_frame()["subject"].unique().tolist() == ["ann"]
    assert repr(recordings).startswith("<Recordings: ")


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        ({"subjects": "ann"}, ConfigError, "dataset.subjects: unknown key, did you mean 'subject'"),
        ({"unit": "furlong"}, ConfigError, "dataset.unit"),
        ({"columns": {"x": "ax", "y": "ay", "z": "az"}}, DataError, "ax"),
        ({}, DataError, "subject"),
    ],
)
def test_what_is_wrong_is_said(workspace, said, error, message):
    table().to_csv("a.csv", index=False)
    with pytest.raises(error, match=message):
        har.read("a.csv", **{**KNOWN, **said})


def test_other_things_are_refused(workspace):
    with pytest.raises(ConfigError, match="takes a DataFrame, got dict"):
        har.from_frame({"x": [1]})
    with pytest.raises(ConfigError, match=r"no file matches .*nowhere\.csv"):
        har.read("nowhere.csv", subject="ann")
    with pytest.raises(ConfigError, match="did you mean 'watch'"):
        har.load_dataset("wacth")
    with pytest.raises(WindowError, match="takes recordings, got DataFrame"):
        har.windows([table()])
    with pytest.raises(WindowError, match="no recording"):
        har.windows([])


def test_a_check_is_that_of_the_command_line(workspace):
    frame = table()
    frame.loc[: len(frame) // 3, ["x", "y", "z"]] = np.nan
    frame.to_csv("bad.csv", index=False)
    found = har.check("bad.csv", subject="ann", **KNOWN)
    assert not found.ok
    assert found.findings["severity"].iloc[0] == "error"
    with pytest.raises(DataError, match=r"bad\.csv has errors:\n  loss: "):
        found.raise_for_errors()
    assert "<table" in found._repr_html_()
    assert "dataset:" in found.pipeline()
    assert found.files.loc[0, "samples_in"] == len(frame)
    table().to_csv("good.csv", index=False)
    har.check("good.csv", subject="ann", **KNOWN).raise_for_errors()


def test_windows_are_slices_of_resampled_recordings():
    recordings = make_recordings(subjects=3, seconds=20)
    cut = har.windows(recordings, rate_hz=50, length_s=2, overlap=0.25)
    assert cut.X.shape[1:] == (100, 3)
    assert len(cut.X) == len(cut.y) == len(cut.subjects) == len(cut.to_frame()) == len(cut)
    by_id = {r.id: r for r in recordings}
    for i in range(0, len(cut), 7):
        r = by_id[cut.recordings[i]]
        (stretch,) = resample(
            r.acceleration, source_hz=r.rate_hz, target_hz=50, max_gap_s=0.25, time_s=r.time_s
        )
        at = round(cut.start_s[i] * 50) - stretch.start
        np.testing.assert_array_equal(cut.X[i], stretch.samples[at : at + 100])
        assert cut.subjects[i] == r.subject
    assert set(cut.y) == set(cut.activities)
    with pytest.raises(ConfigError, match=r"windows\.overlap"):
        har.windows(recordings, overlap=1)
    with pytest.raises(ConfigError, match="unknown key, did you mean 'min_purity'"):
        har.windows(recordings, min_puritty=1)


def test_a_recording_as_a_frame_and_in_a_word():
    a = np.ones((10, 3), np.float32)
    r = Recording("d", "s", "1", "hip", 10.0, a, (Annotation("walk", 2, 5),))
    frame = r.to_frame()
    assert frame["time"].tolist() == pytest.approx((np.arange(10) / 10).tolist())
    assert frame["activity"].isna().tolist() == [True] * 2 + [False] * 3 + [True] * 5
    assert frame["activity"].dropna().tolist() == ["walk"] * 3
    assert repr(r) == "<Recording s/1/hip: 1.0 s at 10 Hz, walk>"


def test_progress_in_a_notebook_is_text(monkeypatch, workspace, capsys):
    """Bars there would need ipywidgets, and warn where it is not installed."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    har.run("watch", overrides={"models": ["extra_trees"]}, until="ingest")
    assert "ingest: read recordings" in capsys.readouterr().err
