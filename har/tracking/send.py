"""What a comparison is in MLflow: a run for itself, for each model, for each fold and seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.evaluation.results import ModelScores
from har.files import digest
from har.tracking.client import Experiment, Metrics, Run
from har.tracking.material import Material
from har.training.job_files import MODEL, JobRecord, read_about

RUNS_PER_JOB_UP_TO = 200
"""With more jobs, their curves are artefacts of the model's run: the UI's charts take 500 runs."""
CURVES = ("loss", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
POOLED = {"macro_f1", "accuracy", "validation_macro_f1", "macro_f1_seed_sd"}
LoadModel = Callable[[Path], Any]


class Sender:
    """One comparison on its way to an experiment.

    `load_model` is from the path of a saved model to a Keras model; without it no model is logged.
    `added` counts the runs that were new.
    """

    def __init__(
        self, experiment: Experiment, found: Material, load_model: LoadModel | None
    ) -> None:
        self.experiment, self.found, self.load_model = experiment, found, load_model
        self.results = found.results
        self.key = found.comparison
        self.known = {
            run.tags["har.job_key"]: run for run in experiment.runs("har.comparison", self.key)
        }
        self.added = 0
        # of the newest job: a fixed stamp for what is not about a moment
        self.at_s = max((j.finished_at for j in found.jobs), default=0.0)

    def send(self) -> str:
        """Send what is not there yet; the id of the comparison's run."""
        parent = self._run(self.key, self.results.pipeline, {"har.kind": "comparison"})
        for name in self.results.models:
            self._model(parent, name)
        self._comparison(parent)
        return parent.id

    def _run(
        self, key: str, name: str, tags: Mapping[str, str], *, parent: Run | None = None,
        start_s: float | None = None,
    ) -> Run:  # fmt: skip
        """The run of that key, which is made if it is not there."""
        if key in self.known:
            return self.known[key]
        self.added += 1
        tags = {
            "har.comparison": self.key,
            "har.job_key": key,
            "har.data_fingerprint": self.results.data_fingerprint,
            "har.config_key": self.results.config_key,
            "har.code": self.results.code,
            "mlflow.source.name": f"har run {self.results.pipeline}",
            "mlflow.source.type": "LOCAL",
            **({} if parent is None else {"mlflow.parentRunId": parent.id}),
            **tags,
        }
        return self.experiment.start(name, tags, start_s)

    # The three levels

    def _comparison(self, run: Run) -> None:
        r = self.results
        if not run.finished:
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
            run.log(params, best.model_dump(include=POOLED) if best else {}, self.at_s)
            run.tag("mlflow.note.content", "\n\n".join([*r.headline, r.protocol]))
            self._dataset(run)
        additions = self.found.additions
        if run.tags.get("har.additions") != additions:
            if self.found.report is not None:
                run.attach(self.found.report / "index.html")
                if (pictures := self.found.report / "figures").is_dir():
                    run.attach(pictures, "figures")
            run.attach_json(r.as_json(), "results.json")
            run.tag("har.additions", additions)
        run.finish()

    def _model(self, parent: Run, name: str) -> None:
        m = self.results.models[name]
        jobs = [j for j in self.found.jobs if j.model == name]
        selected = name == self.results.selected
        tags = {"har.kind": "model", "har.model": name, "har.selected": str(selected)}
        run = self._run(digest([self.key, name]), name, tags, parent=parent)
        if not run.finished:
            about = read_about(jobs[0].path) if jobs else None
            params = {
                "model": about.name if about else name,
                "parameters": m.parameters,
                "exportable": m.exportable,
                **(about.params if about else {}),
            }
            run.log(params, self._scores(m), self.at_s)
            self._confusion(run, name)
            if len(self.found.jobs) <= RUNS_PER_JOB_UP_TO:
                for job in jobs:
                    self._job(run, job)
            else:
                rows = [{"fold": j.fold, "seed": j.seed, **j.read().history} for j in jobs]
                run.attach_json({"jobs": rows}, "curves.json")
            self._dataset(run)
            if selected:
                self._keras(run, name, jobs)
        self._export(run, name, m)
        run.finish()

    def _job(self, parent: Run, job: JobRecord) -> None:
        stored = job.read()
        about = stored.about
        name = f"{job.model} fold {job.fold} seed {job.seed}"
        key = digest([self.key, job.model, job.fold, job.seed, job.key])
        tags = {"har.kind": "job", "har.model": job.model, "har.store_key": job.key}
        end_s = job.finished_at
        run = self._run(key, name, tags, parent=parent, start_s=end_s - about.train_seconds)
        if run.finished:
            return
        params = {
            "model": about.name, "fold": job.fold, "seed": job.seed,
            "n_test_subjects": len(about.test), "test": about.test,
            "validation": about.validation, **about.params,
        }  # fmt: skip
        curves = {n: dict(enumerate(stored.history.get(n, []), start=1)) for n in CURVES}
        final = about.model_dump(include={"train_seconds", "epochs_run", "best_epoch"})
        run.log(params, curves | final, end_s)
        run.finish(end_s)

    # Things that hang on a run

    def _scores(self, m: ModelScores) -> Metrics:
        """Pooled scores under names that stay; the pages show a metric's last value, and make a
        section of what stands before a slash."""
        low, high = m.macro_f1_ci95 or (None, None)
        of_class = zip(self.results.activities, m.per_class.f1, strict=True) if m.per_class else ()
        return {
            **m.model_dump(include={*POOLED, "macro_f1_subject_sd", "train_seconds"}),
            "macro_f1_ci95_low": low,
            "macro_f1_ci95_high": high,
            "failed_jobs": len(m.failed_jobs),
            **{f"f1/{name}": f1 for name, f1 in of_class},
            "subject_f1": dict(enumerate(m.per_subject.values())),  # one chart: people as steps
            **{f"subject_f1/{person}": f1 for person, f1 in m.per_subject.items()},
        }

    def _confusion(self, run: Run, name: str) -> None:
        path = self.found.report and self.found.report / "confusion" / f"{name}.png"
        if path and path.is_file():
            run.show(path, "confusion", self.at_s)
            run.attach(path, "figures")

    def _dataset(self, run: Run) -> None:
        r = self.results
        run.dataset(
            r.dataset,
            r.data_fingerprint,
            source=f"har ingest {r.pipeline}",
            split=r.config.split.scheme,
            shape=(-1, round(r.config.windows.length_s * r.config.signal.rate_hz), 3),
            profile={
                "n_windows": r.windows.kept,
                "n_subjects": len(r.subjects),
                "activities": r.activities,
            },
        )

    def _keras(self, run: Run, name: str, jobs: Sequence[JobRecord]) -> None:
        """One model of the selected recipe, with its signature: that of the first fold and seed.

        It is the one whose score on its own unseen people stands beside it; what ships is in the
        bundle.
        """
        job = next((j for j in jobs if (j.path / MODEL).is_file()), None)
        if self.load_model is None or job is None or run.has_model:
            return
        run.model(
            name,
            self.load_model(job.path / MODEL),
            requirements=[f"{n}=={self.results.versions[n]}" for n in ("keras", "tensorflow")],
            metadata={
                "unit": "m/s2",
                "activities": self.results.activities,
                "fold": job.fold,
                "seed": job.seed,
                "load": "import har.models.layers before mlflow.keras.load_model",
            },
        )

    def _export(self, run: Run, name: str, m: ModelScores) -> None:
        folder = self.found.bundle and self.found.bundle / name
        if not m.export or not folder or not folder.is_dir():
            return
        state = digest(m.as_json()["export"])
        if run.tags.get("har.export") == state:
            return
        metrics = {f"export/{v}.{n}": x for v, entry in m.variants.items() for n, x in entry}
        run.log({}, metrics, self.at_s)
        run.attach(folder, "bundle")
        run.tag("har.export", state)
