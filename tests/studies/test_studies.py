"""Studies of a finished run whose answer is known from how its recordings were made.

Along x each person does each activity at a level that is anybody's, along y she is told apart: what
is learnt of some people says nothing of another, and what is learnt of her own windows everything.
"""

import json
import shutil
from dataclasses import replace
from importlib import resources
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from sklearn.metrics import f1_score

from har import session
from har.cli.app import main
from har.config import Align, Signal
from har.report import stage as report
from har.report.gap import TITLE
from har.signal import window_files
from har.studies import people as learning
from har.studies import robustness

pytestmark = pytest.mark.usefixtures("in_process", "plain_pictures")

PEOPLE, ACTIVITIES, LEVEL = 7, ("sit", "stand", "lie"), 3.0
PIPELINE = {
    "name": "own",
    "dataset": {
        "path": "my/*/*.csv", "pattern": "{subject}/{activity}.csv", "unit": "m/s2",
        "gravity": "present", "convention": "android", "placement": "wrist",
    },
    "windows": {"length_s": 1.28},
    "split": {"scheme": "subject-folds", "folds": 3},
    "models": [{"extra_trees": {"trees": 50}}],
    "training": {"epochs": 2},
}  # fmt: skip


def write_recordings(root, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(600) / 50
    for person in range(PEOPLE):
        levels = rng.permutation(len(ACTIVITIES))
        for activity, level in zip(ACTIVITIES, levels, strict=True):
            a = rng.normal([LEVEL * level - LEVEL, 2.0 * person, 9.81], 0.3, (len(t), 3))
            path = root / "my" / f"p{person + 1}" / f"{activity}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = np.column_stack([t, a])
            np.savetxt(path, rows, "%.4f", ",", header="time,x,y,z", comments="")


def finish(root, **changes):
    """A finished run, not sent to MLflow."""
    write_recordings(root)
    (root / "own.yaml").write_text(yaml.safe_dump({**PIPELINE, **changes}))
    run_again(root)
    return root


def run_again(root, *overrides):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.tracking, "track", lambda *_args, **_options: None)
        session.run(
            root, str(root / "own.yaml"), without=("export",), jobs=2, overrides=overrides
        ).require()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("studied"))


