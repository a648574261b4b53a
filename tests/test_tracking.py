"""What stands in the MLflow store after a comparison was sent, sent again, or interrupted."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score

from har import session, tracking
from har.cli.app import main
from har.errors import TrackingError
from har.evaluation.results import ExportFigures
from har.signal import window_files
from har.tracking import moved, once, pages, send, view
from har.training.job_files import read
from har.workspace import Workspace
from tests.evaluation import workspace
from tests.noise import MLFLOW

pytestmark = MLFLOW
SKILLS = {"cnn": 0.9, "lstm": 0.6, "extra_trees": 0.5}
N_RUNS = 1 + 3 + 3 * 3 * 2


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def track(context, **how):
    return tracking.track(
        context.workspace, context.pipeline.name, context.outputs, console=context.console, **how
    )


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A comparison that was sent to the workspace's own store, with its runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        root = tmp_path_factory.mktemp("workspace")
        context = workspace.run(workspace.context(root, SKILLS, seeds=(0, 1)))
        first = track(context)
    assert first.added == N_RUNS
    return context


def client(context):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking.tracking_uri(context.workspace))


def runs(context):
    c = client(context)
    experiment = c.get_experiment_by_name(context.pipeline.name)
    return {r.info.run_id: r for r in c.search_runs([experiment.experiment_id])}


def of_kind(context, kind):
    return [r for r in runs(context).values() if r.data.tags["har.kind"] == kind]


def test_a_run_for_the_comparison_each_model_and_each_job(sent):
    (parent,) = of_kind(sent, "comparison")
    models = of_kind(sent, "model")
    assert {r.data.tags["mlflow.parentRunId"] for r in models} == {parent.info.run_id}
    assert sorted(r.info.run_name for r in models) == sorted(SKILLS)
    by_id = {r.info.run_id: r.info.run_name for r in models}
    jobs = of_kind(sent, "job")
    assert sorted(r.info.run_name for r in jobs) == sorted(
        f"{m} fold {f} seed {s}" for m in SKILLS for f in range(3) for s in (0, 1)
    )
    for run in jobs:
        assert by_id[run.data.tags["mlflow.parentRunId"]] == run.data.tags["har.model"]
    assert {r.info.status for r in runs(sent).values()} == {"FINISHED"}


def test_tags_say_what_the_scores_are_of(sent):
    r = workspace.results(sent)
    for run in runs(sent).values():
        assert run.data.tags["har.data_fingerprint"] == r.data_fingerprint
        assert run.data.tags["har.config_key"] == r.config_key
        assert run.data.tags["har.code"] == r.code
    keys = [run.data.tags["har.job_key"] for run in runs(sent).values()]
    assert len(set(keys)) == N_RUNS


def test_models_carry_their_pooled_scores(sent):
    r = workspace.results(sent)
    for run in of_kind(sent, "model"):
        m, metrics = r.models[run.info.run_name], run.data.metrics
        for name in ("macro_f1", "accuracy", "validation_macro_f1", "macro_f1_seed_sd"):
            assert metrics[name] == pytest.approx(getattr(m, name), abs=5e-5)
        assert metrics["macro_f1_ci95_low"] == pytest.approx(m.macro_f1_ci95[0], abs=5e-5)
        assert run.data.params["model"] == run.info.run_name
        assert len(metrics) <= 20
        # How long it trained, not how long it was sent.
        took_ms = run.info.end_time - run.info.start_time
        assert took_ms == pytest.approx(m.train_seconds * 1000, abs=2)
        assert f"macro-F1 {m.macro_f1:.3f}" in run.data.tags["mlflow.note.content"]


def test_scores_by_activity_and_by_person_are_tables(sent, tmp_path):
    r = workspace.results(sent)
    for run in of_kind(sent, "model"):
        m = r.models[run.info.run_name]

        def content(name, of=run):
            path = client(sent).download_artifacts(of.info.run_id, name, str(tmp_path))
            return json.loads(pathlib.Path(path).read_text())

        people, classes = content("per_person.json"), content("per_class.json")
        assert people["columns"] == ["person", "macro_f1"]
        assert dict(people["data"]) == pytest.approx(m.per_subject)
        f1 = classes["columns"].index("f1")
        got = {row[0]: row[f1] for row in classes["data"]}
        assert got == pytest.approx(dict(zip(r.activities, m.per_class.f1, strict=True)))
        assert content("confusion.json")["rows_are_true"] == m.confusion


def test_jobs_carry_their_curves_and_their_own_scores(sent):
    c = client(sent)
    run = next(r for r in of_kind(sent, "job") if r.info.run_name == "cnn fold 1 seed 0")
    folder = sent.store.find("job", "cnn-1-0").path
    history = json.loads((folder / "history.json").read_text())
    for name in ("loss", "val_loss", "val_macro_f1", "learning_rate"):
        got = sorted(c.get_metric_history(run.info.run_id, name), key=lambda m: m.step)
        assert [m.step for m in got] == [1, 2, 3]
        assert [m.value for m in got] == pytest.approx(history[name])
    assert run.data.metrics["best_epoch"] == 2
    assert run.data.params["test"] == "2, 5"
    w = window_files.load(sent.outputs["prepare"].path)
    index, p = read(folder, 1, 0).predictions.of("test")
    assert set(w.subjects[index]) == {"2", "5"}
    want = f1_score(w.labels[index], p.argmax(axis=1), average="macro")
    assert run.data.metrics["macro_f1"] == pytest.approx(want)


def test_the_picture_of_all_models_has_the_curves_of_the_folds(sent):
    c = client(sent)
    run = next(r for r in of_kind(sent, "model") if r.info.run_name == "cnn")
    for fold in range(3):
        history = json.loads(
            (sent.store.find("job", f"cnn-{fold}-0").path / "history.json").read_text()
        )
        got = sorted(
            c.get_metric_history(run.info.run_id, f"val_macro_f1/fold {fold}"), key=lambda m: m.step
        )
        assert [m.value for m in got] == pytest.approx(history["val_macro_f1"])


def test_a_shared_view_shows_a_row_for_each_model(sent):
    (parent,) = of_kind(sent, "comparison")
    experiment = client(sent).get_experiment_by_name("made")
    key = view.key_of(parent.data.tags["har.comparison"])
    shown = json.loads(experiment.tags[view.TAG + key])
    found = client(sent).search_runs([experiment.experiment_id], shown["searchFilter"])
    assert sorted(r.info.run_name for r in found) == sorted(SKILLS)
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`macro_f1`", False)
    charted = {c["type"]: c for c in shown["compareRunCharts"]}
    assert charted["IMAGE"]["imageKeys"] == ["confusion"]
    logged = found[0].data.metrics
    assert set(charted["LINE"]["selectedMetricKeys"]) <= {k for r in found for k in r.data.metrics}
    for column in shown["selectedColumns"]:
        name = column.split("`")[1]
        assert name in logged or name in ("bytes", "ms", "parameters")


def test_data_set_and_pictures_and_report(sent):
    c = client(sent)
    (parent,) = of_kind(sent, "comparison")
    assert {a.path for a in c.list_artifacts(parent.info.run_id)} == {
        "index.html", "results.json", "figures",
    }  # fmt: skip
    assert [a.path for a in c.list_artifacts(parent.info.run_id, "figures")] == [
        "figures/abstention.png", "figures/activities.png", "figures/learning-curves.png",
        "figures/people.png", "figures/reliability.png",
    ]  # fmt: skip
    for run in of_kind(sent, "model"):
        (data,) = run.inputs.dataset_inputs
        assert data.dataset.name == "watch"
        assert data.dataset.digest == run.data.tags["har.data_fingerprint"]
        figures = [a.path for a in c.list_artifacts(run.info.run_id, "figures")]
        assert figures == ["figures/confusion.png"]  # the same in every run
        assert c.list_artifacts(run.info.run_id, "images")


@pytest.mark.processes
def test_sent_twice_adds_nothing_and_imports_no_mlflow(sent, tmp_path):
    before = runs(sent)
    assert track(sent) is None
    assert elsewhere(sent, SKILLS, (0, 1)) == "None False"
    marker, _hashes = sorted(
        (sent.workspace.cache / "tracked").iterdir(), key=lambda p: p.name == "file-hashes.json"
    )
    marker.unlink()  # a lost memory costs a look, and no more
    assert track(sent).added == 0
    assert runs(sent).keys() == before.keys()


def elsewhere(context, skills, seeds=(0,)):
    """`track` in another process: what it returned, and whether MLflow was imported."""
    process = start_elsewhere(context, skills, seeds)
    said, _ = process.communicate()
    assert process.returncode == 0
    return said.strip()


def start_elsewhere(context, skills, seeds=(0,)):
    script = (
        "import sys, pathlib\n"
        "from tests.evaluation import workspace\n"
        "from tests.test_tracking import track\n"
        f"c = workspace.reopen(pathlib.Path({str(context.workspace.root)!r}), {skills!r}, "
        f"seeds={seeds!r})\n"
        "sent = track(c)\n"
        "print(sent and sent.added, 'mlflow' in sys.modules)\n"
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


ONE = {"cnn": 0.9}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished comparison of one model, and an empty store: both take seconds to make."""
    from mlflow import MlflowClient

    root = tmp_path_factory.mktemp("finished")
    context = workspace.run(workspace.context(root, ONE))
    (root / "reports").mkdir()
    MlflowClient(tracking_uri=tracking.tracking_uri(context.workspace)).search_experiments()
    return root


