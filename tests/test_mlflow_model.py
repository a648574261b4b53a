"""The model in MLflow's registry is the bundle: loaded, asked and served without TensorFlow."""

import json
import os
import subprocess
import sys
import urllib.request
import venv

import numpy as np
import pandas as pd
import pytest

from har.runtime.bundle import Bundle
from har.tracking import logged as packed
from har.tracking.client import Experiment
from har.workspace import Workspace
from tests.install.test_wheel import run
from tests.noise import MLFLOW

pytestmark = [MLFLOW, pytest.mark.tensorflow]


@pytest.fixture(scope="module")
def logged(tmp_path_factory, make_bundle):
    """A bundle, and the address of its store and of the model that was made of it."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder}/mlflow.db"
    bundle = Bundle.open(make_bundle("gru"))
    experiment = Experiment(Workspace(folder), "exercises", uri)
    experiment.start("gru", {}).model("gru", bundle, champion=True)
    return bundle, uri, "models:/exercises@champion"


@pytest.fixture(scope="module")
def golden(logged):
    bundle, *_ = logged
    with np.load(bundle.folder / "golden.npz", allow_pickle=False) as file:
        return file["windows"], file["probabilities"]


@pytest.fixture
def model(logged, monkeypatch):
    import mlflow

    _, uri, name = logged
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)
    return mlflow.pyfunc.load_model(name)


def recording(bundle, seconds=30):
    rate = bundle.manifest.rate_hz
    t = np.arange(round(seconds * rate)) / rate
    a = np.stack([np.sin(t), 0.3 * np.cos(3 * t), 9.81 + 0.1 * np.sin(2 * t)], axis=1)
    return pd.DataFrame({"time": t, "x": a[:, 0], "y": a[:, 1], "z": a[:, 2]})


def test_windows_give_probabilities(model, golden):
    windows, probabilities = golden
    np.testing.assert_allclose(model.predict(windows), probabilities, atol=1e-5)
    np.testing.assert_allclose(model.predict(windows.tolist()), probabilities, atol=1e-5)
    (given,) = model.metadata.signature.inputs.inputs
    assert given.shape == (-1, *windows.shape[1:])
    assert str(given.type) == "float32"
    np.testing.assert_array_equal(model.input_example, windows[:2])


def test_a_table_gives_bouts(model, logged):
    bundle, *_ = logged
    bouts = model.predict(recording(bundle))
    assert list(bouts.columns) == ["recording", "start_s", "end_s", "activity", "confidence"]
    assert set(bouts["activity"]) <= {*bundle.manifest.activities, "unknown"}
    assert bouts["end_s"].max() <= 30


def test_who_loads_it_still_has_the_whole_package(model):
    """MLflow puts the model's code first on the path, which processes inherit."""
    assert model is not None
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script = "import importlib.util; assert importlib.util.find_spec('har.models')"
    subprocess.run([sys.executable, "-c", script], env=env, check=True)


def test_what_goes_in_is_said(logged):
    bundle, *_ = logged
    said = packed.note(bundle)
    m = bundle.manifest
    assert f"(n, {m.n_raw}, 3)" in said
    assert f"the first {m.lead_in_samples} rows are the lead-in" in said


def test_the_package_that_travels_is_what_a_bundle_needs(tmp_path, logged):
    """In a process that has nothing else of this package, and no TensorFlow."""
    folder = packed.package(tmp_path)
    names = {p.relative_to(folder / "har").as_posix() for p in folder.rglob("*.py")}
    assert "runtime/bundle.py" in names
    assert not any(n.startswith(("cli/", "export/", "report/", "lectures/")) for n in names)
    bundle, *_ = logged
    recording(bundle).to_csv(tmp_path / "a.csv", index=False)
    script = (
        "import har, sys\n"
        f"bouts = har.Bundle.open({str(bundle.folder)!r}).predict('a.csv')\n"
        "print(har.__file__, 'tensorflow' in sys.modules, len(bouts) > 0)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True,
                          check=True, cwd=tmp_path)  # fmt: skip
    assert done.stdout.split() == [str(folder / "har" / "__init__.py"), "False", "True"]


@pytest.mark.install
def test_an_empty_environment_predicts_and_serves(logged, golden, tmp_path):
    """Made from the model's own requirements; it has neither this package nor TensorFlow."""
    import mlflow

    bundle, uri, name = logged
    windows, probabilities = golden
    mlflow.set_tracking_uri(uri)
    path = mlflow.artifacts.download_artifacts(name, dst_path=str(tmp_path / "model"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "-r", f"{path}/requirements.txt")
    np.save(tmp_path / "windows.npy", windows)
    script = (
        "import sys, importlib.util, numpy as np, mlflow\n"
        "assert importlib.util.find_spec('tensorflow') is None\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))\n"
    )
    out = tmp_path / "out.npy"
    run(python, "-c", script, path, tmp_path / "windows.npy", out, cwd=tmp_path)
    np.testing.assert_allclose(np.load(out), probabilities, atol=1e-5)
    port = 5123
    serve = [python, "-m", "mlflow", "models", "serve", "-m", path, "--env-manager", "local",
             "-h", "127.0.0.1", "-p", str(port)]  # fmt: skip
    env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    env.pop("PYTHONPATH", None)
    with open(tmp_path / "server.log", "w") as log:
        server = subprocess.Popen([str(s) for s in serve], cwd=tmp_path, env=env, stdout=log,
                                  stderr=log, start_new_session=True)  # fmt: skip
        try:
            answer = asked(port, {"inputs": windows[:3].tolist()})
            np.testing.assert_allclose(answer, probabilities[:3], atol=1e-5)
            rows = recording(bundle).to_dict("records")
            assert {"activity", "start_s"} <= asked(port, {"inputs": rows})[0].keys()
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


def asked(port, content, tries=60):
    import time

    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    for _ in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.load(reply)["predictions"]
        except ConnectionRefusedError:
            pass
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:  # not up yet
            pass
        time.sleep(1)
    raise TimeoutError("the server did not answer")
