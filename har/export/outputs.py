"""The two outputs of every file: probabilities, and what the last layer makes them of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har.models.spec import INPUT_NAME
from har.runtime.interpreter import FEATURES, PROBABILITIES, Answers


def both(members: Sequence[Any]) -> Any:
    """A Keras model that gives {probabilities (n, k), features (n, d)}.

    Parameters
    ----------
    members : sequence of keras.Model
        Each ends in the layer that makes probabilities of features. Several, of one shape, become
        one model: the mean of their probabilities, and their features side by side.
    """
    import keras

    tapped = [keras.Model(m.input, [m.output, m.layers[-1].input], name=m.name) for m in members]
    if len(tapped) == 1:
        (model,) = tapped
        probabilities, features = model.outputs
        inputs = model.input
    else:
        inputs = keras.Input(shape=members[0].input_shape[1:], dtype="float32", name=INPUT_NAME)
        for i, model in enumerate(tapped):
            model.name = f"member_{i}"
        answers = [model(inputs) for model in tapped]
        probabilities = keras.layers.Average(name="mean")([p for p, _ in answers])
        features = keras.layers.Concatenate(name="side_by_side")([f for _, f in answers])
    return keras.Model(inputs, {PROBABILITIES: probabilities, FEATURES: features}, name="both")


def load(files: Sequence[Path]) -> Any:
    """Saved models, as one that gives both outputs."""
    from har.models.saved import load_model

    return both([load_model(file) for file in files])


def asked(network: Any, windows: np.ndarray) -> Answers:
    """What a network of both outputs says of windows, shape (n, n_raw, 3)."""
    found = network.predict(windows, batch_size=512, verbose=0)
    return Answers(**{name: np.asarray(values) for name, values in found.items()})


def arrange(content: bytes) -> bytes:
    """A copy of a `.tflite` file with the probabilities first, for programs that ask by place.

    The converter puts outputs in the order of the alphabet. It also names every tensor inside by
    its place in TensorFlow's graph, up to a tenth of a small file; what goes in and out keeps a
    name.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (signature,) = model.signatureDefs
    signature.outputs.sort(key=lambda entry: entry.name, reverse=True)
    model.subgraphs[0].outputs = [entry.tensorIndex for entry in signature.outputs]
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.name = None
    for entry in (*signature.inputs, *signature.outputs):
        model.subgraphs[0].tensors[entry.tensorIndex].name = entry.name
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
