"""The whole pipeline on the built-in recordings, with small nets and few epochs."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import jsonschema
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

import har
from har import pipeline, pipeline_file, session
from har.cli.app import main
from har.errors import ConfigError, StoreError, TrainingError
from har.evaluation.results import Results
from har.signal import window_files
from tests import dots, in_process
from tests.noise import MLFLOW

pytestmark = MLFLOW
SMALL = (
    "models=[{cnn: {filters: 8, blocks: 2}}, {gru: {units: 8, front: none, frame: 8}}]",
    "training.epochs=2",
    "split.folds=3",
    "name=small",
)
COMMAND = [sys.executable, "-m", "har"]


def arguments(*extra):
    return ["run", "watch", *(a for s in SMALL for a in ("--set", s)), *extra]


def said():
    """The same settings as a notebook says them."""
    return {k: yaml.safe_load(v) for k, v in (s.split("=", 1) for s in SMALL)}


def results(workspace):
    return json.loads((workspace / "reports/small/results.json").read_text())


def without_times(value):
    """DESIGN: a result is `results.json` without seconds and latencies."""
    if isinstance(value, dict):
        return {
            k: without_times(v)
            for k, v in value.items()
            if not (k.endswith("_seconds") or k.startswith("latency_"))
        }
    return [without_times(v) for v in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, its output, and how it was made."""
    folder = tmp_path_factory.mktemp("finished")
    with in_process.instead():
        done = CliRunner().invoke(main, ["--workspace", str(folder), *arguments("--jobs", "1")])
    assert done.exit_code == 0, done.output
    return folder, done.stdout


@pytest.mark.tensorflow
def test_a_notebook_has_the_run_as_tables(finished):
    folder, _ = finished
    jobs = finished_jobs(folder)
    done = har.run("watch", overrides=said(), workspace=folder)
    assert finished_jobs(folder) == jobs  # the cache of the command line
    published = results(folder)["models"]
    assert done.scores["macro_f1"].to_dict() == {k: m["macro_f1"] for k, m in published.items()}
    assert done.scores["macro_f1"].is_monotonic_decreasing
    assert {*done.comparisons["b"]} == {"cnn", "gru"} - {done.selected}
    counts = done.confusion("gru")
    assert counts.to_numpy().tolist() == published["gru"]["confusion"]
    mine = done.windows[done.windows["model"] == "gru"]
    wrong = (mine["true"] == "pendulum") & (mine["predicted"] == "row_bent_over")
    assert counts.loc["pendulum", "row_bent_over"] == wrong.sum()
    assert done.bundle.manifest.model == done.selected
    assert done.report.is_file()
    assert f"selected: {done.selected}" in repr(done)
    with pytest.raises(ConfigError, match="No model 'gro' in this run, did you mean 'gru'"):
        done.confusion("gro")
    half = har.run("watch", overrides=said(), workspace=folder, until="prepare")
    with pytest.raises(StoreError, match="ended before its report: ingest, prepare"):
        half.scores  # noqa: B018


