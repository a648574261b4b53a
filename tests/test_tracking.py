"""What stands in the MLflow store after a comparison was sent, sent again, or interrupted."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from har import session, tracking
from har.cli.app import main
from har.errors import TrackingError
from har.evaluation.results import ExportFigures
from har.report import figures
from har.tracking import once, pages, send
from har.workspace import Workspace
from tests.evaluation import workspace
from tests.noise import MLFLOW

pytestmark = MLFLOW
SKILLS = {"cnn": 0.9, "lstm": 0.6, "extra_trees": 0.5}
N_RUNS = 1 + 3 + 3 * 3 * 2


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module", autouse=True)
def pictures():
    """What pictures show is not asked here, and each takes a tenth of a second to draw."""
    with pytest.MonkeyPatch.context() as patch:
        dot = io.BytesIO()
        Image.new("RGB", (2, 2)).save(dot, "png")
        patch.setattr(figures, "png", lambda _figure, **_how: dot.getvalue())
        patch.setattr(figures, "svg", lambda _figure: "<svg/>")
        yield


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
        m = r.models[run.info.run_name]
        for name in ("macro_f1", "accuracy", "validation_macro_f1", "macro_f1_seed_sd"):
            assert run.data.metrics[name] == pytest.approx(getattr(m, name))
        assert run.data.metrics["macro_f1_ci95_low"] == pytest.approx(m.macro_f1_ci95[0])
        assert run.data.metrics["f1/walk"] == pytest.approx(m.per_class.f1[0])
        assert run.data.metrics["subject_f1/3"] == pytest.approx(m.per_subject["3"])
        assert run.data.params["model"] == run.info.run_name


def test_jobs_carry_their_curves(sent):
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


def test_data_set_and_pictures_and_report(sent):
    c = client(sent)
    (parent,) = of_kind(sent, "comparison")
    assert {a.path for a in c.list_artifacts(parent.info.run_id)} == {
        "index.html", "results.json", "figures",
    }  # fmt: skip
    assert [a.path for a in c.list_artifacts(parent.info.run_id, "figures")] == [
        "figures/learning-curves.png", "figures/people.png",
    ]  # fmt: skip
    for run in of_kind(sent, "model"):
        (data,) = run.inputs.dataset_inputs
        assert data.dataset.name == "watch"
        assert data.dataset.digest == run.data.tags["har.data_fingerprint"]
        figures = [a.path for a in c.list_artifacts(run.info.run_id, "figures")]
        assert figures == [f"figures/{run.info.run_name}.png"]
        assert c.list_artifacts(run.info.run_id, "images")


def test_sent_twice_adds_nothing_and_imports_no_mlflow(sent, tmp_path):
    before = runs(sent)
    assert track(sent) is None
    assert elsewhere(sent, SKILLS, (0, 1)) == "None False"
    (marker,) = (sent.workspace.cache / "tracked").iterdir()
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


def test_a_store_that_is_gone_is_filled_again(fresh):
    context = fresh
    assert track(context).added == 5
    (context.workspace.reports / "mlflow.db").unlink()
    assert elsewhere(context, ONE) == "5 True"
    assert elsewhere(context, ONE) == "None False"


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
    assert len(of_kind(more, "comparison")) == 2


def test_an_export_is_added_to_the_runs_that_are_there(fresh):
    context = fresh
    track(context)
    entry = {
        "bytes": 80_000, "max_abs_diff": 1e-7, "label_agreement": 1.0, "macro_f1": 0.9,
        "latency_ms_p50": 0.1, "latency_ms_p99": 0.2,
    }  # fmt: skip
    figures = ExportFigures.model_validate({"models": {"cnn": {"float32": entry}}})
    with context.store.writing("export", "k", {}) as writing:
        figures.write(writing.path / "figures.json")
        (writing.path / "bundle" / "cnn").mkdir(parents=True)
        (writing.path / "bundle" / "cnn" / "model.tflite").write_bytes(b"TFL3")
    context = context.with_output("export", context.store.find("export", "k"))
    context = workspace.run(context, "k2")
    assert track(context).added == 0
    (run,) = of_kind(context, "model")
    assert run.data.metrics["export/float32.bytes"] == 80_000
    paths = [a.path for a in client(context).list_artifacts(run.info.run_id, "bundle")]
    assert paths == ["bundle/model.tflite"]
    assert track(context) is None


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


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")
def test_the_selected_model_is_logged_with_its_signature(tmp_path, monkeypatch):
    import keras
    import mlflow

    context = workspace.context(tmp_path, {"cnn": 0.9})
    for fold in range(3):
        inputs = keras.Input((18, 3), name="acceleration")
        outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(inputs))
        key = f"cnn-{fold}-0"
        before = context.store.find("job", key).path
        with context.store.writing("job", key, {}, replace=True) as writing:
            shutil.copytree(before, writing.path, dirs_exist_ok=True)
            (writing.path / "meta.json").unlink()
            keras.Model(inputs, outputs).save(writing.path / "model.keras")
    context = workspace.run(context)
    track(context, load_model=lambda p: keras.saving.load_model(p, compile=False))
    assert "MLFLOW_TRACKING_URI" not in os.environ  # MLflow sets it, for all workspaces
    (run,) = of_kind(context, "model")
    (logged,) = run.outputs.model_outputs
    uri = f"models:/{logged.model_id}"
    mlflow.set_tracking_uri(tracking.tracking_uri(context.workspace))
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    signature = mlflow.models.get_model_info(uri).signature
    assert signature.inputs.inputs[0].shape == (-1, 18, 3)
    assert signature.outputs.inputs[0].shape == (-1, 3)
    x = np.random.default_rng(0).normal(size=(4, 18, 3)).astype(np.float32)
    want = keras.saving.load_model(
        context.store.find("job", "cnn-0-0").path / "model.keras", compile=False
    ).predict(x, verbose=0)
    got = mlflow.keras.load_model(uri).predict(x, verbose=0)
    np.testing.assert_allclose(got, want, atol=1e-6)


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
        lambda command, check, env: seen.append(command) or subprocess.CompletedProcess(command, 0),
    )
    done = CliRunner().invoke(
        main, ["--workspace", str(sent.workspace.root), "ui", "--port", "5050"]
    )
    assert done.exit_code == 0
    text = " ".join(seen[0])
    assert f"--backend-store-uri sqlite:///{sent.workspace.root}/reports/mlflow.db" in text
    assert "--host 127.0.0.1 --port 5050" in text
    assert done.stdout.splitlines()[1] == (
        "  made: http://127.0.0.1:5050/#/experiments/1/runs?workflowType=machine_learning"
    )


def test_a_port_that_is_taken(sent):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=f"har ui --port {port + 1}"):
            tracking.Pages.of(sent.workspace, port=port)
