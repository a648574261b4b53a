"""Conversion: equal to Keras, built-in operators only, and a crash is a message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from scipy.special import softmax

from har.errors import BundleError, ExportError, PredictionError
from har.export import convert
from har.export.convert import refuse_custom
from har.export.measure import measure
from har.models import registry
from har.models.saved import load_model
from har.runtime.interpreter import LiteModel, operators
from tests import in_process

ARCHITECTURES = [n for n in registry.names() if registry.get(n).exportable]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_float32_equals_keras(converted_all: dict[str, Any], name: str) -> None:
    request, result = converted_all[name]
    answers = LiteModel(result.files["float32"])(request.probe)
    assert np.abs(answers - result.keras.probabilities).max() < 3e-5  # the gate lets 1e-4 pass
    said = set(result.keras.probabilities.argmax(1))
    assert len(said) > 1, "a model that says one thing proves nothing"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_features_are_what_the_last_layer_is_given(
    converted_all: dict[str, Any], name: str
) -> None:
    request, result = converted_all[name]
    last = load_model(request.model).layers[-1]
    kernel, bias = last.get_weights()
    for variant in ("float32", "dynamic", "float16"):
        answers = LiteModel(result.files[variant]).ask(request.probe)
        assert answers.features.shape == (len(request.probe), len(kernel))
        if variant == "float32":
            found = softmax(answers.features.astype(float) @ kernel + bias, axis=1)
            np.testing.assert_allclose(found, answers.probabilities, atol=1e-5)
            np.testing.assert_allclose(answers.features, result.keras.features, atol=1e-4)


@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_probabilities_are_the_first_output(converted: dict[str, Any], name: str) -> None:
    from ai_edge_litert.interpreter import Interpreter

    for path in (p for v, p in converted[name][1].files.items() if v != "stream"):
        details = Interpreter(str(path)).get_output_details()
        assert [d["name"] for d in details] == ["probabilities", "features"]
        signature = schema.Model.GetRootAs(path.read_bytes(), 0).SignatureDefs(0)
        named = [signature.Outputs(i).Name() for i in range(signature.OutputsLength())]
        assert named == [b"probabilities", b"features"]


def test_features_cost_no_space(converted: dict[str, Any], tmp_path: Path) -> None:
    """The converter's own file of the model alone is no smaller."""
    import keras
    import tensorflow as tf

    request, result = converted["gru"]
    model = load_model(request.model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32", name="acceleration")
    archive.add_endpoint("serve", lambda x: model(x, training=False), [spec])
    archive.write_out(tmp_path, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.experimental_enable_resource_variables = True
    alone = len(converter.convert())
    assert result.files["float32"].stat().st_size <= 1.01 * alone


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("variant", ["float32", "dynamic", "float16"])
def test_variants_run_everywhere(converted_all: dict[str, Any], name: str, variant: str) -> None:
    request, result = converted_all[name]
    model = LiteModel(result.files[variant])
    answers = model(request.probe)
    assert not any(o.startswith("CUSTOM:") for o in model.operators)
    assert np.isfinite(answers).all()
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-3)
    assert model.input_shape == request.probe.shape[1:]


def test_tiny_fits_a_weak_phone(converted_all: dict[str, Any]) -> None:
    sizes = {v: p.stat().st_size for v, p in converted_all["tiny"][1].files.items()}
    assert max(sizes.values()) < 100_000
    assert sizes["float32"] < converted_all["cnn"][1].files["dynamic"].stat().st_size


def test_quantized_files_are_smaller(converted: dict[str, Any]) -> None:
    files = converted["cnn"][1].files
    size = {v: p.stat().st_size for v, p in files.items()}
    assert size["dynamic"] < size["float16"] < size["float32"]


def test_a_crash_of_the_converter_is_one_variants_reason(converted: dict[str, Any]) -> None:
    result = converted["gru"][1]
    assert set(result.files) == {"float32", "dynamic", "float16", "stream"}
    assert "int8" in result.failed
    assert "converter" in result.failed["int8"]
    assert "int8" in converted["cnn"][1].files
    lost = convert.Converted({}, {"float32": result.failed["int8"]})
    with pytest.raises(ExportError, match="There is no float32 model: .*converter"):
        convert.required(lost)


def test_the_same_bytes_whatever_was_built_before(
    converted: dict[str, Any], tmp_path: Path
) -> None:
    """All architectures went through one process; here one goes alone through a fresh one."""
    request, result = converted["bilstm"]
    alone = replace(request, folder=tmp_path, variants=("float32",), probe=None)
    (again,) = convert.convert([alone])
    assert again.files["float32"].read_bytes() == result.files["float32"].read_bytes()


@pytest.mark.tensorflow
def test_layers_without_names_are_refused(tmp_path: Path) -> None:
    import keras

    keras.backend.clear_session()
    inputs = keras.Input((8, 3), name="acceleration")
    x = keras.layers.Flatten(name="flat")(inputs)
    keras.layers.Dense(4)(x)
    x = keras.layers.Dense(4)(x)  # Keras calls it dense_1
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="out")(x))
    model.save(tmp_path / "m.keras")
    refused = pytest.raises(ExportError, match="names of their own: dense_1")
    with in_process.instead(), refused:
        convert.convert([convert.Request(tmp_path / "m.keras", tmp_path, ("float32",))])


def test_custom_operators_are_refused(converted: dict[str, Any]) -> None:
    content = converted["cnn"][1].files["float32"].read_bytes()
    assert operators(content)["SOFTMAX"] == 1
    refuse_custom(content, "The model")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    code = next(
        c
        for c in model.operatorCodes
        if max(c.builtinCode, c.deprecatedBuiltinCode) == schema.BuiltinOperator.SOFTMAX
    )
    code.builtinCode = schema.BuiltinOperator.CUSTOM
    code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "FlexSoftmax"
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    with pytest.raises(ExportError, match="The model needs operators .* CUSTOM:FlexSoftmax"):
        refuse_custom(bytes(builder.Output()), "The model")


def test_windows_of_another_shape_are_refused(converted: dict[str, Any]) -> None:
    model = LiteModel(converted["cnn"][1].files["float32"])
    with pytest.raises(PredictionError, match=r"takes windows of shape .* got \(2, 10, 3\)"):
        model(np.zeros((2, 10, 3), np.float32))
    with pytest.raises(BundleError, match="does not load"):
        LiteModel(b"TFL3 but not really")


def test_measured_in_a_process_of_its_own(converted: dict[str, Any]) -> None:
    found = measure(converted["cnn"][1].files["float32"], runs=50)
    assert 0 < found["latency_ms_p50"] <= found["latency_ms_p99"]
    assert found["peak_memory_bytes"] >= 0


def test_several_models_become_one_whose_answers_are_their_mean(
    converted: dict[str, Any], tmp_path: Path
) -> None:
    members = [converted[name] for name in ("gru", "lstm")]
    probe = members[0][0].probe
    files = tuple(request.model for request, _ in members)
    request = convert.Request(files, tmp_path, ("float32", "stream"), probe=probe)
    with in_process.instead():
        (found,) = convert.convert([request])
    mean = np.mean([result.keras.probabilities for _, result in members], axis=0)
    np.testing.assert_allclose(found.keras.probabilities, mean, atol=1e-6)
    np.testing.assert_allclose(LiteModel(found.files["float32"])(probe), mean, atol=1e-5)
    assert set(found.failed) == {"stream"}
    assert "the mean of several models" in found.failed["stream"]
