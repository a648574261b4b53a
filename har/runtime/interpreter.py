"""A `.tflite` file as a function on windows: the interpreter that phones have, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from har.errors import BundleError, PredictionError
from har.quiet import quiet

METADATA = "HAR_MODEL"
"""The entry of a `.tflite` file that says what `model.json` does."""


PROBABILITIES: Final = "probabilities"
FEATURES: Final = "features"
"""What a file's outputs are called. Files made before features were given have one, of any name."""


class Answers(NamedTuple):
    """Of n windows: probabilities (n, k), and what the last layer made them of, (n, d)."""

    probabilities: np.ndarray
    features: np.ndarray


class LiteModel:
    """A classifier in a `.tflite` file, one window at a time on one thread.

    Recurrent models are exported with a batch of 1 (see `har.export.convert`), and a phone asks for
    one window at a time anyway.

    Parameters
    ----------
    source : Path or bytes
        The file, or what is in it.

    Raises
    ------
    BundleError
        If the file cannot be loaded by built-in operators alone.
    """

    def __init__(self, source: Path | bytes) -> None:
        self.content = source if isinstance(source, bytes) else Path(source).read_bytes()
        self.name = "model" if isinstance(source, bytes) else Path(source).name
        try:
            self._interpreter = interpreter(self.content)
        except (ValueError, RuntimeError) as e:
            raise BundleError(f"{self.name} does not load in the LiteRT interpreter: {e}") from e
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = _outputs(self.content, self._interpreter.get_output_details())
        if PROBABILITIES not in self._outputs:
            raise BundleError(
                f"{self.name} has the outputs {', '.join(self._outputs) or '(none)'}, not "
                f"{PROBABILITIES}."
            )

    @property
    def input_shape(self) -> tuple[int, int]:
        """(n_raw, 3): the rows and channels of a window."""
        return tuple(int(n) for n in self._input["shape"][1:])  # type: ignore[return-value]

    @property
    def n_classes(self) -> int:
        return int(self._outputs[PROBABILITIES]["shape"][-1])

    @property
    def n_features(self) -> int:
        """0 of a file that gives none."""
        found = self._outputs.get(FEATURES)
        return 0 if found is None else int(found["shape"][-1])

    @cached_property
    def operators(self) -> dict[str, int]:
        return operators(self.content)

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Probabilities of windows, shape (n, k); takes and raises what `ask` does."""
        return self.ask(windows).probabilities

    def ask(self, windows: np.ndarray) -> Answers:
        """Probabilities and features of windows.

        Parameters
        ----------
        windows : ndarray of float32, shape (n, n_raw, 3)
            Raw m/s².

        Returns
        -------
        Answers
            Both float32; features of shape (n, 0) where the file gives none.

        Raises
        ------
        PredictionError
            If the windows are not what the model takes.
        """
        if windows.ndim != 3 or windows.shape[1:] != self.input_shape:
            raise PredictionError(
                f"{self.name} takes windows of shape (n, {self.input_shape[0]}, "
                f"{self.input_shape[1]}), got {windows.shape}. Resample to the model's rate first."
            )
        windows = np.ascontiguousarray(windows, np.float32)
        sizes = {PROBABILITIES: self.n_classes, FEATURES: self.n_features}
        out = {name: np.empty((len(windows), n), np.float32) for name, n in sizes.items()}
        run, where = self._interpreter, self._input["index"]
        into = [(out[name], found["index"]) for name, found in self._outputs.items()]
        for i in range(len(windows)):
            run.set_tensor(where, windows[i : i + 1])
            run.invoke()
            for array, output in into:
                array[i] = run.get_tensor(output)[0]
        return Answers(**out)


def _outputs(content: bytes, details: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The outputs that are known, by the names that the file's signature gives them."""
    from ai_edge_litert import schema_py_generated as schema

    if len(details) == 1:
        return {PROBABILITIES: details[0]}
    model = schema.Model.GetRootAs(content, 0)
    by_tensor = {int(d["index"]): d for d in details}
    found: dict[str, dict[str, Any]] = {}
    for i in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(i)
        for j in range(signature.OutputsLength()):
            entry = signature.Outputs(j)
            found[entry.Name().decode()] = by_tensor[entry.TensorIndex()]
    return {name: found[name] for name in (PROBABILITIES, FEATURES) if name in found}


def interpreter(content: bytes) -> Any:
    """LiteRT's interpreter of a file's bytes, on one thread, ready to run."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet():
        made = Interpreter(model_content=content, num_threads=1)
        made.allocate_tensors()
    return made


def operators(content: bytes) -> dict[str, int]:
    """The operators in a `.tflite` file and how often each stands there, over all subgraphs.

    A custom operator is listed as `CUSTOM:<its name>`; TensorFlow's own kernels (Flex) are custom
    operators whose name begins with `Flex`.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    counts: Counter[str] = Counter()
    for subgraph in model.subgraphs:
        for operator in subgraph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            # Old files know only the 8-bit field; new ones put 127 there.
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            if number == schema.BuiltinOperator.CUSTOM:
                custom = code.customCode
                text = custom.decode() if isinstance(custom, bytes) else str(custom)
                counts[f"CUSTOM:{text}"] += 1
            else:
                counts[names.get(number, str(number))] += 1
    return dict(sorted(counts.items()))


def min_runtime(content: bytes) -> str | None:
    """The first TensorFlow Lite that has every operator of a file in its version, such as 2.4.0.

    The converter looks the versions up in TensorFlow Lite's own table
    (`lite/tools/versioning/runtime_version.cc`) and leaves the answer in the file. None where
    another program made it.
    """
    found = _entry(content, b"min_runtime_version")
    return (found or b"").rstrip(b"\0").decode() or None


def carried(content: bytes) -> dict[str, Any] | None:
    """The part of `model.json` that a file carries inside (`har.export.metadata`), if it does."""
    found = _entry(content, METADATA.encode())
    return None if found is None else dict(json.loads(found))


def _entry(content: bytes, name: bytes) -> bytes | None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == name:
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
    return None
