"""The only module that imports MLflow, inside functions: an experiment and its runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.runtime.bundle import Bundle
from har.tracking import logged as packed
from har.tracking import moved
from har.tracking.where import artifacts, quiet_environment, sqlite_file
from har.workspace import Workspace

Metrics = Mapping[str, float | Mapping[int, float] | None]
"""A value by name, or one for each step; what there is not is not sent."""


class Experiment:
    """The experiment of a name in the store at `uri`, made if it is new; the workspace keeps the
    artefacts of a store that is a file."""

    def __init__(self, workspace: Workspace, name: str, uri: str) -> None:
        quiet_environment()
        import logging

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        from mlflow import MlflowClient

        self.uri, self.name = uri, name
        if (file := sqlite_file(uri)) is not None:
            moved.settle(file, artifacts(workspace))
        self.client = MlflowClient(tracking_uri=uri)
        self.id = self._id(workspace, name)

    def _id(self, workspace: Workspace, name: str) -> str:
        known = self.client.get_experiment_by_name(name)
        if known is None:
            location = (artifacts(workspace) / name).as_uri() if sqlite_file(self.uri) else None
            # otherwise the pages open on tools for language models
            tags = {"mlflow.experimentKind": "custom_model_development"}
            return str(self.client.create_experiment(name, artifact_location=location, tags=tags))
        if known.lifecycle_stage == "deleted":
            self.client.restore_experiment(known.experiment_id)
        return str(known.experiment_id)

    def runs(self, tag: str, value: str) -> list[Run]:
        """Those that have a tag."""
        out: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.id], f"tags.`{tag}` = '{value}'", max_results=1000, page_token=token
            )
            out += [Run(self, run) for run in page]
            token = page.token
            if not token:
                return out

    def tag(self, name: str, value: str) -> None:
        self.client.set_experiment_tag(self.id, name, value)

    def start(self, name: str, tags: Mapping[str, str], at_s: float | None = None) -> Run:
        """A new run; it began now, or at a time since 1970."""
        run = self.client.create_run(
            self.id,
            start_time=None if at_s is None else round(at_s * 1000),
            tags={**tags, "mlflow.user": _user()},
            run_name=name,
        )
        return Run(self, run)


class Run:
    """A run as it was found, or new: `id`, `tags`, and whether it is `finished`."""

    def __init__(self, experiment: Experiment, run: Any) -> None:
        self.client, self.uri, self.registered = experiment.client, experiment.uri, experiment.name
        self.id: str = run.info.run_id
        self.tags: Mapping[str, str] = run.data.tags
        self.finished = run.info.status == "FINISHED"

    def log(self, params: Mapping[str, Any], metrics: Metrics, at_s: float | None = None) -> None:
        """In batches; with a fixed time stamp, what is sent twice is stored once."""
        from mlflow import entities

        at = round((time.time() if at_s is None else at_s) * 1000)
        ps = [entities.Param(k, _short(v)) for k, v in params.items()]
        ms = [
            entities.Metric(_name(name), float(value), at, step)
            for name, of in metrics.items()
            for step, value in (of if isinstance(of, Mapping) else {0: of}).items()
            if value is not None
        ]
        for i in range(0, len(ps), 100):
            self.client.log_batch(self.id, params=ps[i : i + 100])
        for i in range(0, len(ms), 1000):
            self.client.log_batch(self.id, metrics=ms[i : i + 1000])

    def tag(self, name: str, value: str) -> None:
        self.client.set_tag(self.id, name, value)

    def attach(self, path: Path, folder: str | None = None) -> None:
        """A file, or all that a folder holds."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(self.id, str(path), folder)

    def table(self, columns: Mapping[str, Sequence[Any]], name: str) -> None:
        """A table, which the pages can compare between runs."""
        self.client.log_table(self.id, {k: list(v) for k, v in columns.items()}, name)

    def attach_as(self, path: Path, name: str) -> None:
        """A file under a name of its own."""
        with tempfile.TemporaryDirectory() as scratch:
            copy = shutil.copy(path, Path(scratch) / Path(name).name)
            self.client.log_artifact(self.id, str(copy), str(Path(name).parent))

    def attach_text(self, text: str, name: str) -> None:
        self.client.log_text(self.id, text, name)

    def attach_json(self, value: dict[str, Any], name: str) -> None:
        self.client.log_dict(self.id, value, name)

    def show(self, path: Path, key: str, at_s: float) -> None:
        """A picture, on the run's page."""
        from PIL import Image

        with Image.open(path) as image:
            image.load()
            self.client.log_image(
                self.id, image.convert("RGB"), key=key, step=0, timestamp=round(at_s * 1000),
                synchronous=True,
            )  # fmt: skip

    def dataset(
        self,
        name: str,
        digest: str,
        *,
        source: str,
        split: str,
        shape: Sequence[int],
        profile: Mapping[str, Any],
    ) -> None:
        """What it was trained on; `shape` is that of its windows."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        tensor = {"dtype": "float32", "shape": list(shape)}
        features = json.dumps([{"type": "tensor", "tensor-spec": tensor}])
        data = Dataset(
            name=name,
            digest=digest,
            source_type="local",
            source=json.dumps({"uri": source}),
            schema=json.dumps({"mlflow_tensorspec": {"features": features, "targets": None}}),
            profile=json.dumps(profile),
        )
        context = InputTag("mlflow.data.context", split)
        self.client.log_inputs(self.id, [DatasetInput(data, [context])])

    def model(self, name: str, bundle: Bundle, *, champion: bool) -> None:
        """A bundle as a model that can be loaded and served, a version under the experiment's name;
        `champion`: with that alias."""
        import mlflow
        from mlflow.models import infer_signature

        windows = packed.example(bundle)
        signature = infer_signature(windows, bundle.model()(windows))
        # Otherwise MLflow refuses everything but windows: a table of samples is welcome too.
        signature._is_signature_from_type_hint = True
        with (
            _tracking_to(self.uri),
            tempfile.TemporaryDirectory() as scratch,
            mlflow.start_run(run_id=self.id),
            contextlib.redirect_stderr(io.StringIO()),  # it prints what it registers
            warnings.catch_warnings(action="ignore"),  # and advises annotations
        ):
            made = mlflow.pyfunc.log_model(
                name=name,
                python_model=str(packed.SERVED),
                artifacts={"bundle": str(bundle.folder)},
                code_paths=[str(packed.package(Path(scratch)))],
                signature=signature,
                input_example=windows,
                # found out by importing everything in a process of its own, if not said here
                pip_requirements=packed.requirements(),
                registered_model_name=self.registered,
                metadata={"about": packed.note(bundle)},
            )
            version = made.registered_model_version
            self.client.update_model_version(self.registered, version, packed.note(bundle))
            if champion:
                self.client.set_registered_model_alias(self.registered, "champion", version)
        self.finished = False  # MLflow ended the run now: `finish` sets the end that it had

    def finish(self, at_s: float | None = None) -> None:
        if not self.finished:
            end = None if at_s is None else round(at_s * 1000)
            self.client.set_terminated(self.id, "FINISHED", end_time=end)


@contextlib.contextmanager
def _tracking_to(uri: str) -> Iterator[None]:
    """For what MLflow does through globals only. It sets `MLFLOW_TRACKING_URI` as well, which
    would send another workspace's results to this one's store."""
    import mlflow

    name = "MLFLOW_TRACKING_URI"
    environment, before = os.environ.get(name), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop(name, None)
        if environment is not None:
            os.environ[name] = environment


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "unknown"


def _short(value: Any) -> str:
    """A parameter as text; MLflow takes 6000 characters."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 500 else text[:499] + "…"


def _name(text: str) -> str:
    """A metric's name: MLflow takes 250 letters, digits and `_-. :/`."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-. :/") else "_" for c in text)[:250]
