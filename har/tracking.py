"""Stored results to MLflow: the only module that imports it, and only inside functions.

    experiment            the pipeline
      comparison          what was run, on whom; report, data set
        model             pooled scores under stable names, confusion matrix, the model, the bundle
          fold and seed   learning curves

What is sent is a function of what is stored. Every run carries `har.comparison` and `har.job_key`,
and what stands in the store already is not sent again: a rerun without changes adds nothing, a run
that was interrupted is finished, and a server that was down is caught up by `har track`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har.errors import TrackingError
from har.stages import Context
from har.store import Workspace, digest, replace_file

RUNS_PER_JOB_UP_TO = 200
"""With more jobs, their curves are artefacts of the model's run: the UI's charts take 500 runs."""
CURVES = ("loss", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
LoadModel = Callable[[Path], Any]


# Where -----------------------------------------------------------------------------------------


def tracking_uri(workspace: Workspace) -> str:
    """`MLFLOW_TRACKING_URI`, or a SQLite file in the workspace."""
    default = f"sqlite:///{(workspace.reports / 'mlflow.db').resolve().as_posix()}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _quiet_environment() -> None:
    """Before MLflow is imported: it reports nothing to its makers, and gives up on a dead server
    in seconds instead of minutes."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
    }.items():
        os.environ.setdefault(name, value)


# What ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Material:
    """What a finished comparison left on disk.

    results : as in `results.json`. jobs : `{model, fold, seed, key, folder}`, finished ones.
    report : folder with `index.html` and `confusion/`, None before there is a report. bundle :
    folder with a folder per exported model, or None.
    """

    results: Mapping[str, Any]
    jobs: Sequence[Mapping[str, Any]]
    report: Path | None
    bundle: Path | None

    @property
    def comparison(self) -> str:
        """The key of the comparison; an export adds to a comparison and does not make another."""
        models = {
            n: {k: v for k, v in m.items() if k not in ("train_seconds", "export")}
            for n, m in self.results["models"].items()
        }
        return digest([{**self.results, "models": models}, [j["key"] for j in self.jobs]])

    @property
    def additions(self) -> str:
        """Hash of what may come later: the report and the bundle."""
        export = {n: m["export"] for n, m in self.results["models"].items()}
        files = []
        for folder in filter(None, (self.report, self.bundle)):
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                stat = path.stat()
                files.append([str(path), stat.st_size, stat.st_mtime_ns])
        return digest([export, files])


def material(context: Context) -> Material | None:
    """What the finished stages of a pipeline left; None before `compare` is done."""
    outputs = context.outputs
    if "compare" not in outputs or "train" not in outputs:
        return None
    latest = [outputs[n].path for n in ("export", "report", "compare") if n in outputs]

    def newest(name: str) -> Path | None:
        return next((folder for folder in latest if (folder / name).exists()), None)

    source = newest("results.json")
    assert source is not None
    records = json.loads((outputs["train"].path / "jobs.json").read_text(encoding="utf-8"))
    jobs = []
    for record in records:
        found = context.store.find("job", record["key"])
        if record["status"] == "done" and found is not None:
            jobs.append({**record, "folder": found.path})
    bundle = newest("bundle")
    return Material(
        results=json.loads((source / "results.json").read_text(encoding="utf-8")),
        jobs=jobs,
        report=newest("index.html"),
        bundle=bundle / "bundle" if bundle else None,
    )


# Sending ---------------------------------------------------------------------------------------


def track(
    context: Context, *, load_model: LoadModel | None = None, required: bool = False
) -> str | None:
    """Send a comparison to MLflow, if it is not there yet.

    Parameters
    ----------
    context : Context
        With the outputs of the stages that are done.
    load_model : callable, optional
        From the path of a saved model to a Keras model; without it no model is logged.
    required : bool
        Raise where the store cannot be reached. Otherwise it is a warning: results are on disk,
        and `har track` sends them later.

    Returns
    -------
    str or None
        What was done, in a line; None if there was nothing to do.

    Raises
    ------
    TrackingError
        If `required`, and there is nothing to send or nobody takes it.
    """
    found = material(context)
    if found is None:
        if required:
            raise TrackingError(
                f"Nothing stored for {context.pipeline.name} with these settings and this code. "
                f"Run: har run {context.pipeline.name}"
            )
        return None
    uri = tracking_uri(context.workspace)
    marker = _marker(context, uri)
    wanted = {"uri": uri, "comparison": found.comparison, "additions": found.additions}
    if _is_sent(marker, wanted, uri):
        return None
    begin = time.monotonic()
    try:
        with _one_at_a_time(context.workspace):
            run_id, added = _send(context, found, uri, load_model)
    except Exception as e:
        if not _is_trouble_of_the_store(e):
            raise
        message = (
            f"MLflow at {uri} did not take the results ({_first_line(e)}). They are kept in "
            f"{context.workspace.reports / context.pipeline.name}; when it is back, run: "
            f"har track {context.pipeline.name}"
        )
        if required:
            raise TrackingError(message) from e
        context.console.print(f"[yellow]Warning[/yellow]: {message}")
        return None
    replace_file(marker, json.dumps({**wanted, "run_id": run_id}, indent=1).encode())
    return f"{added} runs sent to MLflow ({uri}) in {time.monotonic() - begin:.0f} s"


