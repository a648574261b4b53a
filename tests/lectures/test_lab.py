"""The lab on the embedded data, and what MLflow holds of a lecture."""

import pytest

from har import tracking
from har.lectures import catalogue, page
from har.workspace import Workspace
from tests.noise import MLFLOW

pytestmark = MLFLOW


@pytest.mark.tensorflow
def test_a_lecture_is_logged_once(workspace):
    from mlflow import MlflowClient

    said = []
    for _ in range(2):
        page.run(catalogue.get("shapes"), Workspace(workspace), say=said.append)
    client = MlflowClient(tracking_uri=tracking.tracking_uri(Workspace(workspace)))
    experiment = client.get_experiment_by_name("lectures")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "shapes"
    assert run.info.status == "FINISHED"
    assert {a.path for a in client.list_artifacts(run.info.run_id)} == {"shapes.json", "shapes.png"}
    assert len([line for line in said if "sent to MLflow" in line]) == 1


@pytest.mark.tensorflow
def test_a_store_that_is_down_costs_no_result(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = []
    result = page.run(catalogue.get("shapes"), Workspace(workspace), say=said.append)
    assert all(r.verdict != "differs" for r in result.rows)
    assert any("did not take the results" in line for line in said)
    assert (workspace / "reports" / "lectures" / "shapes.json").is_file()


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_lab_runs_the_pipeline(workspace):
    result = page.run(catalogue.get("har"), Workspace(workspace), quick=True)
    assert all(r.verdict != "differs" for r in result.rows)
    assert (workspace / "reports" / "lecture-har-quick" / "index.html").is_file()
    assert "people" in result.explanation


def test_the_labs_pipeline_has_each_architecture_with_and_without_dropout():
    from har import pipeline_file
    from har.lectures.har_lab import PIPELINE, PLAIN, QUICK

    pipeline = pipeline_file.load(PIPELINE)
    keys = {m.key: m for m in pipeline.models}
    assert {m.name for m in pipeline.models} == {"lstm", "bilstm", "gru", "cnn", "stacked_lstm"}
    for key, model in keys.items():
        textbook = {} if model.name == "cnn" else {"front": "none"}
        dropout = model.params["dropout"]
        assert model.params == {"channels": "magnitude", "dropout": dropout, **textbook}
        assert (model.params["dropout"] == 0) == key.endswith(PLAIN)
        assert key.endswith(PLAIN) or key + PLAIN in keys
    assert pipeline_file.load(PIPELINE, QUICK).name != pipeline.name  # reports are kept apart
