"""A recurrent model one step at a time: states go in and come out, nothing is computed twice.

For devices that would rather do a little at every sample than a whole window at every hop. Starting
from zero states and fed a window's rows in order, the last step's answer is the window's; that is
how the model was trained and scored, so a device begins anew for each window (or keeps one set of
states for each of the windows that overlap).
"""

from __future__ import annotations

from typing import Any

from har.errors import ExportError
from har.runtime.manifest import Step

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN")
PER_SAMPLE = ("raw", "magnitude")


class NotSteppable(ExportError):
    """Why a model cannot be stepped."""


def layers_of(model: Any) -> dict[str, Any]:
    """The parts of a model that can be stepped: fir, channels, standardize, frames, rnn, head.

    Raises
    ------
    NotSteppable
        With the reason, in words for `model.json`.
    """
    parts: dict[str, Any] = dict.fromkeys(("fir", "channels", "standardize", "frames", "rnn"))
    parts["head"] = []
    for layer in model.layers[1:]:
        kind = type(layer).__name__
        if parts["rnn"] is not None:
            if kind not in ("Dropout", "Dense"):
                raise NotSteppable(f"after the recurrent layer comes {kind} {layer.name!r}")
            parts["head"].append(layer)
        elif kind in RECURRENT:
            if layer.return_sequences or layer.go_backwards:
                raise NotSteppable(f"layer {layer.name!r} gives a sequence or runs backwards")
            parts["rnn"] = layer
        elif kind == "Bidirectional":
            raise NotSteppable("it reads each window backwards too, from its end")
        elif kind == "Channels" and layer.kind not in PER_SAMPLE:
            raise NotSteppable("it takes the mean over the whole window away from each sample")
        elif kind in ("FIR", "Channels", "Standardize", "Frames"):
            parts[kind.lower()] = layer
        else:
            raise NotSteppable(f"layer {layer.name!r} ({kind}) needs the whole window")
    if parts["rnn"] is None:
        raise NotSteppable("it is not recurrent")
    return parts


def convert(model: Any) -> tuple[bytes, Step]:
    """The step as a `.tflite` file, and how it is run. In a child process.

    Raises
    ------
    NotSteppable
        If the model cannot be stepped.
    """
    import contextlib
    import io
    import tempfile

    import keras
    import tensorflow as tf
    from keras import tree

    parts = layers_of(model)
    n_raw = model.input_shape[1]
    lead = len(parts["fir"].taps) - 1 if parts["fir"] else 0
    frame = parts["frames"].size if parts["frames"] else 1
    cell = parts["rnn"].cell
    sizes = tree.flatten(cell.state_size)
    names = [f"state_{i}" for i in range(len(sizes))]

    def step(inputs: dict[str, Any]) -> dict[str, Any]:
        x = tf.concat([inputs["context"], inputs["samples"]], 1) if lead else inputs["samples"]
        out = {"context": x[:, frame:]} if lead else {}
        for name in ("fir", "channels", "standardize", "frames"):
            x = parts[name](x) if parts[name] else x
        states = tree.pack_sequence_as(cell.state_size, [inputs[n] for n in names])
        y, states = cell(
            x[:, 0], states if isinstance(states, (list, tuple)) else [states], training=False
        )
        for layer in parts["head"]:
            y = layer(y, training=False) if type(layer).__name__ == "Dropout" else layer(y)
        out |= dict(zip(names, tree.flatten(states), strict=True))
        return {**out, "probabilities": y}

    shapes: dict[str, tuple[int, ...]] = {
        "samples": (1, frame, 3),
        **({"context": (1, lead, 3)} if lead else {}),
    }
    shapes |= {n: (1, int(s)) for n, s in zip(names, sizes, strict=True)}
    spec = {n: tf.TensorSpec(shape, tf.float32, name=n) for n, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("step", step, [spec])
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"])
        converter.experimental_enable_resource_variables = True
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content = converter.convert()
    return content, Step(
        signature="step",
        step_samples=frame,
        steps=(n_raw - lead) // frame,
        skip_samples=(n_raw - lead) % frame,
        shapes=shapes,
    )
