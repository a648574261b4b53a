"""The contract: what is written is what is read, and what is broken is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.errors import BundleError
from har.export import c_array, metadata, readme, writer
from har.runtime.bundle import Bundle
from har.runtime.chain import Alignment
from har.runtime.interpreter import METADATA
from har.signal.align import shortest, unit
from tests import manifests

MakeBundle = Callable[[str], Path]


@pytest.fixture
def folder(make_bundle: MakeBundle, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(make_bundle("gru"), tmp_path / "gru"))


def change(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((folder / "model.json").read_text())
    edit(manifest)
    (folder / "model.json").write_text(json.dumps(manifest))


def test_a_bundle_says_all_that_a_phone_needs(folder: Path) -> None:
    opened = Bundle.open(folder)
    m = opened.manifest
    assert m.input.as_json() == {
        "name": "acceleration", "shape": [1, m.n_raw, 3], "dtype": "float32", "unit": "m/s2",
        "axes": ["x", "y", "z"], "convention": "android", "gravity": "present",
        "placements": ["wrist"],
    }  # fmt: skip
    assert m.window.as_json() == {
        "n_samples": 64, "length_s": 1.28, "hop_samples": 32, "hop_s": 0.64
    }  # fmt: skip
    assert m.smoothing.as_json() == {"kind": "mean", "n_windows": 3, "delay_s": 0.64}
    assert m.resampler.kind == "cubic-sinc-1"
    assert "nobody is left to test it on" in m.score_of.what
    assert m.withheld.keys() == {"int8"}
    assert Bundle.open(folder / "model.json").manifest == m


@pytest.mark.parametrize("variant", ["float32", "dynamic", "float16"])
def test_golden_windows_give_golden_probabilities(folder: Path, variant: str) -> None:
    opened = Bundle.open(folder)
    golden = opened.golden()
    found = opened.model(variant)(golden["windows"])
    limit = {"float32": 1e-4, "float16": 2e-2, "dynamic": 0.1}[variant]
    assert np.abs(found - golden["probabilities"]).max() < limit


def test_the_tflite_file_carries_the_manifest_and_keeps_its_signature(folder: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    manifest = json.loads((folder / "model.json").read_text())
    for variant, entry in manifest["variants"].items():
        content = (folder / entry["file"]).read_bytes()
        inside = inside_of(content)
        assert inside.pop("variant") == variant
        later = ("variants", "golden", "streaming", "c_array")
        assert inside == {k: v for k, v in manifest.items() if k not in later}
        (signature,) = Interpreter(model_content=content).get_signature_list().values()
        assert signature["inputs"] == ["acceleration"]


def inside_of(content: bytes) -> dict[str, Any]:
    """What the file's `HAR_MODEL` entry says."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (entry,) = [m for m in model.metadata if m.name == METADATA.encode()]
    return json.loads(bytes(model.buffers[entry.buffer].data))


def test_embedding_twice_replaces(folder: Path) -> None:
    content = metadata.embed((folder / "model.tflite").read_bytes(), {"a": 1})
    assert inside_of(content) == {"a": 1}


def test_a_changed_model_is_refused(folder: Path) -> None:
    shutil.copy(folder / "model.dynamic.tflite", folder / "model.tflite")
    with pytest.raises(BundleError, match="not the file that model.json describes"):
        Bundle.open(folder).model()


def test_changed_golden_windows_are_refused(folder: Path) -> None:
    np.savez(folder / "golden.npz", windows=np.zeros((1, 84, 3), np.float32))
    with pytest.raises(BundleError, match="not the file that model.json describes"):
        Bundle.open(folder).golden()


def wider(m: dict[str, Any]) -> None:
    """Another window length, said everywhere."""
    m["window"]["n_samples"] += 1
    m["input"]["shape"][1] += 1


