"""The study of planted defects, on recordings that were made so that all but one show."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from har.cli.app import main
from har.config import Signal, WindowsConfig
from har.pipeline_file import parse
from har.signal.prepare import prepare
from har.studies import unlike
from tests.synthetic import make_recordings


def test_what_was_planted_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gravity is along z: exchanging x and y changes nothing that can be told."""
    windows = prepare(
        make_recordings(20, seconds=61.5),
        signal=Signal(),
        windows=WindowsConfig(length_s=2.56),
    )
    stored = {"prepare": SimpleNamespace(path=None)}
    monkeypatch.setattr(unlike.session, "outputs", lambda *_a, **_o: stored)
    monkeypatch.setattr(unlike.window_files, "load", lambda _path: windows)
    of = parse(
        {
            "name": "made",
            "dataset": {"path": "*.csv"},
            "windows": {"length_s": 2.56},
            "split": {"folds": 2},
            "models": ["extra_trees"],
        }
    )
    rows = {r["planted"]: r for r in unlike.run(of, workspace=None, crew=None)}  # type: ignore[arg-type]
    assert {r["recordings"] for r in rows.values()} == {20}  # the walks
    assert rows["none"]["flagged"] == 0
    for name in ("g", "no_gravity", "sign", "exchange_yz", "exchange_xz", "half_rate"):
        assert rows[name]["flagged_where_looked_for"] == rows[name]["looked_for"] == 20, name
    assert rows["exchange_xy"]["looked_for"] == 0
    assert rows["none"]["ci95"][1] == pytest.approx(0.161, abs=0.001)  # Wilson, 0 of 20
    assert "not looked for" in unlike.as_markdown(list(rows.values()), "made", "har")


def test_its_help_has_an_example() -> None:
    assert (
        "har study unlike motionsense" in CliRunner().invoke(main, ["study", "unlike", "-h"]).output
    )