def _marker(context: Context, uri: str) -> Path:
    name = digest([uri, context.pipeline.name])
    return context.workspace.cache / "tracked" / f"{name}.json"


def _is_sent(marker: Path, wanted: Mapping[str, str], uri: str) -> bool:
    """Whether all of it is there already, found out without MLflow."""
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    if {k: known.get(k) for k in wanted} != dict(wanted):
        return False
    file = _sqlite_file(uri)
    if file is None:
        return True
    if not file.is_file():
        return False
    try:  # a new file of that name does not have the run
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT 1 FROM runs WHERE run_uuid = ?", (known["run_id"],))
            return row.fetchone() is not None
    except sqlite3.Error:
        return False


@contextlib.contextmanager
def _one_at_a_time(workspace: Workspace) -> Iterator[None]:
    """Two processes that open a fresh SQLite store at once can crash each other."""
    workspace.cache.mkdir(parents=True, exist_ok=True)
    with (workspace.cache / ".tracking.lock").open("w") as handle:
        try:
            import fcntl
        except ImportError:  # Windows: one user, one run at a time
            yield
            return
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_trouble_of_the_store(error: Exception) -> bool:
    """A server that is down or a store that refuses; not a mistake in here."""
    names = {c.__module__.split(".")[0] for c in type(error).__mro__}
    return isinstance(error, OSError) or bool(
        names & {"mlflow", "requests", "urllib3", "sqlalchemy"}
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _send(
    context: Context, found: Material, uri: str, load_model: LoadModel | None
) -> tuple[str, int]:
    _quiet_environment()
    file = _sqlite_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    sender = _Sender(client, context, found, uri, _experiment(client, context, uri))
    return sender.send(load_model)


def _experiment(client: Any, context: Context, uri: str) -> str:
    name = context.pipeline.name
    known = client.get_experiment_by_name(name)
    if known is None:
        artifacts = (context.workspace.reports / "mlartifacts").resolve() / name
        location = artifacts.as_uri() if _sqlite_file(uri) else None
        # otherwise the pages open on tools for language models
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(client.create_experiment(name, artifact_location=location, tags=tags))
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return str(known.experiment_id)


class _Sender:
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
        parent, _ = self._run(self.key, self.results["pipeline"], "comparison", None, None)
        per_job = len(self.found.jobs) <= RUNS_PER_JOB_UP_TO
        for name in self.results["models"]:
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
            "har.data_fingerprint": self.results["data_fingerprint"],
            "har.config_key": self.results["config_key"],
            "har.code": self.results["code"],
            "mlflow.source.name": f"har run {self.results['pipeline']}",
            "mlflow.source.type": "LOCAL",
            "mlflow.user": _user(),
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
            split, training = r["config"]["split"], r["config"]["training"]
            params = {
                "dataset": r["dataset"],
                "n_subjects": len(r["subjects"]),
                "n_activities": len(r["activities"]),
                "n_windows": r["windows"]["kept"],
                "selected": r["selected"],
                "models": list(r["models"]),
                **{f"split.{k}": v for k, v in split.items()},
                **{f"training.{k}": v for k, v in training.items()},
                **{f"windows.{k}": v for k, v in r["config"]["windows"].items()},
            }
            best = r["models"].get(r["selected"] or "", {})
            names = ("macro_f1", "accuracy", "validation_macro_f1", "macro_f1_seed_sd")
            self._log(run, params, [(n, best.get(n), 0) for n in names], at)
            self.client.set_tag(
                run, "mlflow.note.content", "\n\n".join([*r["headline"], r["protocol"]])
            )
            self._dataset(run)
        done = self.known.get(self.key)
        additions = self.found.additions
        if done is None or done.data.tags.get("har.additions") != additions:
            if self.found.report is not None:
                self.client.log_artifact(run, str(self.found.report / "index.html"))
                if (pictures := self.found.report / "figures").is_dir():
                    self.client.log_artifacts(run, str(pictures), "figures")
            self.client.log_dict(run, dict(r), "results.json")
            self.client.set_tag(run, "har.additions", additions)
        self._finish(run, self.key)

    def _model(self, parent: str, name: str, per_job: bool, load_model: LoadModel | None) -> None:
        m = self.results["models"][name]
        jobs = [j for j in self.found.jobs if j["model"] == name]
        key = digest([self.key, name])
        tags = {"har.model": name, "har.selected": str(name == self.results["selected"])}
        run, done = self._run(key, name, "model", parent, None, tags)
        if not done:
            about = _read(jobs[0]["folder"] / "job.json") if jobs else {}
            params = {
                "model": about.get("name", name),
                "parameters": m["parameters"],
                "exportable": m["exportable"],
                **about.get("params", {}),
            }
            self._log(run, params, self._scores(m), self._time())
            self._confusion(run, name)
            if per_job:
                for job in jobs:
                    self._job(run, job)
            else:
                self._curves_as_file(run, jobs)
            self._dataset(run)
            if load_model is not None and name == self.results["selected"]:
                self._keras(run, name, jobs, load_model)
        self._export(run, key, name, m["export"])
        self._finish(run, key)

    def _scores(self, m: Mapping[str, Any]) -> list[tuple[str, Any, int]]:
        """Pooled scores under names that stay; the pages show a metric's last value, and make a
        section of what stands before a slash."""
        low, high = m["macro_f1_ci95"] or (None, None)
        out = [
            (n, m[n], 0)
            for n in (
                "macro_f1", "accuracy", "validation_macro_f1", "macro_f1_seed_sd",
                "macro_f1_subject_sd", "train_seconds",
            )
        ]  # fmt: skip
        out += [("macro_f1_ci95_low", low, 0), ("macro_f1_ci95_high", high, 0)]
        out.append(("failed_jobs", len(m["failed_jobs"]), 0))
        if m["per_class"]:
            for activity, f1 in zip(self.results["activities"], m["per_class"]["f1"], strict=True):
                out.append((f"f1/{_metric_name(activity)}", f1, 0))
        for i, (person, f1) in enumerate(m["per_subject"].items()):
            out.append(("subject_f1", f1, i))  # one chart: people along the steps
            out.append((f"subject_f1/{_metric_name(person)}", f1, 0))
        return out

    def _job(self, parent: str, job: Mapping[str, Any]) -> None:
        about = _read(job["folder"] / "job.json")
        history = _read(job["folder"] / "history.json")
        name = f"{job['model']} fold {job['fold']} seed {job['seed']}"
        key = digest([self.key, job["model"], job["fold"], job["seed"], job["key"]])
        end = (job["folder"] / "job.json").stat().st_mtime
        start = end - about["train_seconds"]
        tags = {"har.model": job["model"], "har.store_key": job["key"]}
        run, done = self._run(key, name, "job", parent, start, tags)
        if done:
            return
        params = {
            "model": about["name"], "fold": job["fold"], "seed": job["seed"],
            "n_test_subjects": len(about["test"]), "test": about["test"],
            "validation": about["validation"], **about["params"],
        }  # fmt: skip
        curves = [
            (name, value, step)
            for name in CURVES
            for step, value in enumerate(history.get(name, []), start=1)
        ]
        final = [
            ("train_seconds", about["train_seconds"], 0),
            ("epochs_run", about["epochs_run"], 0),
            ("best_epoch", about["best_epoch"], 0),
        ]
        self._log(run, params, curves + final, round(end * 1000))
        self._finish(run, key, end)

    def _curves_as_file(self, run: str, jobs: Sequence[Mapping[str, Any]]) -> None:
        rows = [
            {"fold": j["fold"], "seed": j["seed"], **_read(j["folder"] / "history.json")}
            for j in jobs
        ]
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
            name=r["dataset"],
            digest=r["data_fingerprint"],
            source_type="local",
            source=json.dumps({"uri": f"har ingest {r['pipeline']}"}),
            schema=json.dumps(schema),
            profile=json.dumps(
                {
                    "n_windows": r["windows"]["kept"],
                    "n_subjects": len(r["subjects"]),
                    "activities": r["activities"],
                }
            ),
        )
        tag = InputTag("mlflow.data.context", "subject folds")
        self.client.log_inputs(run, [DatasetInput(data, [tag])])

    def _keras(
        self, run: str, name: str, jobs: Sequence[Mapping[str, Any]], load_model: LoadModel
    ) -> None:
        """One model of the selected recipe, with its signature: that of the first fold and seed.

        It is the one whose score on its own unseen people stands beside it; what ships is in the
        bundle.
        """
        job = next((j for j in jobs if (j["folder"] / "model.keras").is_file()), None)
        if job is None or self.client.get_run(run).outputs.model_outputs:
            return
        import mlflow
        import numpy as np
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        model = load_model(job["folder"] / "model.keras")
        n_raw, channels = model.input_shape[1:]
        k = model.output_shape[-1]
        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype("float32"), (-1, n_raw, channels), "acceleration")]),
            outputs=Schema([TensorSpec(np.dtype("float32"), (-1, k), "probabilities")]),
        )
        versions = self.results["versions"]
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
                    "activities": self.results["activities"],
                    "fold": job["fold"],
                    "seed": job["seed"],
                    "load": "import har.models.layers before mlflow.keras.load_model",
                },
            )

    def _export(
        self, run: str, key: str, name: str, variants: Mapping[str, Mapping[str, Any]]
    ) -> None:
        folder = self.found.bundle and self.found.bundle / name
        if not variants or not folder or not folder.is_dir():
            return
        state = digest(variants)
        known = self.known.get(key)
        if known is not None and known.data.tags.get("har.export") == state:
            return
        at = self._time()
        metrics = [
            (f"export/{variant}.{n}", value, 0)
            for variant, entry in variants.items()
            for n, value in entry.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
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
        times = [(j["folder"] / "job.json").stat().st_mtime for j in self.found.jobs]
        return round(max(times, default=0.0) * 1000)


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


def _read(path: Path) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return out


def _tensor(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    signal, windows = results["config"]["signal"], results["config"]["windows"]
    n = round(windows["length_s"] * signal["rate_hz"])
    return [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, n, 3]}}]


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