@pytest.fixture
def fresh(finished, tmp_path):
    """A copy of it."""
    root = tmp_path / "workspace"
    shutil.copytree(finished, root)
    return workspace.reopen(root, ONE)


@pytest.mark.processes
def test_a_store_that_is_gone_is_filled_again(fresh):
    context = fresh
    assert track(context).added == 5
    (context.workspace.reports / "mlflow.db").unlink()
    assert elsewhere(context, ONE) == "5 True"
    assert elsewhere(context, ONE) == "None False"


@pytest.mark.processes
def test_two_at_once_on_a_fresh_store(fresh, tmp_path, monkeypatch):
    """SQLAlchemy makes the tables; two of it at a time made one of them crash."""
    other = tmp_path / "other"
    shutil.copytree(fresh.workspace.root, other)
    database = tmp_path / "shared.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    both = [fresh, workspace.reopen(other, ONE)]
    processes = [start_elsewhere(context, ONE) for context in both]
    said = sorted(p.communicate()[0].split(" ")[0] for p in processes)
    assert [p.returncode for p in processes] == [0, 0]
    assert said == ["0", "5"]  # the same comparison, once


def test_an_interrupted_sending_is_finished(fresh, monkeypatch):
    context = fresh
    original = send.Sender._job

    def stop(self, parent, job):
        if job.fold == 2:
            raise KeyboardInterrupt
        original(self, parent, job)

    monkeypatch.setattr(send.Sender, "_job", stop)
    with pytest.raises(KeyboardInterrupt):
        track(context)
    assert len(runs(context)) == 4
    monkeypatch.undo()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert track(context).added == 1
    assert {r.info.status for r in runs(context).values()} == {"FINISHED"}
    (cnn,) = of_kind(context, "model")
    history = client(context).get_metric_history(cnn.info.run_id, "macro_f1")
    assert len(history) == 1  # sent twice, stored once
    assert len(cnn.inputs.dataset_inputs) == 1