@pytest.fixture(scope="module")
def carried_on(tmp_path_factory):
    """The same without an export: killed after two jobs, and finished by two processes.

    Its folder, and when the jobs that it had before it was killed were written.
    """
    folder = tmp_path_factory.mktemp("carried-on")
    process = subprocess.Popen(
        [*COMMAND, "--workspace", str(folder), *arguments("--jobs", "1")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while len(finished_jobs(folder)) < 2:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = finished_jobs(folder)
    assert not (folder / "reports/small/results.json").exists()
    with dots.instead():
        har.run("watch", overrides=said(), workspace=folder, jobs=2, export=False)
    assert not (folder / "reports/small/bundle").exists()
    return folder, kept


def finished_jobs(folder):
    """When each was written."""
    return {p: p.stat().st_mtime_ns for p in folder.glob("data/cache/job/[!.]*/meta.json")}


@pytest.mark.tensorflow
def test_a_run_leaves_all_that_is_promised(finished):
    folder, printed = finished
    report = folder / "reports/small"
    for name in (
        "index.html", "results.json", "windows.parquet",
        "confusion/cnn.png", "confusion/gru.png", "figures/people.png", "figures/pareto.png",
        "leakage.json",
    ):  # fmt: skip
        assert (report / name).stat().st_size > 0, name
    [bundle] = (report / "bundle").iterdir()
    for name in ("model.tflite", "model.dynamic.tflite", "model.float16.tflite", "model.json"):
        assert (bundle / name).stat().st_size > 0, name
    assert (folder / "reports/mlflow.db").is_file()
    closing = ("10 subjects, 140 recordings", "macro-F1", "Report: ", "Bundle: ", "MLflow: har")
    places = [printed.index(text) for text in closing]
    assert places == sorted(places)
    html = (report / "index.html").read_text("utf-8")
    assert "On the phone" in html
    schema = Results.json_schema()
    jsonschema.validate(results(folder), schema)


def test_the_report_is_the_last_stage_and_each_published_name_has_one_writer():
    stages = pipeline.stages()
    assert [s.name for s in stages] == ["ingest", "prepare", "train", "compare", "export", "report"]
    names = [name for s in stages for name in s.publish]
    assert len(names) == len(set(names))
    assert {"results.json", "index.html"} <= set(stages[-1].publish)


@pytest.mark.tensorflow
def test_every_window_is_scored_once_by_a_model_that_never_saw_its_person(finished):
    folder, _ = finished
    r = results(folder)
    table = pd.read_parquet(folder / "reports/small/windows.parquet")
    for model in ("cnn", "gru"):
        rows = table[table["model"] == model]
        assert len(rows) == r["windows"]["kept"]
        assert not rows.duplicated(["recording", "start"]).any()
        for fold, of_fold in rows.groupby("fold"):
            parts = r["folds"][int(fold)]
            assert set(of_fold["subject"]) == set(parts["test"])
            assert not set(parts["test"]) & {*parts["train"], *parts["validation"]}
    assert r["leakage"]["ok"] is True


@pytest.mark.tensorflow
def test_pooled_scores_equal_scikit_learn_on_the_published_windows(finished):
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    folder, _ = finished
    r = results(folder)
    table = pd.read_parquet(folder / "reports/small/windows.parquet")
    for model, scores in r["models"].items():
        rows = table[table["model"] == model]
        true, guess = rows["true"].astype(str), rows["predicted"].astype(str)
        assert scores["accuracy"] == pytest.approx(accuracy_score(true, guess), abs=1e-6)
        macro = f1_score(true, guess, average="macro", zero_division=0)
        assert scores["macro_f1"] == pytest.approx(macro, abs=1e-6)
        counts = confusion_matrix(true, guess, labels=r["activities"])
        assert scores["confusion"] == counts.tolist()


@pytest.mark.tensorflow
def test_a_second_run_recomputes_nothing_and_imports_no_tensorflow(finished):
    folder, _ = finished
    before = {p: p.stat().st_mtime_ns for p in (folder / "data").rglob("*") if p.is_file()}
    code = (
        "import sys\nfrom har.cli.app import main\n"
        f"try: main(['--workspace', {str(folder)!r}, *{arguments()!r}])\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert out.stderr.count("up to date") == 6
    heavy = {
        "tensorflow",
        "keras",
        "jax",
        "mlflow",
        "sklearn",
        "matplotlib",
        "scipy",
        "pandas",
        "asyncio",
    }
    assert not heavy & set(out.stdout.splitlines()[-1].split())
    after = {p: p.stat().st_mtime_ns for p in (folder / "data").rglob("*") if p.is_file()}
    assert after == before


@pytest.mark.tensorflow
def test_the_result_does_not_depend_on_the_number_of_processes(finished, carried_on):
    """Nor on which of them came first, and which were there already."""
    both = (carried_on[0], finished[0])
    two, one = (without_times(results(folder)) for folder in both)
    for scores in one["models"].values():  # one of them is exported
        scores.pop("export", None)
        scores.pop("cost", None)
    assert {**two, "models": None} == {**one, "models": None}
    for name, scores in two["models"].items():
        scores.pop("export", None)
        scores.pop("cost", None)
        assert scores == one["models"][name]
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(folder / "reports/small/windows.parquet") for folder in both)
    )


@pytest.mark.tensorflow
def test_a_killed_run_carries_on_where_it_was(carried_on):
    folder, kept = carried_on
    assert 2 <= len(kept) < 6
    jobs = finished_jobs(folder)
    assert len(jobs) == 6
    assert {p: jobs[p] for p in kept} == kept
    assert set(results(folder)["models"]) == {"cnn", "gru"}


@pytest.mark.tensorflow
def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_lying_about(tmp_path):
    scratch, workspace = tmp_path / "tmp", tmp_path / "workspace"
    scratch.mkdir()
    command = [*COMMAND, "--workspace", str(workspace), "run", "watch", "--until", "train"]
    command += ["--jobs", "1", "--set", "models=[extra_trees]", "--set", "split.folds=3"]
    how = {"stderr": subprocess.PIPE, "text": True, "env": os.environ | {"TMPDIR": str(scratch)}}
    # Whoever runs the tests in the background may have it ignored.
    listens = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    run = subprocess.Popen(command, preexec_fn=listens, **how)
    before = next(line for line in run.stderr if "1 of 3 jobs" in line or run.poll() is not None)
    assert "extra_trees fold" in before
    run.send_signal(signal.SIGINT)
    said = run.stderr.read()
    assert run.wait() == 130, said
    assert said.strip().splitlines()[-1] == (
        "Interrupted. What was finished is kept; the same command continues."
    )
    assert "Traceback" not in said
    assert not [p for p in workspace.rglob(".*") if p.name.startswith((".partial", ".claim"))]
    assert not list(scratch.iterdir())
    again = subprocess.run(command, check=True, **how).stderr
    assert "2 jobs, 1 stored already" in again
    assert "2 of 2 jobs" in again


@pytest.mark.tensorflow
def test_a_job_that_fails_is_named_and_the_others_are_compared(finished, tmp_path):
    """The others are trained already."""
    shutil.copytree(finished[0] / "data/cache", tmp_path / "data/cache")
    overrides = (
        *SMALL[1:],
        "models=[{cnn: {filters: 8, blocks: 2}}, "
        "{name: gru, label: broken, params: {dropout: 2.0}}]",
    )
    with in_process.instead(), dots.instead():
        done = session.run(tmp_path, "watch", overrides=overrides, jobs=1, without=("export",))
    with pytest.raises(TrainingError, match=r"3 of 6 jobs failed(.|\n)*broken fold 0 seed 0"):
        done.require()
    r = results(tmp_path)
    assert r["selected"] == "cnn"
    assert r["models"]["broken"]["failed_jobs"]


def test_until_and_single_stages_stop_there(tmp_path):
    done = session.run(tmp_path, "watch", overrides=SMALL, until="prepare")
    assert [step.stage.name for step in done.steps] == ["ingest", "prepare"]
    windows = window_files.load(done.outputs["prepare"].path)
    assert len(set(windows.subjects)) == 10


@pytest.mark.tensorflow
def test_what_a_change_reruns(finished):
    folder, _ = finished

    def would_run(*changes):
        done = session.run(folder, "watch", overrides=SMALL + changes, dry_run=True)
        return [step.stage.name for step in done.steps if step.state == "would run"]

    assert would_run() == []
    # results.json holds the whole configuration: a change of words reruns what writes it
    assert would_run("export.quantization=[none]") == ["compare", "export", "report"]
    assert would_run("training.epochs=3") == ["train", "compare", "export", "report"]
    assert would_run("windows.overlap=0.25")[0] == "prepare"


@pytest.mark.dataset
def test_uci_har_windows_are_as_many_as_published(data_mirror, tmp_path, monkeypatch):
    """7,415 windows of the 21 training people and 2,996 of the 9 official test people."""
    monkeypatch.setenv("HAR_DATA_MIRROR", str(data_mirror))
    with in_process.instead():
        done = session.run(tmp_path, "uci-har", until="prepare")
    windows = window_files.load(done.outputs["prepare"].path)
    test = set(pipeline_file.load("uci-har").split.test)
    is_test = [s in test for s in windows.subjects]
    assert (len(windows) - sum(is_test), sum(is_test)) == (7415, 2996)
    assert windows.n_samples == 128


@pytest.mark.dataset
@pytest.mark.parametrize(
    ("name", "subjects"), [("motionsense", 24), ("hapt", 30), ("wisdm-2019-phone", 51)]
)
def test_public_sets_prepare(name, subjects, data_mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HAR_DATA_MIRROR", str(data_mirror))
    with in_process.instead():
        done = session.run(tmp_path, name, until="prepare")
    windows = window_files.load(done.outputs["prepare"].path)
    assert len(set(windows.subjects)) == subjects
    assert len(windows) > 5000
