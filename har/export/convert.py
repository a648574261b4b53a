"""Keras models to `.tflite` files, in processes that may die.

TensorFlow's converter is a C++ program that aborts or crashes on graphs that it cannot quantize,
and its output depends on what was built before in the same process unless every layer has a name.
So it runs in a process of its own, and a crash is one variant's reason for not being there.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.errors import ExportError
from har.export import ensemble, step
from har.files import write_json
from har.models.saved import load_model
from har.quiet import quiet
from har.runtime.interpreter import operators

VARIANTS = {"none": "float32", "dynamic": "dynamic", "float16": "float16", "int8": "int8"}
"""What `export.quantization` calls a variant, and what its file is called."""

STREAM = "stream"
"""Not a quantization: the step signature of a recurrent model, in a file of its own, so that the
others have one signature, which is what `Interpreter.run` and LiteRT.js call."""

SEVERAL = "it is the mean of several models, each of which would need states of its own"

INPUT_NAME = "acceleration"


def file_name(variant: str) -> str:
    """`model.tflite` for float32, `model.<variant>.tflite` for the others."""
    return "model.tflite" if variant == "float32" else f"model.{variant}.tflite"


@dataclass(frozen=True)
class Request:
    """A model to convert.

    Parameters
    ----------
    model : Path or tuple of Path
        A `.keras` file: input (n_raw, 3) in raw m/s², output softmax. Several become one model,
        the mean of their probabilities.
    folder : Path
        Where the files go; it exists.
    variants : tuple of str
        Of `VARIANTS`' values, and `STREAM`.
    representative : ndarray of float32, shape (n, n_raw, 3), optional
        Windows of training people, from which int8 takes its ranges.
    probe : ndarray of float32, shape (m, n_raw, 3), optional
        Windows to run through Keras too; the answers come back in `Converted.keras`.
    """

    model: Path | tuple[Path, ...]
    folder: Path
    variants: tuple[str, ...]
    representative: np.ndarray | None = None
    probe: np.ndarray | None = None


@dataclass
class Converted:
    """What came of a request.

    `files` has the variants that exist, `failed` the reasons of those that do not, `keras` the
    probabilities (m, k) of the probe windows.
    """

    files: dict[str, Path]
    failed: dict[str, str]
    keras: np.ndarray | None = None


def convert(requests: Sequence[Request], *, jobs: int = 1) -> list[Converted]:
    """Convert models, each in a child process.

    int8 is known to crash the converter and goes alone; another crash is found by trying the
    variants of that model one by one.

    Returns
    -------
    list of Converted
        In the order of the requests.

    Raises
    ------
    ExportError
        If a model cannot be read, or has layers without names of their own.
    """
    results = [Converted({}, {}) for _ in requests]
    todo = [(i, part) for i, r in enumerate(requests) for part in _parts(r)]
    while todo:
        again = []
        for n, outcome in fanout.run(_convert, [r for _, r in todo], jobs=jobs):
            i, request = todo[n]
            result = results[i]
            if isinstance(outcome, fanout.Done):
                files, failed, keras = outcome.value
                result.files |= files
                result.failed |= failed
                result.keras = keras if keras is not None else result.keras
            elif not outcome.reason.startswith("its process"):
                raise ExportError(f"{request.model} cannot be exported: {outcome.reason}")
            elif len(request.variants) > 1:
                again += [
                    (i, replace(request, variants=(v,), probe=request.probe if not k else None))
                    for k, v in enumerate(request.variants)
                ]
            else:
                (variant,) = request.variants
                result.failed[variant] = f"the converter died: {outcome.reason}"
        todo = again
    for request, result in zip(requests, results, strict=True):
        order = [v for v in request.variants if v in result.files]
        result.files = {v: result.files[v] for v in order}
    return results


def required(result: Converted, variant: str = "float32") -> Path:
    """The file of a variant that must be there.

    Raises
    ------
    ExportError
        With the converter's reason.
    """
    if variant not in result.files:
        raise ExportError(
            f"There is no {variant} model: {result.failed.get(variant, 'it was not asked for')}."
        )
    return result.files[variant]


def _parts(request: Request) -> list[Request]:
    safe = tuple(v for v in request.variants if v != "int8")
    parts = [replace(request, variants=safe, representative=None)] if safe else []
    if "int8" in request.variants:
        probe = None if safe else request.probe
        parts.append(replace(request, variants=("int8",), probe=probe))
    return parts


# In the child ----------------------------------------------------------------------------------


def _convert(
    request: Request, _report: Any
) -> tuple[dict[str, Path], dict[str, str], np.ndarray | None]:
    with quiet():
        return _convert_quietly(request)


def _convert_quietly(
    request: Request,
) -> tuple[dict[str, Path], dict[str, str], np.ndarray | None]:
    import keras

    keras.backend.clear_session()
    paths = request.model if isinstance(request.model, tuple) else (request.model,)
    members = [load_model(path) for path in paths]
    model = members[0] if len(members) == 1 else ensemble.average(members)
    refuse_unnamed(model)
    files, failed = {}, {}
    for variant, outcome in _tflite(model, request).items():
        if isinstance(outcome, str):
            failed[variant] = outcome
            continue
        try:
            refuse_custom(outcome, f"The {variant} model")
        except ExportError as e:
            failed[variant] = str(e)
            continue
        path = request.folder / file_name(variant)
        path.write_bytes(outcome)
        files[variant] = path
    keras_probabilities = None
    if request.probe is not None:
        keras_probabilities = np.asarray(
            model.predict(request.probe, batch_size=256, verbose=0), np.float32
        )
    return files, failed, keras_probabilities


def _tflite(model: Any, request: Request) -> Mapping[str, bytes | str]:
    """Each variant's bytes, or why there are none."""
    import tempfile

    import keras
    import tensorflow as tf

    out: dict[str, bytes | str] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        archive = keras.export.ExportArchive()
        archive.track(model)
        # Without the static batch of 1, recurrent layers become TensorList operators, which only
        # TensorFlow's own runtime has.
        shape = (1, *model.input_shape[1:])
        signature = [keras.InputSpec(shape=shape, dtype="float32", name=INPUT_NAME)]
        archive.add_endpoint("serve", lambda x: model(x, training=False), signature)
        archive.write_out(folder, verbose=False)
        for variant in request.variants:
            if variant == STREAM:
                several = isinstance(request.model, tuple) and len(request.model) > 1
                out[variant] = SEVERAL if several else _step(model, request.folder)
                continue
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.experimental_enable_resource_variables = True
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            if variant != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if variant == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if variant == "int8":
                if request.representative is None:
                    out[variant] = "int8 needs windows of training people to take its ranges from"
                    continue
                windows = np.asarray(request.representative, np.float32)
                converter.representative_dataset = lambda w=windows: ([x[None]] for x in w)
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            try:
                out[variant] = converter.convert()
            except Exception as e:
                out[variant] = f"the converter refused: {_first_line(e)}"
    return out