def more(m: dict[str, Any]) -> None:
    """Another activity, said everywhere."""
    m["activities"].append("swim")
    m["output"]["shape"][1] += 1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (wider, r"takes \(1, 84, 3\) .*input.shape \(1, 85, 3\)"),
        (more, r"gives \(1, 4\), .*output.shape \(1, 5\)"),
    ],
)
def test_a_model_of_another_shape_is_refused(
    folder: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    change(folder, edit)
    with pytest.raises(BundleError, match=message):
        Bundle.open(folder).model()


@pytest.mark.parametrize(
    ("key", "edit"),
    [
        ("activities", lambda m: m["activities"].reverse()),
        ("rate_hz", lambda m: m.update(rate_hz=100.0)),
        ("filter", lambda m: m["filter"]["taps"].reverse() or m["filter"].update(cutoff_hz=5.0)),
        ("input", lambda m: m["input"].update(gravity="removed")),
    ],
)
def test_a_manifest_of_another_model_is_refused(folder: Path, key: str, edit: Any) -> None:
    Bundle.open(folder).check()
    change(folder, edit)
    for asks in (Bundle.check, Bundle.model):
        with pytest.raises(BundleError, match=f"model.json is not that of model.tflite: .*{key}"):
            asks(Bundle.open(folder))


@pytest.mark.parametrize("name", ["model.float16.tflite", "golden.npz"])
def test_a_bundle_is_whole_or_refused(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=f"{name} is missing or not the file"):
        Bundle.open(folder).check()


def test_a_withheld_variant_gives_its_reason(folder: Path) -> None:
    with pytest.raises(BundleError, match="No int8 in this bundle: .*converter"):
        Bundle.open(folder).model("int8")


def test_not_a_bundle(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BundleError, match="made by `har export`"):
        Bundle.open(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=re.escape(str(folder))):
        Bundle.open(folder.parent)


def test_the_readme_runs(folder: Path) -> None:
    """Its Python block, in the bundle's folder, on the golden windows."""
    text = (folder / "README.md").read_text()
    assert "{{" not in text
    for language in ("python", "kotlin", "swift", "js"):
        (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        assert 5 <= len(block.strip().splitlines()) <= 10
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 16


def test_the_readme_names_the_sensor_that_the_model_needs(folder: Path) -> None:
    manifest = Bundle.open(folder).manifest
    assert "TYPE_ACCELEROMETER" in readme.readme(manifest)
    felt = manifest.input.model_copy(update={"gravity": "removed"})
    text = readme.readme(manifest.model_copy(update={"input": felt}))
    assert "TYPE_LINEAR_ACCELERATION" in text
    assert "CMDeviceMotion.userAcceleration" in text
    assert "TYPE_ACCELEROMETER" not in text


def test_the_readme_says_how_samples_are_turned_where_the_model_wants_that(folder: Path) -> None:
    manifest = Bundle.open(folder).manifest
    plain = readme.readme(manifest)
    assert "turned" not in plain
    assert "\n\n\n" not in plain
    text = readme.readme(manifest.model_copy(update={"align": Alignment(**manifests.ALIGN)}))
    assert "{{" not in text
    assert "turned as said below" in text.splitlines()[2]
    for said in (
        "50 uniform samples", "`moving`, 0.5 m/s²", "`around`, 2,", "`seconds`, 20,",
        "`at_least`, 5,", "`axis`, -y;", "about z", "doubleArrayOf(0.0, -1.0, 0.0)",
        "simd_double3(0.0, -1.0, 0.0)",
    ):  # fmt: skip
        assert said in text, said
    # All else is as before.
    first, rest = text.split("## Samples must be turned first")
    assert plain.startswith(first.replace("turned as said below, ", ""))
    assert plain.endswith(rest.split("## Run it\n\n")[1])


def test_the_readmes_turning_is_the_shortest_rotation() -> None:
    """Its Kotlin, line for line, against the matrix: v + k×v + k×(k×v) / (1 + c)."""
    kotlin = resources.files("har.export").joinpath("bundle_readme_align.md").read_text("utf-8")
    assert "v[it] + kv[it] + kkv[it] / (1 + c)" in kotlin
    assert "a[(it + 1) % 3] * b[(it + 2) % 3] - a[(it + 2) % 3] * b[(it + 1) % 3]" in kotlin
    rng = np.random.default_rng(0)
    up = unit("-y")
    for _ in range(20):
        mean, v = rng.normal(size=(2, 3))
        start = mean / np.linalg.norm(mean)
        k, c = np.cross(start, up), start @ up
        kv = np.cross(k, v)
        found = v + kv + np.cross(k, kv) / (1 + c)
        np.testing.assert_allclose(found, shortest(start, up) @ v, atol=1e-9)


def test_golden_windows_of_every_class() -> None:
    labels = np.repeat([0, 1, 3], [100, 3, 1])
    chosen = writer.choose_golden(labels, 12)
    assert np.bincount(labels[chosen]).tolist() == [4, 3, 0, 1]
    assert (np.diff(chosen) > 0).all()


def test_the_c_array_says_where_samples_must_be_turned(folder: Path) -> None:
    opened = Bundle.open(folder)
    path, windows = folder / "model.tflite", opened.golden()["windows"][:1]
    assert "turned" not in c_array.header(opened.manifest, "float32", path, windows)
    manifest = opened.manifest.model_copy(update={"align": Alignment(**manifests.ALIGN)})
    assert "// The samples must be turned first" in c_array.header(
        manifest, "float32", path, windows
    )


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_the_c_array_is_the_model(make_bundle: MakeBundle, tmp_path: Path, name: str) -> None:
    """A C program that includes it writes out the same bytes and golden vectors."""
    opened = Bundle.open(make_bundle(name))
    about = opened.manifest.c_array
    assert about is not None
    assert about.variant == {"gru": "float32", "cnn": "int8"}[name]
    program = """
        #include <stdio.h>
        #include "model.h"
        int main(void) {
          fwrite(har_model, 1, HAR_MODEL_LENGTH, stdout);
          fwrite(har_golden_windows, sizeof(float), HAR_N_GOLDEN * HAR_N_RAW * 3, stdout);
          fwrite(har_golden_probabilities, sizeof(float), HAR_N_GOLDEN * HAR_N_ACTIVITIES, stdout);
          fprintf(stderr, "%s %g", har_activities[HAR_N_ACTIVITIES - 1], HAR_RATE_HZ);
          return 0;
        }"""
    (tmp_path / "main.c").write_text(program)
    subprocess.run(
        ["cc", "-std=c11", "-Wall", "-Werror", "-I", str(opened.folder), "-o", "show", "main.c"],
        cwd=tmp_path,
        check=True,
    )
    done = subprocess.run([str(tmp_path / "show")], capture_output=True, check=True)
    content = (opened.folder / opened.manifest.variants[about.variant].file).read_bytes()
    assert done.stdout.startswith(content)
    values = np.frombuffer(done.stdout[len(content) :], np.float32)
    golden = opened.golden()["windows"][:4]
    np.testing.assert_array_equal(values[: golden.size].reshape(golden.shape), golden)
    answers = opened.model(about.variant)(golden)
    np.testing.assert_array_equal(values[golden.size :].reshape(answers.shape), answers)
    assert done.stderr == b"stairs 50"
