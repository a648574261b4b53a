"""`model.json`: what is written is what is read, and what is broken is refused by its field."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from har.errors import BundleError
from har.runtime.bundle import Bundle
from har.runtime.manifest import Manifest, file_name
from tests import manifests

WHOLE = {
    **manifests.MODEL_JSON,
    "align": manifests.ALIGN,
    "raw_parity": manifests.RAW_PARITY,
    "abstention": {"threshold": 0.6, "answer": "unknown", "how": "for this test"},
    "calibration": {"temperature": 1.2, "folded": True, "how": "for this test"},
    "withheld": {"int8": "the converter died"},
    "streaming": {
        "file": "model.stream.tflite", "bytes": 10, "sha256": manifests.SHA, "signature": "step",
        "step_samples": 4, "steps": 16, "skip_samples": 0,
        "shapes": {"samples": [1, 4, 3], "context": [1, 20, 3], "state_0": [1, 8]},
        "n_windows": 200, "max_abs_diff": 1e-7,
    },
    "c_array": {"file": "model.h", "bytes": 10, "sha256": manifests.SHA, "variant": "float32"},
}  # fmt: skip


def schema() -> dict[str, Any]:
    text = resources.files("har.runtime").joinpath("model.schema.json").read_text("utf-8")
    return dict(json.loads(text))


@pytest.mark.parametrize("content", [manifests.MODEL_JSON, WHOLE], ids=["least", "whole"])
def test_what_is_read_is_written(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(content))
    read = Manifest.read(path, again="")
    read.write(path)
    assert json.loads(path.read_text()) == content
    assert Manifest.read(path, again="") == read
    jsonschema.validate(content, schema())


def test_the_shipped_schema_is_the_models() -> None:
    """Made anew by `python -m har.runtime.manifest > har/runtime/model.schema.json`."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema() == Manifest.json_schema()


def test_a_bundles_manifest_keeps_to_the_schema(make_bundle: Callable[[str], Path]) -> None:
    for name in ("gru", "cnn"):
        content = json.loads((make_bundle(name) / "model.json").read_text())
        jsonschema.validate(content, schema())
        read = Bundle.open(make_bundle(name)).manifest
        assert read.as_json() == content
        assert (read.step_file is not None) == (name == "gru")
        for variant, entry in read.variants.items():
            assert entry.file == file_name(variant)


BROKEN: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda m: m.pop("rate_hz"), "rate_hz: Field required"),
    (lambda m: m.update(rate_hz="50"), "rate_hz: .* valid number, got '50'"),
    (lambda m: m.update(rate_hz=float("nan")), "rate_hz: .* finite number, got nan"),
    (lambda m: m.update(extra=1), "extra: Extra inputs are not permitted"),
    (lambda m: m["input"].update(unit="g"), "input.unit: .* 'm/s2', got 'g'"),
    (lambda m: m["input"].update(convention="ios"), "convention: .* 'android', got 'ios'"),
    (lambda m: m.update(schema="har-model/2"), "schema: .* 'har-model/1', got 'har-model/2'"),
    (lambda m: m["align"].update(around=3), "align.around: .* equal to 2, got 3"),
    (lambda m: m["golden"].update(sha256="abc"), "golden.sha256: .* match pattern"),
    (lambda m: m["variants"].update(int4=m["variants"]["float32"]), "variants.int4"),
    (lambda m: m.update(variants={}), "variants should have float32"),
]
CONTRADICTORY: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda m: m.update(lead_in_samples=3), r"input.shape should be \(1, 67, 3\), got .*84"),
    (lambda m: m["filter"]["taps"].pop(), "20 filter.taps need a lead-in of 19 samples, got 20"),
    (lambda m: m["activities"].append("swim"), "output.shape .*one number for each activity"),
    (lambda m: m.update(activities=["sit", "sit"]), "activities should differ, got sit, sit"),
    (lambda m: m["withheld"].update(float16="why") or m["variants"].update(
        float16=m["variants"]["float32"]), "float16 cannot be both in variants and withheld"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), BROKEN + CONTRADICTORY)
def test_a_broken_manifest_is_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], Any], message: str
) -> None:
    content = copy.deepcopy(WHOLE)
    edit(content)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=message) as refused:
        Bundle.open(tmp_path)
    assert str(path) in str(refused.value)
    assert "Run: har export PIPELINE" in str(refused.value)


@pytest.mark.parametrize(("edit", "message"), [b for b in BROKEN if "finite" not in b[1]])
def test_the_schema_refuses_it_too(edit: Callable[[dict[str, Any]], Any], message: str) -> None:
    content = copy.deepcopy(WHOLE)
    edit(content)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema())


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(WHOLE)[:-100])
    with pytest.raises(BundleError, match="Invalid JSON"):
        Bundle.open(tmp_path)
