"""Keras models to `.tflite` files, in processes that may die.

TensorFlow's converter is a C++ program that aborts or crashes on graphs that it cannot quantize,
and its output depends on what was built before in the same process unless every layer has a name.
So it runs in a process of its own, and a crash is one variant's reason for not being there.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.errors import ExportError
from har.export import outputs, step
from har.fanout import Crew
from har.files import replace_file
from har.models.saved import load_model
from har.models.spec import INPUT_NAME
from har.quiet import quiet
from har.runtime.interpreter import Answers, operators
from har.runtime.manifest import STEP, Step, file_name

VARIANTS = {"none": "float32", "dynamic": "dynamic", "float16": "float16", "int8": "int8"}
"""What `export.quantization` calls a variant, and what its file is called."""

COARSE = 1024
"""Dense layers of at most so many inputs get one scale for the whole kernel in the dynamic file.

That cost recurrent models nothing (`tests/install/test_old_runtimes.py` has the bound) and lets
TensorFlow Lite run them since 2.4; rocket's layer of 2,016 inputs lost 4 points of agreement."""

SEVERAL = "it is the mean of several models, each of which would need states of its own"


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
        Of `VARIANTS`' values, and `STEP`: the step of a recurrent model, in a file of its own, so
        that the others have one signature, which is what `Interpreter.run` and LiteRT.js call.
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

    `files` has the variants that exist, `failed` the reasons of those that do not, `keras` Keras's
    answers for the probe windows, `step` how the step file is run.
    """

    files: dict[str, Path]
    failed: dict[str, str]
    keras: Answers | None = None
    step: Step | None = None


def convert(requests: Sequence[Request], crew: Crew | None = None) -> list[Converted]:
    """Convert models, each in a child process, of a crew or one after the other.

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
    crew = crew or fanout.alone()
    results = [Converted({}, {}) for _ in requests]
    todo = [(i, part) for i, r in enumerate(requests) for part in _parts(r)]
    while todo:
        again = []
        items = [r for _, r in todo]
        for n, outcome in crew.run(_convert, items, shared=items[0].folder):
            i, request = todo[n]
            result = results[i]
            if isinstance(outcome, fanout.Done):
                made: Converted = outcome.value
                result.files |= made.files
                result.failed |= made.failed
                result.keras = made.keras if made.keras is not None else result.keras
                result.step = made.step or result.step
            elif not outcome.died:
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


def required(result: Converted) -> Path:
    """The float32 file, which must be there.

    Raises
    ------
    ExportError
        With the converter's reason.
    """
    if "float32" not in result.files:
        reason = result.failed.get("float32", "it was not asked for")
        raise ExportError(f"There is no float32 model: {reason}.")
    return result.files["float32"]


def _parts(request: Request) -> list[Request]:
    safe = tuple(v for v in request.variants if v != "int8")
    parts = [replace(request, variants=safe, representative=None)] if safe else []
    if "int8" in request.variants:
        probe = None if safe else request.probe
        parts.append(replace(request, variants=("int8",), probe=probe))
    return parts


# In the child ----------------------------------------------------------------------------------


@quiet()
def _convert(request: Request, _report: Any) -> Converted:
    import keras

    _leave_out_imports()
    keras.backend.clear_session()
    paths = request.model if isinstance(request.model, tuple) else (request.model,)
    members = [load_model(path) for path in paths]
    for member in members:
        refuse_unnamed(member)
    model = outputs.both(members)
    made = Converted({}, {})
    with tempfile.TemporaryDirectory() as saved, contextlib.redirect_stdout(io.StringIO()):
        archive = keras.export.ExportArchive()
        archive.track(model)
        # Without the static batch of 1, recurrent layers become TensorList operators, which only
        # TensorFlow's own runtime has.
        shape = (1, *model.input_shape[1:])
        signature = [keras.InputSpec(shape=shape, dtype="float32", name=INPUT_NAME)]
        archive.add_endpoint("serve", lambda x: model(x, training=False), signature)
        archive.write_out(saved, verbose=False)
        converter = _converter(saved, coarse=max(widths(model), default=0) <= COARSE)
        for variant in request.variants:
            about = None
            try:
                if variant == STEP:
                    if len(members) > 1:
                        raise ExportError(SEVERAL)
                    content, about = step.convert(members[0])
                else:
                    content = _tflite(converter, variant, request.representative)
                    content = outputs.arrange(content)
                refuse_custom(content, f"The {variant} model")
            except ExportError as e:
                made.failed[variant] = str(e)
                continue
            except Exception as e:
                lines = [line.strip() for line in str(e).splitlines() if line.strip()]
                reason = (lines[0] if lines else type(e).__name__)[:300]
                made.failed[variant] = f"the converter refused: {reason}"
                continue
            made.files[variant] = request.folder / file_name(variant)
            replace_file(made.files[variant], content)
            made.step = made.step or about
    if request.probe is not None:
        found = model.predict(request.probe, batch_size=256, verbose=0)
        made.keras = Answers(**{k: np.asarray(v, np.float32) for k, v in found.items()})
    return made


@functools.cache
def _leave_out_imports() -> None:
    """TensorFlow's million objects take no part in garbage collections: Keras and the converter
    ask for one at each model and variant, a third of the time of a small model."""
    import tensorflow  # noqa: F401

    gc.freeze()


def _converter(saved: str, *, coarse: bool) -> Any:
    """One for all variants, since it reads the whole SavedModel first."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    converter.experimental_enable_resource_variables = True
    # A scale for each row asks for FULLY_CONNECTED 12, which runtimes before 2.17 do not have.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = coarse
    return converter


def _tflite(converter: Any, variant: str, representative: np.ndarray | None) -> bytes:
    import tensorflow as tf

    ops = "TFLITE_BUILTINS_INT8" if variant == "int8" else "TFLITE_BUILTINS"
    converter.target_spec = tf.lite.TargetSpec(
        supported_ops=[tf.lite.OpsSet[ops]],
        supported_types=[tf.float16] if variant == "float16" else [],
    )
    converter.optimizations = [] if variant == "float32" else [tf.lite.Optimize.DEFAULT]
    if variant == "int8":
        if representative is None:
            raise ExportError("int8 needs windows of training people to take its ranges from")
        windows = np.asarray(representative, np.float32)
        converter.representative_dataset = lambda: ([x[None]] for x in windows)
    content: bytes = converter.convert()
    return content


def widths(model: Any) -> list[int]:
    """The numbers of inputs of a model's dense layers."""
    import keras

    dense = (x for x in model._flatten_layers() if isinstance(x, keras.layers.Dense))
    return [int(layer.kernel.shape[0]) for layer in dense]


def refuse_unnamed(model: Any) -> None:
    """Automatic names differ with what was built before, and with them the file's bytes.

    Raises
    ------
    ExportError
        Naming the layers that Keras named by itself (`dense_3`).
    """
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
