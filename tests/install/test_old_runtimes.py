"""What `min_runtime` says of a file, tried on the oldest interpreters that still install."""

from __future__ import annotations

import json
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.export import convert
from har.runtime.interpreter import LiteModel, min_runtime
from tests import in_process, small_bundles
from tests.install.test_wheel import run

pytestmark = pytest.mark.install

NETWORKS: dict[str, dict[str, Any]] = {
    "cnn": {},
    "gru": {"units": 32},
    "lstm": {"units": 32, "front": "none"},
    "tinyhar": {},
    "rocket": {},
}
OLD = {"tflite-runtime==2.14.0": "2.14.0", "ai-edge-litert==1.0.0": None}
"""A package, and the TensorFlow Lite in it; None for one that has every operator of today's."""

ASK = """
import json, sys
import numpy as np
try:
    from tflite_runtime.interpreter import Interpreter
except ImportError:
    from ai_edge_litert.interpreter import Interpreter
windows, out = np.load(sys.argv[1]), {}
for path in sys.argv[2:]:
    try:
        model = Interpreter(path)
        model.allocate_tensors()
        (given,), asked = model.get_input_details(), model.get_output_details()[0]
        out[path] = []
        for window in windows:
            model.set_tensor(given["index"], window[None])
            model.invoke()
            out[path].append(model.get_tensor(asked["index"])[0].tolist())
    except (ValueError, RuntimeError) as e:
        out[path] = str(e)
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By network and variant."""
    folder, requests = tmp_path_factory.mktemp("old"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_bundles, "PARAMS", NETWORKS)
        for name in NETWORKS:
            (folder / name).mkdir()
            path = small_bundles.save_keras(folder, name, 0)
            variants = ("float32", "dynamic", "float16")
            requests.append(convert.Request(path, folder / name, variants))
    with in_process.instead():
        made = convert.convert(requests)
    return {
        f"{name}.{v}": p
        for name, one in zip(NETWORKS, made, strict=True)
        for v, p in one.files.items()
    }


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("package", OLD)
def test_files_run_where_they_say(package: str, files: dict[str, Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "env", "install", "-q")
    run(*pip, package, "numpy<2")
    windows = small_bundles.cut_windows(small_bundles.walk(2000), 8)
    np.save(tmp_path / "windows.npy", windows)
    python = tmp_path / "env/bin/python"
    answers = json.loads(run(python, "-c", ASK, tmp_path / "windows.npy", *files.values()))
    for name, path in files.items():
        needs, got = min_runtime(path.read_bytes()), answers[str(path)]
        assert needs is not None
        if OLD[package] and number(needs) > number(OLD[package]):
            assert "version" in got, f"{name} needs {needs} and runs on {package}"
        else:
            # How quantized weights are multiplied differs: half precision, rounding of inputs.
            exact, worst = name.endswith("float32"), np.abs(got - LiteModel(path)(windows))
            assert worst.max() < 1e-3 if exact else worst.mean() < 0.01, (name, worst.mean())


def test_only_the_widest_layer_needs_a_recent_runtime(files: dict[str, Path]) -> None:
    needs = {name: number(min_runtime(p.read_bytes()) or "") for name, p in files.items()}
    assert {n for n, version in needs.items() if version > (2, 4, 0)} == {"rocket.dynamic"}


def test_one_scale_for_a_dense_kernel_loses_nothing(files: dict[str, Path]) -> None:
    windows = small_bundles.cut_windows(small_bundles.walk(6000), 200)
    for name in ("gru", "lstm", "tinyhar"):
        full, dynamic = (LiteModel(files[f"{name}.{v}"])(windows) for v in ("float32", "dynamic"))
        assert np.abs(full - dynamic).max() < 0.02, name