def _metric_name(text: str) -> str:
    """MLflow takes letters, digits and `_-. :/` in names."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-. :/") else "_" for c in text)


# Looking ---------------------------------------------------------------------------------------


def ui(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    echo: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve MLflow's pages on a workspace's store until interrupted.

    Parameters
    ----------
    workspace : Workspace
    host : str
    port : int
    echo : callable
        Told where to look.

    Returns
    -------
    int
        The server's exit code; 0 when interrupted.

    Raises
    ------
    TrackingError
        If the store is a server (it has pages of its own), there is nothing in it yet, or the
        port is taken.
    """
    uri = tracking_uri(workspace)
    if uri.startswith(("http://", "https://", "databricks")):
        raise TrackingError(f"Results are tracked at {uri}, which has pages of its own: open it.")
    file = _sqlite_file(uri)
    if file is not None and not file.is_file():
        raise TrackingError(f"No tracked results at {file}. Run: har run")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as e:
            raise TrackingError(
                f"Cannot listen on {host}:{port} ({e.strerror}). Try: har ui --port {port + 1}"
            ) from e
    _quiet_environment()
    command = [
        sys.executable, "-m", "mlflow", "server",
        "--backend-store-uri", uri,
        "--default-artifact-root", (workspace.reports / "mlartifacts").resolve().as_uri(),
        "--host", host, "--port", str(port), "--workers", "1",
        "--uvicorn-opts", "--log-level warning",
    ]  # fmt: skip
    echo("Pages in a few seconds; Ctrl-C stops them.")
    for name, experiment in _experiments(file):
        echo(f"  {name}: {_address(host, port, experiment)}")
    try:
        env = {**os.environ, "PYTHONWARNINGS": "ignore"}  # of MLflow's own dependencies
        return subprocess.run(command, check=False, env=env).returncode
    except KeyboardInterrupt:
        return 0


def _experiments(file: Path | None) -> list[tuple[str, str]]:
    """Names and ids of the pipelines in a SQLite store."""
    if file is None:
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT name, experiment_id FROM experiments "
                "WHERE lifecycle_stage = 'active' AND experiment_id IN "
                "(SELECT experiment_id FROM runs) ORDER BY name"
            )
            return [(str(name), str(key)) for name, key in rows]
    except sqlite3.Error:
        return []


def _address(host: str, port: int, experiment: str) -> str:
    """Of an experiment's runs; MLflow otherwise opens on tools for language models."""
    return f"http://{host}:{port}/#/experiments/{experiment}/runs?workflowType=machine_learning"