def test_another_comparison_of_the_same_jobs_has_runs_of_its_own(fresh, tmp_path):
    track(fresh)
    more = workspace.run(workspace.context(tmp_path / "more", {"cnn": 0.9, "gru": 0.5}))
    more = dataclasses.replace(more, workspace=fresh.workspace)
    assert track(more).added == 9
    names = sorted(r.info.run_name for r in of_kind(more, "comparison"))
    assert names == ["made", "made · with gru"]


def everything(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.processes
def test_a_copy_of_a_workspace_keeps_to_itself(fresh, tmp_path):
    track(fresh)
    original = everything(fresh.workspace.root)
    copy = tmp_path / "copy"
    shutil.copytree(fresh.workspace.root, copy, copy_function=shutil.copy)  # with new times
    context = workspace.reopen(copy, ONE)
    assert elsewhere(context, ONE) == "None False"  # the same results: nothing to send
    more = workspace.run(workspace.context(tmp_path / "more", {"cnn": 0.9, "gru": 0.5}))
    more = dataclasses.replace(more, workspace=context.workspace)
    assert track(more).added == 9
    assert everything(fresh.workspace.root) == original
    experiment = client(context).get_experiment_by_name("made")
    assert experiment.artifact_location == (copy / "reports/mlartifacts/made").as_uri()
    for run in runs(context).values():
        assert run.info.artifact_uri.startswith((copy / "reports").as_uri())
        assert client(context).list_artifacts(run.info.run_id) or run.data.tags["har.kind"] == "job"


def test_artefacts_that_lie_elsewhere_on_purpose_stay_there(fresh, tmp_path):
    track(fresh)
    file = fresh.workspace.reports / "mlflow.db"
    with sqlite3.connect(file) as db:
        db.execute("UPDATE experiments SET artifact_location = 's3://bucket/mlartifacts/made'")
    db.close()
    assert moved.settle(file, tmp_path / "mlartifacts") > 0  # the runs'
    with sqlite3.connect(file) as db:
        stored = {place for (place,) in db.execute("SELECT artifact_location FROM experiments")}
    db.close()
    assert "s3://bucket/mlartifacts/made" in stored
    assert moved.settle(file, tmp_path / "mlartifacts") == 0
    assert moved.settle(tmp_path / "none.db", tmp_path) == 0
    assert not (tmp_path / "none.db").exists()


@pytest.mark.tensorflow
def test_an_export_is_added_to_the_runs_that_are_there(fresh, make_bundle):
    context = fresh
    track(context)
    entry = {
        "bytes": 80_000, "max_abs_diff": 1e-7, "label_agreement": 1.0, "macro_f1": 0.9,
        "latency_ms_p50": 0.1, "latency_ms_p99": 0.2,
    }  # fmt: skip
    timed = {"bytes": 50_000, "latency_ms_p50": 0.3, "latency_ms_p99": 0.4, "proven": False}
    figures = ExportFigures.model_validate({"models": {}, "costs": {"cnn": timed}})
    with context.store.writing("export", "k0", {}) as writing:
        figures.write(writing.path / "figures.json")
    context = context.with_output("export", context.store.find("export", "k0"))
    context = workspace.run(context, "k1")
    assert track(context).added == 0
    (run,) = of_kind(context, "model")
    assert (run.data.metrics["bytes"], run.data.metrics["ms"]) == (50_000, 0.3)
    took = (run.info.start_time, run.info.end_time)
    assert not client(context).list_artifacts(run.info.run_id, "bundle")
    figures = ExportFigures.model_validate({"models": {"cnn": {"float32": entry}}})
    with context.store.writing("export", "k", {}) as writing:
        figures.write(writing.path / "figures.json")
        shutil.copytree(make_bundle("cnn"), writing.path / "bundle" / "cnn")
        (context.store.root / "job" / "cnn-final").mkdir()
        (context.store.root / "job" / "cnn-final" / "model.keras").write_bytes(b"keras")
        writing.note(keras={"cnn": ["cnn-final"]})
    context = context.with_output("export", context.store.find("export", "k"))
    context = workspace.run(context, "k2")
    assert track(context).added == 0
    (run,) = of_kind(context, "model")
    assert (run.data.metrics["bytes"], run.data.metrics["ms"]) == (80_000, 0.1)
    assert (run.info.start_time, run.info.end_time) == took
    assert len(run.data.metrics) <= 20

    def listed(folder):
        return {a.path for a in client(context).list_artifacts(run.info.run_id, folder)}

    assert "bundle/model.tflite" in listed("bundle")
    assert listed("keras") == {"keras/final-0.keras", "keras/README.txt"}
    assert track(context) is None
    assert "MLFLOW_TRACKING_URI" not in os.environ  # MLflow sets it, for all workspaces
    version = client(context).get_model_version_by_alias("made", "champion")
    assert version.run_id == run.info.run_id
    assert "Raw windows in, probabilities out" in version.description


def test_many_jobs_keep_their_curves_in_a_file(fresh, tmp_path, monkeypatch):
    monkeypatch.setattr(send, "RUNS_PER_JOB_UP_TO", 2)
    context = fresh
    assert track(context).added == 2
    (run,) = of_kind(context, "model")
    c = client(context)
    path = c.download_artifacts(run.info.run_id, "curves.json", str(tmp_path))
    with open(path) as f:
        rows = json.load(f)["jobs"]
    assert [r["fold"] for r in rows] == [0, 1, 2]
    assert len(rows[0]["loss"]) == 3


def test_a_server_that_is_down_is_a_warning_then_caught_up(fresh, monkeypatch):
    context = fresh
    with socket.socket() as s:  # a port where nobody listens
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    assert track(context) is None
    warning = context.console.file.getvalue().replace("\n", " ")
    assert "Warning" in warning
    assert "har track made" in warning
    with pytest.raises(TrackingError, match="har track made"):
        track(context, required=True)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert track(context, required=True).added == 5


def test_nothing_stored(tmp_path):
    context = workspace.context(tmp_path, {"cnn": 1})
    assert track(context) is None
    with pytest.raises(TrackingError, match="Run: har run made"):
        track(context, required=True)


def test_the_uri_of_the_environment_wins(fresh, tmp_path, monkeypatch):
    own = fresh.workspace.reports / "mlflow.db"
    database = tmp_path / "elsewhere" / "runs.db"
    database.parent.mkdir()
    own.rename(database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    track(fresh)
    assert not own.exists()
    with sqlite3.connect(database) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (5,)
    db.close()


@pytest.fixture
def dripping():
    """The address of a server that never comes to the end of its answer."""
    over = threading.Event()

    class Drips(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not over.wait(0.05):
                    self.wfile.write(b" ")

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Drips)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_trickles_is_given_up_in_time(sent, dripping, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dripping)
    monkeypatch.setattr(once, "PATIENCE_S", 1.0)
    monkeypatch.setattr(once, "PER_JOB_S", 0.0)
    begin = time.monotonic()
    with pytest.raises(TrackingError, match=r"longer than 1 s\)\. They are kept .* har track"):
        track(sent, required=True)
    assert time.monotonic() - begin < 10


def test_a_store_that_cannot_be_written_is_said_at_once(sent, tmp_path, monkeypatch):
    (tmp_path / "mlflow.db").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(TrackingError, match="unable to open database file"):
        track(sent, required=True)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("postgresql+nothing://u:secret@h/db", "its driver"),
        ("foo://h", "begins with foo://, which MLflow knows no store for"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_before_the_work(
    tmp_path, monkeypatch, uri, said
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingError, match=said) as raised:
        session.run(tmp_path, "watch")
    assert "secret" not in str(raised.value)
    assert not list(tmp_path.iterdir())


# The pages -------------------------------------------------------------------------------------


def test_no_pages_without_a_store(tmp_path):
    with pytest.raises(TrackingError, match="Run: har run"):
        tracking.Pages.of(Workspace(tmp_path))


def test_a_server_has_pages_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://lab:5000")
    with pytest.raises(TrackingError, match="http://lab:5000"):
        tracking.Pages.of(Workspace(tmp_path))


def test_pages_are_served_from_the_workspaces_store(sent, monkeypatch):
    seen = []
    monkeypatch.setattr(
        pages.subprocess,
        "run",
        lambda command, check, env: (
            seen.extend((command, env)) or subprocess.CompletedProcess(command, 0)
        ),
    )
    done = CliRunner().invoke(
        main, ["--workspace", str(sent.workspace.root), "ui", "--port", "5050"]
    )
    assert done.exit_code == 0
    text = " ".join(seen[0])
    assert f"--backend-store-uri sqlite:///{sent.workspace.root}/reports/mlflow.db" in text
    assert "--host 127.0.0.1 --port 5050" in text
    assert seen[1]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    (parent,) = of_kind(sent, "comparison")
    key = view.key_of(parent.data.tags["har.comparison"])
    assert done.stdout.splitlines()[1] == (
        f"  made: http://127.0.0.1:5050/#/experiments/1/runs?viewStateShareKey={key}"
        "&workflowType=machine_learning"
    )


def test_a_port_that_is_taken(sent):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=f"har ui --port {port + 1}"):
            tracking.Pages.of(sent.workspace, port=port)