def _step(model: Any, folder: Path) -> bytes | str:
    try:
        content, about = step.convert(model)
    except step.Streams as e:
        return str(e)
    except Exception as e:
        return f"the converter refused: {_first_line(e)}"
    write_json(about_step(folder / file_name(STREAM)), about)
    return content


def about_step(path: Path) -> Path:
    """Where `streaming` of `model.json` waits beside a converted step file."""
    return path.with_suffix(".json")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def refuse_unnamed(model: Any) -> None:
    """Automatic names differ with what was built before, and with them the file's bytes.

    Raises
    ------
    ExportError
        Naming the layers that Keras named by itself (`dense_3`).
    """
    import re

    found = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if re.fullmatch(
            re.sub(r"(?<!^)(?=[A-Z])", "_", type(layer).__name__).lower() + r"_\d+", layer.name
        )
    ]
    if found:
        raise ExportError(f"Give these layers names of their own: {', '.join(found)}.")


def refuse_custom(content: bytes, name: str) -> None:
    """Only built-in operators run in every LiteRT: on a phone, in a browser, on a board.

    Raises
    ------
    ExportError
        Naming the others.
    """
    if foreign := [o for o in operators(content) if o.startswith("CUSTOM:")]:
        raise ExportError(
            f"{name} needs operators that a phone does not have: {', '.join(foreign)}. "
            "Use layers that convert to LiteRT's built-in operators."
        )
