"""An MLflow model around a bundle. MLflow runs this file where the model is logged and loaded; with
it travels the part of this package that it needs, for where the package is not installed."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

if importlib.util.find_spec("har") is None:
    sys.path.append(str(Path(__file__).parent / "code" / "har_runtime"))

import har


class Served(mlflow.pyfunc.PythonModel):
    """Windows to probabilities; a table of time, x, y, z to bouts of activity."""

    def load_context(self, context: Any) -> None:
        self.bundle = har.Bundle.open(context.artifacts["bundle"])

    # MLflow takes annotations for a schema of its own.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        if isinstance(model_input, list) and model_input and isinstance(model_input[0], dict):
            model_input = pd.DataFrame(model_input)  # as rows come over HTTP
        if isinstance(model_input, pd.DataFrame):
            return self.bundle.predict(model_input)
        return self.bundle.predict_proba(np.asarray(model_input, np.float32))


mlflow.models.set_model(Served())
