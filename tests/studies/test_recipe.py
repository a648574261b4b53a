import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from har import pipeline_file
from har.cli.app import main
from har.errors import ConfigError
from har.studies import disturbances, recipe

pytestmark = pytest.mark.usefixtures("in_process")

BASE = pipeline_file.parse(
    {"name": "own", "dataset": "watch", "models": ["cnn", {"lstm": {"units": 8}}, "extra_trees"]}
)


def params(pipeline):
    return {m.key: m.params for m in pipeline.models}


def test_a_change_of_training():
    arm = recipe.changed(BASE, "training.augment.rotate_deg=10; training.label_smoothing=0.1")
    assert arm.training.augment.rotate_deg == 10
    assert arm.training.label_smoothing == 0.1
    assert arm.model_copy(update={"training": BASE.training}) == BASE


def test_a_change_of_models_reaches_those_that_have_it():
    arm = recipe.changed(BASE, "models.channels=vertical")
    assert params(arm) == {
        "cnn": {"channels": "vertical"},
        "lstm": {"units": 8, "channels": "vertical"},
        "extra_trees": {},
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("windows.length_s=5", "har study length"),
        ("training.seeds=[1]", "training.KEY"),
        ("models.height=3", "No model of own has a parameter 'height'"),
        ("training.epoch=3", "did you mean 'epochs'"),
    ],
)
def test_what_is_no_recipe(change, says):
    with pytest.raises(ConfigError, match=says):
        recipe.changed(BASE, change)


def test_a_difference_is_paired_by_person():
    a = {"1": (0.9, 0.5), "2": (0.8, 0.6), "3": (0.7, 0.7), "4": (0.95, 0.8)}
    same = recipe._difference(a, a)
    assert same == {"difference": 0, "ci95": [0, 0], "verdict": "not significant"}
    more = recipe._difference({p: (s + 0.04, 0) for p, (s, _) in a.items()}, a)
    assert more["difference"] == pytest.approx(0.04)
    np.testing.assert_allclose(more["ci95"], 0.04)  # everyone gains alike, whoever is drawn
    assert more["verdict"] == "helps"


def recordings(folder):
    """Five people at rest in three postures, told apart by gravity; the file of a pipeline."""
    rng = np.random.default_rng(0)
    t = np.arange(600) / 50
    for person in range(5):
        for level, activity in enumerate(("sit", "stand", "lie")):
            a = rng.normal([3.0 * level, 2.0 * person, 9.81], 0.3, (len(t), 3))
            path = folder / "my" / f"p{person}" / f"{activity}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = np.column_stack([t, a])
            np.savetxt(path, rows, "%.4f", ",", header="time,x,y,z", comments="")
    return {
        "name": "own",
        "dataset": {
            "path": "my/*/*.csv", "pattern": "{subject}/{activity}.csv", "unit": "m/s2",
            "gravity": "present", "convention": "android", "placement": "wrist",
        },
        "windows": {"length_s": 1.28},
        "split": {"scheme": "subject-folds", "folds": 3},
    }  # fmt: skip


def study(folder, file, *arguments):
    (folder / "own.yaml").write_text(yaml.safe_dump(file))
    return CliRunner().invoke(
        main,
        [
            "--workspace", str(folder), "study", "recipe", str(folder / "own.yaml"), *arguments,
        ],
    )  # fmt: skip


def test_a_study_of_real_jobs(tmp_path):
    file = recordings(tmp_path) | {"models": [{"extra_trees": {"trees": 20}}]}
    done = study(
        tmp_path, file,
        "--change", "models.trees=20", "--change", "one tree: models.trees=1",
        "--out", str(tmp_path / "page.md"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "reports/own/recipe.json").read_text())["rows"]
    assert [r["change"] for r in rows] == [None, "models.trees=20", "one tree"]
    assert rows[1]["difference"] == 0  # no change: the same jobs
    assert rows[2]["difference"] == pytest.approx(rows[2]["macro_f1"] - rows[0]["macro_f1"])
    assert rows[2]["difference"] != 0
    assert rows[2]["accuracy"] != rows[2]["macro_f1"]
    assert not (tmp_path / "reports/own/results.json").exists()  # nothing of it is a result
    page = (tmp_path / "page.md").read_text()
    assert "| models.trees=20 | extra_trees |" in page
    assert (tmp_path / "figures/own-recipe.png").stat().st_size > 5000


@pytest.mark.tensorflow
def test_disturbed_windows_are_asked_of_the_same_networks(tmp_path):
    file = recordings(tmp_path) | {
        "models": [{"cnn": {"filters": 4, "blocks": 1}}],
        "split": {"scheme": "subject-folds", "folds": 2},
        "training": {"epochs": 10, "batch_size": 16, "learning_rate": 0.01, "patience": 10},
    }

    def scores(name, *arguments):
        done = study(tmp_path, file, "--change", "training.augment.rotate_deg=180", *arguments)
        assert done.exit_code == 0, done.output
        told = json.loads((tmp_path / f"reports/own/{name}.json").read_text())
        return {r["change"]: r["macro_f1"] for r in told["rows"]}, " ".join(done.output.split())

    plain, _ = scores("recipe")
    jobs = set((tmp_path / "data/cache/job").iterdir())
    whole, _ = scores("recipe-disturbed", "--disturb", "rotation=360")
    assert whole == pytest.approx(plain)  # a whole turn is none
    turned, said = scores("recipe-disturbed", "--disturb", "rotation=90")
    assert turned[None] < plain[None]
    assert "Where they are scored, their windows are rotated by ±90° about x, y and z" in said
    assert set((tmp_path / "data/cache/job").iterdir()) == jobs  # nothing is trained for it


@pytest.mark.parametrize(
    ("text", "kinds", "strengths"),
    [
        ("rotation=15", "xxyyzz", (-15, 15) * 3),
        ("scale=0.1", ("", ""), (0.9, 1.1)),
        ("rate=0.05", ("", ""), (-0.05, 0.05)),
        ("noise=0.3", ("",), (0.3,)),
    ],
)
def test_what_disturbs(text, kinds, strengths):
    changes = disturbances.parse(text).changes
    assert [c.axis for c in changes] == list(kinds)
    assert [c.strength for c in changes] == pytest.approx(strengths)
    assert {c.kind for c in changes} == {text.split("=")[0]}


@pytest.mark.parametrize(
    "text", ["", "rotation", "rotation=x", "scale=0", "rate=1", "noise=nan", "noise=inf", "flip=1"]
)
def test_what_disturbs_nothing(text):
    with pytest.raises(ConfigError, match="rotation=DEGREES"):
        disturbances.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rotation=15", "rotated by ±15° about x, y and z in turn"),
        ("scale=0.1", "of a sensor whose scale is off by ±10%"),
        ("rate=0.05", "of a sensor whose rate is off by ±5%"),
        ("noise=0.3", "of a sensor with noise of 0.3 m/s²"),
    ],
)
def test_what_disturbs_is_said(text, said):
    assert str(disturbances.parse(text)) == said