def ask(root, *arguments):
    done = CliRunner().invoke(main, ["--workspace", str(root), "study", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def published(root, name="results.json"):
    return json.loads((root / "reports/own" / name).read_text("utf-8"))


def jobs(root):
    return {
        p.parent.name: json.loads(p.read_text()) for p in root.glob("data/cache/job/*/job.json")
    }


# Optimism ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def optimism(run):
    before = published(run), set(jobs(run))
    said = ask(run, "optimism", "own", "--model", "extra_trees", "--out", run / "page.md")
    return before, said


def test_a_random_split_claims_what_nobody_new_gets(run, optimism):
    entry = published(run)["optimism"]["scores"]["extra_trees"]
    assert entry["honest"]["accuracy"] < 0.6  # nothing can be known of somebody new
    assert entry["leaky"]["accuracy"] > 0.97  # the level tells, once the person is known
    assert entry["gap"]["macro_f1"] > 0.35
    assert entry["gap"]["macro_f1_ci95"][0] > 0
    shared = published(run)["optimism"]["shared"]
    assert shared["people"] == 1.0
    assert shared["samples"] > 0.6  # about 1 − (1 − share that trains)²
    assert "a random split of windows would" in " ".join(optimism[1].stdout.split())
    page = (run / "page.md").read_text()
    assert "deliberately leaky" in page
    assert "har study optimism own --model extra_trees\n" in page
    assert (run / "figures/own-optimism.png").is_file()


def test_the_leaky_numbers_stand_apart_and_fit_the_schema(run, optimism):
    (before, _), _ = optimism
    after = published(run)
    schema = resources.files("har.evaluation").joinpath("results.schema.json").read_text("utf-8")
    jsonschema.validate(after, json.loads(schema))
    section = after.pop("optimism")
    assert after == before
    assert section["scores"]["extra_trees"]["honest"] == {
        key: before["models"]["extra_trees"][key] for key in ("macro_f1", "accuracy")
    }
    assert TITLE in (run / "reports/own/index.html").read_text("utf-8")
    ask(run, "page", "own", "--out", run / "committed")
    page = (run / "committed/own.md").read_text("utf-8")
    assert f"## {TITLE}" in page
    assert "| extra_trees | 0." in page


def test_leaky_jobs_say_so_and_nothing_is_trained_twice(run, optimism):
    (_, before), _ = optimism
    added = {k: v for k, v in jobs(run).items() if k not in before}
    leaky = {k: v for k, v in added.items() if str(v["fold"]).startswith("leaky")}
    assert sorted(v["fold"] for v in leaky.values()) == ["leaky 0", "leaky 1", "leaky 2"]
    assert {v["model"] for v in leaky.values()} == {"extra_trees (leaky)"}
    for key in leaky:
        meta = json.loads((run / "data/cache/job" / key / "meta.json").read_text())
        assert meta["parts"]["leaky"] == "windows at random"
    known = {p: p.read_bytes() for p in (run / "reports/own").glob("*.*")}
    ask(run, "optimism", "own", "--model", "extra_trees")
    assert set(jobs(run)) == before | set(added)
    assert {p: p.read_bytes() for p in known} == known


def test_a_later_run_keeps_it_beside_its_own_score_only(run, optimism, capfd):
    def again(*overrides):
        run_again(run, *overrides)
        html = (run / "reports/own/index.html").read_text("utf-8")
        shown = published(run).get("optimism")
        assert (TITLE in html) == bool(shown)
        return shown

    section = published(run)["optimism"]
    assert again() == section
    # other words in the configuration: the results are published anew, of the same scores
    assert again("about=another sentence") == section
    assert again() == section
    assert "left out" not in capfd.readouterr().err
    # other training: another honest score, which nothing leaky was measured against
    assert again("training.class_weights=none") is None
    said = " ".join(capfd.readouterr().err.split())
    assert "optimism: left out of the report for extra_trees" in said
    assert "har study optimism own" in said
    assert again("training.class_weights=none") is None
    assert "optimism" not in capfd.readouterr().err
    assert again() == section  # the score it was measured against is there again
    (run / "reports/own/optimism.json").unlink()
    assert again() is None
    before = set(jobs(run))
    ask(run, "optimism", "own", "--model", "extra_trees")
    assert published(run)["optimism"] == section
    assert set(jobs(run)) == before


def test_the_study_draws_the_report_by_its_stage(run, optimism, monkeypatch):
    """One writer: what is published is what the stage stored."""
    (run / "reports/own/optimism.json").unlink()
    shutil.rmtree(run / "data/cache/report")
    run_again(run)
    assert published(run).get("optimism") is None
    drawn = []
    real = report.STAGE.run
    stage = replace(report.STAGE, run=lambda c, w: (drawn.append(c.pipeline.name), real(c, w)))
    monkeypatch.setattr(report, "STAGE", stage)
    ask(run, "optimism", "own", "--model", "extra_trees")
    assert drawn == ["own"]
    newest = max(run.glob("data/cache/report/*/results.json"), key=lambda p: p.stat().st_mtime_ns)
    for name in ("results.json", "index.html"):
        assert (run / "reports/own" / name).read_bytes() == newest.with_name(name).read_bytes()
    assert list(published(run)["optimism"]["scores"]) == ["extra_trees"]
    assert not (run / "reports/own/.published.json").exists()


# People ------------------------------------------------------------------------------------------


def test_the_last_point_of_the_people_curve_is_the_run(run):
    before = set(jobs(run))
    said = ask(run, "people", "own", "--model", "extra_trees", "--people", "2", "--draws", "2")
    found = published(run, "people.json")
    first, last = found["points"]
    honest = published(run)["models"]["extra_trees"]
    assert {k: last[k] for k in ("macro_f1", "accuracy", "validation_macro_f1")} == {
        k: honest[k] for k in ("macro_f1", "accuracy", "validation_macro_f1")
    }
    assert last["draws"][0]["macro_f1_ci95"] == honest["macro_f1_ci95"]
    assert (first["people"], len(first["draws"])) == (2, 2)
    trained = [v for k, v in jobs(run).items() if k not in before]
    assert {len(v["train"]) for v in trained} == {2}
    folds = published(run)["folds"]
    drawn = [learning.subsets(folds, 2, draw, 0) for draw in range(2)]
    # of few people the same two may be drawn twice: they train once
    assert len(trained) == len({(i, *f["train"]) for d in drawn for i, f in enumerate(d)})
    for job in trained:
        assert job["test"] == sorted(folds[job["fold"]]["test"])
        assert job["validation"] == sorted(folds[job["fold"]]["validation"])
        assert set(job["train"]) <= set(folds[job["fold"]]["train"])
    assert "Nothing is chosen by the scores on test people" in " ".join(said.stdout.split())
    assert (run / "reports/own/people.light.svg").is_file()


def test_fewer_people_are_some_of_the_more():
    folds = [{"train": [str(i) for i in range(9)], "validation": ["10"], "test": ["11"]}] * 2
    for draw in range(3):
        small, large = (learning.subsets(folds, n, draw, 0) for n in (3, 5))
        for a, b in zip(small, large, strict=True):
            assert set(a["train"]) < set(b["train"])
            assert (len(a["train"]), len(b["train"])) == (3, 5)
            assert (a["test"], a["validation"]) == (["11"], ["10"])
    assert learning.subsets(folds, 3, 0, 0) == learning.subsets(folds, 3, 0, 0)
    drawn = {tuple(learning.subsets(folds, 3, d, 0)[0]["train"]) for d in range(5)}
    assert len(drawn) > 1
    assert learning.subsets(folds, 9, 0, 0) == learning.subsets(folds, 50, 1, 0) == folds


# Length ------------------------------------------------------------------------------------------


def test_the_runs_own_length_is_the_run_and_the_others_have_its_people(run):
    before = set(jobs(run))
    ask(run, "length", "own", "--model", "extra_trees", "--lengths", "0.64,40")
    short, own, long = published(run, "length.json")["points"]
    honest = published(run)["models"]["extra_trees"]
    assert (short["length_s"], own["length_s"], long["length_s"]) == (0.64, 1.28, 40)
    assert own["macro_f1"] == honest["macro_f1"]
    assert own["macro_f1_ci95"] == honest["macro_f1_ci95"]
    assert own["difference"] == 0
    # 12 s: windows of 32 samples every 16, against 64 every 32
    assert short["windows"] == PEOPLE * 3 * ((600 - 32) // 16 + 1)
    assert own["windows"] == PEOPLE * 3 * ((600 - 64) // 32 + 1)
    assert "No window of 40 s" in long["failed"]
    trained = [v for k, v in jobs(run).items() if k not in before]
    folds = published(run)["folds"]
    assert sorted(v["test"] for v in trained) == sorted(sorted(f["test"]) for f in folds)
    assert {p.name for p in (run / "reports").iterdir() if p.is_dir()} == {"own"}


def test_of_named_test_people_both_scores_are_theirs(tmp_path):
    run = finish(
        tmp_path,
        split={"subjects": {"test": ["p2", "p5"]}},
        models=[{"extra_trees": {"trees": 20}}],
    )
    ask(run, "optimism", "own", "--model", "extra_trees")
    section = published(run)["optimism"]
    entry = section["scores"]["extra_trees"]
    (leaky,) = (k for k, v in jobs(run).items() if str(v["fold"]).startswith("leaky"))
    (prepared,) = run.glob("data/cache/prepare/[!.]*")
    windows = window_files.load(prepared)
    with np.load(run / "data/cache/job" / leaky / "predictions.npz") as z:
        index, said = z["test_index"], z["test_probabilities"].argmax(axis=1)
    theirs = np.isin(windows.subjects[index], ["p2", "p5"])
    assert 0 < theirs.sum() < len(theirs)
    true, said = windows.labels[index][theirs], said[theirs]
    assert entry["leaky"]["macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))
    assert entry["leaky"]["accuracy"] == pytest.approx((true == said).mean())
    honest = published(run)["models"]["extra_trees"]
    for key in ("macro_f1", "accuracy"):
        assert entry["honest"][key] == honest[key]
        assert entry["gap"][key] == pytest.approx(entry["leaky"][key] - honest[key])
    assert "on the 2 people of the honest one" in section["protocol"]
    assert "folds" not in section["protocol"]


# Robustness --------------------------------------------------------------------------------------


@pytest.mark.tensorflow
def test_unchanged_windows_give_exactly_the_stored_score(tmp_path):
    run = finish(tmp_path, models=[{"cnn": {"filters": 4, "blocks": 1}}])
    before = set(jobs(run))
    ask(run, "robustness", "own")
    rows = {r["name"]: r for r in published(run, "robustness.json")["changes"]}
    honest = published(run)["models"]["cnn"]
    assert rows["unchanged"]["macro_f1"] == honest["macro_f1"]
    assert rows["unchanged"]["accuracy"] == honest["accuracy"]
    assert set(rows["rotated by 90°"]["axes"]) == {"x", "y", "z"}
    for row in rows.values():
        if len(row["axes"]) == 3:
            assert row["macro_f1"] == pytest.approx(np.mean(list(row["axes"].values())))
        assert row["difference"] == pytest.approx(row["macro_f1"] - honest["macro_f1"])
    assert set(jobs(run)) == before
    assert (run / "reports/own/robustness.dark.svg").is_file()


@pytest.mark.tensorflow
def test_an_activity_that_was_left_out_is_met(tmp_path):
    """Levels along x that a person does not share: what lies beyond the others' is noticed."""
    run = finish(
        tmp_path,
        models=[{"cnn": {"filters": 4, "blocks": 1}}],
        training={"epochs": 2, "seeds": [0]},
    )
    ask(run, "unknown", "own", "--folds", 1, "--out", tmp_path / "page.md")
    met = {r["name"]: r for r in published(run, "unknown.json")["met"]}
    assert set(met) == {
        *ACTIVITIES, "its own activities", "at rest, any way up", "tones", "white noise",
        "a constant",
    }  # fmt: skip
    for name in ("tones", "white noise", "a constant"):  # nobody moved
        assert met[name]["auroc"]["distance"] > 0.95, name
        assert met[name]["answered"]["both"] < 0.1 < met[name]["answered"]["probability"], name
        assert set(met[name]["called"]) == set(ACTIVITIES)
        assert sum(met[name]["called"].values()) <= met[name]["answered"]["both"]
    own = met["its own activities"]
    assert own["kept"]["both"] == own["answered"]["both"]
    assert "does it notice" in (tmp_path / "page.md").read_text()
    ask(run, "unknown", "own", "--folds", 1, "--shares", "0.25,1")
    *each, mean = published(run, "unknown-shares.json")["shares"]
    assert {r["name"] for r in each} == set(ACTIVITIES)
    # of validation people, whom the test people's figures are not of
    assert mean["auroc"]["1"] == pytest.approx(np.mean([r["auroc"]["1"] for r in each]))
    assert all(
        r["n"] != met[r["name"]]["n"] or r["auroc"]["1"] != met[r["name"]]["auroc"]["probability"]
        for r in each
    )


@pytest.mark.tensorflow
def test_a_few_windows_tell_what_nobody_else_could(tmp_path):
    """Levels along x are in an order of the person's own: only the person can teach them."""
    run = finish(tmp_path, models=[{"tiny": {}}], training={"epochs": 2, "seeds": [0]})
    ask(run, "personal", "own", "--windows", "1,3", "--new", 1, "--out", tmp_path / "page.md")
    found = published(run, "personal.json")
    one, three, *unlabelled = found["taught"]
    assert [r["way"] for r in unlabelled] == ["axes standardised", "batch normalisation"]
    tested = {np.sum(r["confusion"][when]) for r in unlabelled for when in ("before", "after")}
    assert tested == {np.sum(three["confusion"]["before"])}
    assert (one["n"], three["n"]) == (1, 3)
    assert len(three["people"]) == PEOPLE
    assert three["other_recordings"] == 0, "each activity has a single recording"
    assert "a window's gap after what was taught" in found["protocol"]
    assert three["before"] < 0.8 < three["after"]
    assert one["after"] <= three["after"]
    # The rest of each recording: 12 s less three windows of 1.28 s and a gap of one.
    tested = np.sum(three["confusion"]["before"])
    assert PEOPLE * 3 * 8 < tested < PEOPLE * 3 * 13
    low, high = three["gain_ci95"]
    gains = [p["after"] - p["before"] for p in three["people"]]
    assert np.mean(gains) == pytest.approx(three["gain"])
    assert low < three["gain"] < high
    (new,) = found["new"]
    assert {a["activity"] for a in new["activities"]} == set(ACTIVITIES)
    assert all(0 <= a["taught"] <= 1 for a in new["activities"])
    assert "labelled seconds" in (tmp_path / "page.md").read_text()
    assert "labelled seconds of the wearer" in (run / "reports/own/index.html").read_text()

    ask(run, "personal", "own", "--windows", "1,3", "--strengths", "0.1,1e9")
    compared = published(run, "strengths.json")
    by_strength = {(r["strength"], r["n"]): r["gain"] for r in compared["taught"] if r["strength"]}
    assert by_strength.keys() == {(0.1, 1), (0.1, 3), (1e9, 1), (1e9, 3)}
    assert by_strength[0.1, 3] > 0.1
    assert by_strength[1e9, 3] == 0, "a prior so strong lets nothing be learnt"
    assert "on the validation people" in compared["protocol"]


@pytest.mark.parametrize("kind", ["none", "walking"])
def test_where_recordings_are_turned_a_rotation_is_of_a_sensor_that_slips(kind):
    pipeline = SimpleNamespace(signal=Signal(align=Align(kind=kind)))
    finished = SimpleNamespace(seeds=[0], pipeline=pipeline)
    said = robustness._protocol(finished, "cnn", 4)
    assert ("a sensor that slips after the walk" in said) == (kind == "walking")


def test_what_cannot_be_asked_says_why(run, tmp_path):
    def refused(*arguments):
        done = CliRunner().invoke(main, ["--workspace", *map(str, arguments)])
        assert done.exit_code == 1
        return " ".join(done.output.split())

    assert "Run: har run own" in refused(tmp_path, "study", "people", "own")
    text = refused(run, "study", "robustness", "own", "--model", "extra_trees")
    assert "no stored network" in text
    assert "no selected model; name one with --model (extra_trees)" in refused(
        run, "study", "length", "own"
    )
    text = refused(run, "study", "optimism", "own", "--model", "extra_tree")
    assert "did you mean 'extra_trees'?" in text
    done = CliRunner().invoke(main, ["study", "people", "own", "--people", "two"])
    assert done.exit_code == 2
    assert "'two': give numbers above 0" in done.output
