"""Raw counts: their size, what 0 g reads, and six readings at rest that tell both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from har.cli.app import main
from har.errors import ConfigError, DataError
from har.ingest import opening
from har.own_recordings import Table
from har.pipeline_file import parse
from har.runtime import manifest
from tests.ingest import opened

G = 9.80665
SAID = {"convention": "android", "subject": "s", "placement": "chest", "rate_hz": 52}
COLUMNS = {"x": "_1", "y": "_2", "z": "_3", "label": "_4"}


def codes(path: Path, per_g, zero, n=600, seed=0) -> np.ndarray:
    """What a sensor of such a scale writes; returns the specific force that it felt, in g."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 52
    g = np.array([0.05, 0.98, 0.17]) + 0.2 * np.sin(2 * np.pi * np.outer(t, [1.9, 2.0, 2.1]))
    counts = np.round(g * per_g + zero + rng.normal(0, 0.2, g.shape)).astype(int)
    rows = [f"{i}.0,{x},{y},{z},1" for i, (x, y, z) in enumerate(counts)]
    path.write_text("\n".join([*rows, ""]))
    return g


def read(path: Path, **said) -> np.ndarray:
    (one,) = opened.read(path, Table(path="", columns=COLUMNS, **SAID, **said))
    return one.acceleration / G


@pytest.mark.parametrize(
    ("per_g", "zero", "said"),
    [
        (400, 2000, {"counts_per_g": 400, "zero": 2000}),
        (400, [2010, 1990, 2003], {"counts_per_g": 400, "zero": [2010, 1990, 2003]}),
        ([404, 396, 410], [2010, 1990, 2003],
         {"six_positions": {"x": [2414, 1606], "y": [2386, 1594], "z": [2413, 1593]}}),
        ([-404, 396, 410], [2010, 1990, 2003],  # an axis that is wired the other way
         {"six_positions": {"x": [1606, 2414], "y": [2386, 1594], "z": [2413, 1593]}}),
    ],
)  # fmt: skip
def test_what_the_sensor_felt_comes_out(tmp_path, per_g, zero, said):
    felt = codes(tmp_path / "chest.csv", np.array(per_g), np.array(zero))
    assert np.abs(read(tmp_path / "chest.csv", **said) - felt).max() < 1.5 / 400


def test_the_error_names_both_and_does_not_contradict_what_was_set(tmp_path):
    codes(tmp_path / "chest.csv", 400, 2000)
    for said, what in (({}, "raw counts. Set "), ({"counts_per_g": 400}, "Correct ")):
        with pytest.raises(DataError) as e:
            read(tmp_path / "chest.csv", **said)
        assert f"{what}dataset.counts_per_g, and dataset.zero where 0 g does not read 0" in str(
            e.value
        )
        assert "dataset.six_positions" in str(e.value)
        assert "unit: m/s2" not in str(e.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"zero": 3}, "zero: is in counts: give counts_per_g, too"),
        ({"unit": "g", "counts_per_g": 3}, "counts_per_g takes the place of unit"),
        ({"counts_per_g": 3, "six_positions": {"x": [1, 2], "y": [1, 2], "z": [1, 2]}},
         "six_positions takes the place of counts_per_g"),
        ({"six_positions": {"x": [1, 2], "y": [1, 2]}}, "needs x, y and z, got x, y"),
        ({"six_positions": {"x": [1, 2], "y": [1, 2], "z": [2, 2]}}, "reads the same up and down"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(said, why):
    with pytest.raises(ConfigError, match=why):
        parse({"name": "t", "models": ["cnn"], "dataset": {"path": "x", **said}})


def test_a_draft_and_a_bundle_keep_the_zero(tmp_path):
    codes(tmp_path / "chest.csv", 400, 2000)
    for said in (
        {"counts_per_g": 400, "zero": [2000, 2000, 2000]},
        {"six_positions": {axis: [2400, 1600] for axis in "xyz"}},
    ):
        dataset = {"path": str(tmp_path / "chest.csv"), "columns": COLUMNS, **SAID, **said}
        (tmp_path / "p.yaml").write_text(yaml.safe_dump({"dataset": dataset, "models": ["cnn"]}))
        args = ["data", "check", str(tmp_path / "p.yaml")]
        result = CliRunner().invoke(main, [*args, "--write-pipeline", str(tmp_path / "q.yaml")])
        assert result.exit_code == 0, result.output
        again = yaml.safe_load((tmp_path / "q.yaml").read_text())["dataset"]
        assert {k: again[k] for k in said} == said
        table = Table.model_validate(dataset)
        kept = table.model_dump(exclude_none=True, include=set(manifest.Tables.model_fields))
        tables = manifest.Tables.model_validate(kept)
        as_trained = Table(path="", **tables.as_json())
        (one,) = opening.open_path(tmp_path / "chest.csv", Table(path=""), as_trained)
        samples = np.concatenate([chunk.samples for chunk in one.chunks])
        assert abs(np.linalg.norm(samples.mean(axis=0)) / G - 1) < 0.05
