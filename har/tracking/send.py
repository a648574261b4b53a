"""The only module that imports MLflow, inside functions: runs, metrics and artefacts."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.evaluation.results import ModelScores, Results
from har.files import digest
from har.stages import Context
from har.tracking.material import Material
from har.tracking.where import quiet_environment, sqlite_file
from har.training.job_files import MODEL, JobRecord, read_about
from har.workspace import Workspace

RUNS_PER_JOB_UP_TO = 200
"""With more jobs, their curves are artefacts of the model's run: the UI's charts take 500 runs."""
CURVES = ("loss", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
LoadModel = Callable[[Path], Any]


def send(
    context: Context, found: Material, uri: str, load_model: LoadModel | None
) -> tuple[str, int]:
    """Send what is not there yet.

    Parameters
    ----------
    context : Context
    found : Material
    uri : str
    load_model : callable or None
        From the path of a saved model to a Keras model; None logs no model.

    Returns
    -------
    run_id : str
        Of the comparison.
    added : int
        Runs that were new.
    """
    client, experiment = opened(context.workspace, context.pipeline.name, uri)
    return Sender(client, context, found, uri, experiment).send(load_model)


def opened(workspace: Workspace, name: str, uri: str) -> tuple[Any, str]:
    """A client, and the id of the experiment of that name, which is made if it is new."""
    quiet_environment()
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    return client, _experiment(client, workspace, name, uri)


def _experiment(client: Any, workspace: Workspace, name: str, uri: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        artifacts = (workspace.reports / "mlartifacts").resolve() / name
        location = artifacts.as_uri() if sqlite_file(uri) else None
        # otherwise the pages open on tools for language models
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(client.create_experiment(name, artifact_location=location, tags=tags))
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return str(known.experiment_id)


class Sender:
    """One comparison on its way."""

    def __init__(
        self, client: Any, context: Context, found: Material, uri: str, experiment: str
    ) -> None:
        self.client, self.context, self.found = client, context, found
        self.uri, self.experiment = uri, experiment
        self.results = found.results
        self.key = found.comparison
        self.added = 0
        self.known = self._known_runs()

    def _known_runs(self) -> dict[str, Any]:
        """Runs of this comparison that are there, by `har.job_key`."""
        out: dict[str, Any] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment],
                filter_string=f"tags.`har.comparison` = '{self.key}'",
                max_results=1000,
                page_token=token,
            )
            out |= {run.data.tags["har.job_key"]: run for run in page}
            token = page.token
            if not token:
                return out

    def send(self, load_model: LoadModel | None) -> tuple[str, int]:
        parent, _ = self._run(self.key, self.results.pipeline, "comparison", None, None)
        per_job = len(self.found.jobs) <= RUNS_PER_JOB_UP_TO
        for name in self.results.models:
            self._model(parent, name, per_job, load_model)
        self._comparison(parent)
        return parent, self.added

    # Runs

    def _run(
        self,
        key: str,
        name: str,
        kind: str,
        parent: str | None,
        start: float | None,
        tags: Mapping[str, str] | None = None,
    ) -> tuple[str, bool]:
        """Id of the run of that key, and whether it is complete already."""
        known = self.known.get(key)
        if known is not None:
            return known.info.run_id, known.info.status == "FINISHED"
        all_tags = {
            "har.comparison": self.key,
            "har.job_key": key,
            "har.kind": kind,
            "har.data_fingerprint": self.results.data_fingerprint,
            "har.config_key": self.results.config_key,
            "har.code": self.results.code,
            "mlflow.source.name": f"har run {self.results.pipeline}",
            "mlflow.source.type": "LOCAL",
            "mlflow.user": user(),
            **(tags or {}),
        }
        if parent is not None:
            all_tags["mlflow.parentRunId"] = parent
        run = self.client.create_run(
            self.experiment,
            start_time=None if start is None else round(start * 1000),
            tags=all_tags,
            run_name=name,
        )
        self.added += 1
        return run.info.run_id, False

    def _log(
        self, run: str, params: Mapping[str, Any], metrics: Sequence[tuple[str, Any, int]], at: int
    ) -> None:
        """In batches; with fixed time stamps, so that what is sent twice is stored once."""
        from mlflow.entities import Metric, Param

        ps = [Param(k, _short(v)) for k, v in params.items()]
        ms = [Metric(k, float(v), at, step) for k, v, step in metrics if v is not None]
        for i in range(0, len(ps), 100):
            self.client.log_batch(run, params=ps[i : i + 100])
        for i in range(0, len(ms), 1000):
            self.client.log_batch(run, metrics=ms[i : i + 1000])

    # The three levels

    def _comparison(self, run: str) -> None:
        r = self.results
        at = self._time()
        if not self._finished(self.key):
            config = r.config.model_dump(mode="json", include={"split", "training", "windows"})
            params = {
                "dataset": r.dataset,
                "n_subjects": len(r.subjects),
                "n_activities": len(r.activities),
                "n_windows": r.windows.kept,
                "selected": r.selected,
                "models": list(r.models),
                **{f"{part}.{k}": v for part, of in config.items() for k, v in of.items()},
            }
            best = r.models.get(r.selected or "")
            self._log(run, params, _pooled(best) if best else [], at)
            self.client.set_tag(run, "mlflow.note.content", "\n\n".join([*r.headline, r.protocol]))
            self._dataset(run)
        done = self.known.get(self.key)
        additions = self.found.additions
        if done is None or done.data.tags.get("har.additions") != additions:
            if self.found.report is not None:
                self.client.log_artifact(run, str(self.found.report / "index.html"))
                if (pictures := self.found.report / "figures").is_dir():
                    self.client.log_artifacts(run, str(pictures), "figures")
            self.client.log_dict(run, r.as_json(), "results.json")
            self.client.set_tag(run, "har.additions", additions)
        self._finish(run, self.key)

    def _model(self, parent: str, name: str, per_job: bool, load_model: LoadModel | None) -> None:
        m = self.results.models[name]
        jobs = [j for j in self.found.jobs if j.model == name]
        key = digest([self.key, name])
        tags = {"har.model": name, "har.selected": str(name == self.results.selected)}
        run, done = self._run(key, name, "model", parent, None, tags)
        if not done:
            about = read_about(jobs[0].path) if jobs else None
            params = {
                "model": about.name if about else name,
                "parameters": m.parameters,
                "exportable": m.exportable,
                **(about.params if about else {}),
            }
            self._log(run, params, self._scores(m), self._time())
            self._confusion(run, name)
            if per_job:
                for job in jobs:
                    self._job(run, job)
            else:
                self._curves_as_file(run, jobs)
            self._dataset(run)
            if load_model is not None and name == self.results.selected:
                self._keras(run, name, jobs, load_model)
        self._export(run, key, name, m)
        self._finish(run, key)

    def _scores(self, m: ModelScores) -> list[tuple[str, Any, int]]:
        """Pooled scores under names that stay; the pages show a metric's last value, and make a
        section of what stands before a slash."""
        low, high = m.macro_f1_ci95 or (None, None)
        out = [
            *_pooled(m),
            ("macro_f1_subject_sd", m.macro_f1_subject_sd, 0),
            ("train_seconds", m.train_seconds, 0),
            ("macro_f1_ci95_low", low, 0),
            ("macro_f1_ci95_high", high, 0),
            ("failed_jobs", len(m.failed_jobs), 0),
        ]
        if m.per_class:
            for activity, f1 in zip(self.results.activities, m.per_class.f1, strict=True):
                out.append((f"f1/{metric_name(activity)}", f1, 0))
        for i, (person, f1) in enumerate(m.per_subject.items()):
            out.append(("subject_f1", f1, i))  # one chart: people along the steps
            out.append((f"subject_f1/{metric_name(person)}", f1, 0))
        return out

    def _job(self, parent: str, job: JobRecord) -> None:
        stored = job.read()
        about, history = stored.about, stored.history
        name = f"{job.model} fold {job.fold} seed {job.seed}"
        key = digest([self.key, job.model, job.fold, job.seed, job.key])
        end = job.finished_at
        start = end - about.train_seconds
        tags = {"har.model": job.model, "har.store_key": job.key}
        run, done = self._run(key, name, "job", parent, start, tags)
        if done:
            return
        params = {
            "model": about.name, "fold": job.fold, "seed": job.seed,
            "n_test_subjects": len(about.test), "test": about.test,
            "validation": about.validation, **about.params,
        }  # fmt: skip
        curves = [
            (name, value, step)
            for name in CURVES
            for step, value in enumerate(history.get(name, []), start=1)
        ]
        final = [
            ("train_seconds", about.train_seconds, 0),
            ("epochs_run", about.epochs_run, 0),
            ("best_epoch", about.best_epoch, 0),
        ]
        self._log(run, params, curves + final, round(end * 1000))
        self._finish(run, key, end)

    def _curves_as_file(self, run: str, jobs: Sequence[JobRecord]) -> None:
        rows = [{"fold": j.fold, "seed": j.seed, **j.read().history} for j in jobs]
        self.client.log_dict(run, {"jobs": rows}, "curves.json")

    # Things that hang on a run

    def _confusion(self, run: str, name: str) -> None:
        path = self.found.report and self.found.report / "confusion" / f"{name}.png"
        if not path or not path.is_file():
            return
        from PIL import Image

        with Image.open(path) as image:
            image.load()
            self.client.log_image(
                run, image.convert("RGB"), key="confusion", step=0, timestamp=self._time(),
                synchronous=True,
            )  # fmt: skip
        self.client.log_artifact(run, str(path), "figures")

    def _dataset(self, run: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        r = self.results
        schema = {"mlflow_tensorspec": {"features": json.dumps(_tensor(r)), "targets": None}}
        data = Dataset(
            name=r.dataset,
            digest=r.data_fingerprint,
            source_type="local",
            source=json.dumps({"uri": f"har ingest {r.pipeline}"}),
            schema=json.dumps(schema),
            profile=json.dumps(
                {
                    "n_windows": r.windows.kept,
                    "n_subjects": len(r.subjects),
                    "activities": r.activities,
                }
            ),
        )
        tag = InputTag("mlflow.data.context", r.config.split.scheme)
        self.client.log_inputs(run, [DatasetInput(data, [tag])])

    def _keras(self, run: str, name: str, jobs: Sequence[JobRecord], load_model: LoadModel) -> None:
        """One model of the selected recipe, with its signature: that of the first fold and seed.

        It is the one whose score on its own unseen people stands beside it; what ships is in the
        bundle.
        """
        job = next((j for j in jobs if (j.path / MODEL).is_file()), None)
        if job is None or self.client.get_run(run).outputs.model_outputs:
            return
        import mlflow
        import numpy as np
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        model = load_model(job.path / MODEL)
        n_raw, channels = model.input_shape[1:]
        k = model.output_shape[-1]
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype("float32"), (-1, n_raw, channels), "acceleration")]),
            outputs=Schema([TensorSpec(np.dtype("float32"), (-1, k), "probabilities")]),
        )
        versions = self.results.versions
        with _tracking_to(self.uri), mlflow.start_run(run_id=run):
            mlflow.keras.log_model(
                model,
                name=name,
                signature=signature,
                # found out by importing everything in a process of its own, if not said here
                pip_requirements=[
                    f"keras=={versions['keras']}",
                    f"tensorflow=={versions['tensorflow']}",
                ],
                metadata={
                    "unit": "m/s2",
                    "activities": self.results.activities,
                    "fold": job.fold,
                    "seed": job.seed,
                    "load": "import har.models.layers before mlflow.keras.load_model",
                },
            )

    def _export(self, run: str, key: str, name: str, m: ModelScores) -> None:
        folder = self.found.bundle and self.found.bundle / name
        if not m.export or not folder or not folder.is_dir():
            return
        state = digest(m.as_json()["export"])
        known = self.known.get(key)
        if known is not None and known.data.tags.get("har.export") == state:
            return
        at = self._time()
        metrics = [
            (f"export/{variant}.{n}", value, 0)
            for variant, entry in m.variants.items()
            for n, value in entry
        ]
        self._log(run, {}, metrics, at)
        self.client.log_artifacts(run, str(folder), "bundle")
        self.client.set_tag(run, "har.export", state)

    def _finish(self, run: str, key: str, at: float | None = None) -> None:
        if not self._finished(key):
            end = None if at is None else round(at * 1000)
            self.client.set_terminated(run, "FINISHED", end_time=end)

    def _finished(self, key: str) -> bool:
        known = self.known.get(key)
        return known is not None and known.info.status == "FINISHED"

    def _time(self) -> int:
        """Of the newest job, in ms: a fixed stamp for what is not about a moment."""
        return round(max((j.finished_at for j in self.found.jobs), default=0.0) * 1000)


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


def _pooled(m: ModelScores) -> list[tuple[str, Any, int]]:
    return [
        ("macro_f1", m.macro_f1, 0),
        ("accuracy", m.accuracy, 0),
        ("validation_macro_f1", m.validation_macro_f1, 0),
        ("macro_f1_seed_sd", m.macro_f1_seed_sd, 0),
    ]


def _tensor(results: Results) -> list[dict[str, Any]]:
    n = round(results.config.windows.length_s * results.config.signal.rate_hz)
    return [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, n, 3]}}]


def user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "unknown"


def _short(value: Any) -> str:
    """A parameter as text; MLflow takes 6000 characters."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 500 else text[:499] + "…"


def metric_name(text: str) -> str:
    """MLflow takes letters, digits and `_-. :/` in names."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-. :/") else "_" for c in text)
