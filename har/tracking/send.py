"""What a comparison is in MLflow: a run for itself, for each model, for each fold and seed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

import numpy as np

from har.evaluation import metrics
from har.evaluation.results import ModelScores
from har.files import digest
from har.runtime.bundle import Bundle
from har.tracking import differences, view
from har.tracking.client import Experiment, Metrics, Run
from har.tracking.material import Material
from har.training.job_files import JobRecord, StoredJob, read_about

RUNS_PER_JOB_UP_TO = 200
"""With more jobs, their curves are artefacts of the model's run: the UI's charts take 500 runs."""
CURVES = ("loss", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
FOLDS_SHOWN = 5
"""So many folds have a curve each in the picture of all models; of more, their mean is shown."""
POOLED = {
    "macro_f1", "accuracy", "validation_macro_f1", "macro_f1_seed_sd", "macro_f1_subject_sd",
    "fold_macro_f1", "parameters", "train_seconds",
}  # fmt: skip
LOADED_BY = "import har.models.layers, keras; keras.saving.load_model({name!r}, compile=False)"


class Sender:
    """One comparison on its way to an experiment; `added` counts the runs that were new."""

    def __init__(self, experiment: Experiment, found: Material) -> None:
        self.experiment, self.found = experiment, found
        self.results = found.results
        self.key = found.comparison
        self.known = {
            run.tags["har.job_key"]: run for run in experiment.runs("har.comparison", self.key)
        }
        self.added = 0
        # of the newest job: a fixed stamp for what is not about a moment
        self.at_s = max((j.finished_at for j in found.jobs), default=0.0)
        self.differs = ""

    def send(self) -> str:
        """Send what is not there yet; the id of the comparison's run."""
        parent = self._parent()
        for name in self.results.models:
            self._model(parent, name)
        self._comparison(parent)
        curves = sorted({c for j in self.found.jobs for c in self._curves(j.model, [j.read()])})
        self.experiment.tag(view.TAG + view.key_of(self.key), view.state(self.key, curves))
        return parent.id

    def _parent(self) -> Run:
        """The comparison's own run; its name says what no earlier one of the pipeline had."""
        r = self.results
        config = json.dumps(differences.flat(r.config.model_dump(mode="json")))
        others = [
            json.loads(run.tags["har.config"])
            for run in self.experiment.runs("har.kind", "comparison")
            if run.id != (self.known[self.key].id if self.key in self.known else None)
            and "har.config" in run.tags
        ]
        if self.key in self.known:
            self.differs = self.known[self.key].tags.get("har.differs", "")
        elif others:
            self.differs = differences.said(others[-1], json.loads(config))
        name = " · ".join(filter(None, [r.pipeline, self.differs]))
        tags = {"har.kind": "comparison", "har.config": config, "har.differs": self.differs}
        seconds = sum(m.train_seconds for m in r.models.values())
        return self._run(self.key, name, tags, start_s=self.at_s - seconds)

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
        run.finish(self.at_s)

    def _model(self, parent: Run, name: str) -> None:
        m = self.results.models[name]
        jobs = [j for j in self.found.jobs if j.model == name]
        selected = name == self.results.selected
        tags = {"har.kind": "model", "har.model": name, "har.selected": str(selected)}
        run = self._run(
            digest([self.key, name]),
            " · ".join(filter(None, [name, self.differs])),
            tags,
            parent=parent,
            start_s=self.at_s - m.train_seconds,
        )
        if not run.finished:
            about = read_about(jobs[0].path) if jobs else None
            params = {
                "model": about.name if about else name,
                "parameters": m.parameters,
                "exportable": m.exportable,
                **(about.params if about else {}),
            }
            curves = self._curves(name, [job.read() for job in jobs])
            run.log(params, {**self._scores(m), **curves}, self.at_s)
            run.tag("mlflow.note.content", self._note(name, m))
            self._tables(run, m)
            self._confusion(run, name, m)
            if len(self.found.jobs) <= RUNS_PER_JOB_UP_TO:
                for job in jobs:
                    self._job(run, job)
            else:
                rows = [{"fold": j.fold, "seed": j.seed, **j.read().history} for j in jobs]
                run.attach_json({"jobs": rows}, "curves.json")
            self._dataset(run)
        self._cost(run, m)
        self._export(run, name, m)
        run.finish(self.at_s)

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
        run.log(params, curves | final | self._tested(stored), end_s)
        who = ", ".join(about.test)
        run.tag("mlflow.note.content", f"{name}: macro_f1 and accuracy are of {who}, held out.")
        run.finish(end_s)

    def _tested(self, job: StoredJob) -> dict[str, float]:
        """Scores of a job on the people whom it tests, together."""
        index, probabilities = job.predictions.of("test")
        k = len(self.results.activities)
        truth, said = self.found.labels[index], probabilities.argmax(axis=1)
        confusion = np.bincount(truth * k + said, minlength=k * k).reshape(k, k)
        return {
            "macro_f1": float(metrics.macro_f1(confusion)),
            "accuracy": float(metrics.accuracy(confusion)),
        }

    # Things that hang on a run

    def _scores(self, m: ModelScores) -> Metrics:
        """Pooled scores under names that stay, in the digits that a table has room for."""
        low, high = m.macro_f1_ci95 or (None, None)
        scores = {
            **m.model_dump(include=POOLED),
            "macro_f1_ci95_low": low,
            "macro_f1_ci95_high": high,
            "failed_jobs": len(m.failed_jobs),
        }
        return {name: value and round(value, 4) for name, value in scores.items()}

    def _curves(self, name: str, jobs: Sequence[StoredJob]) -> dict[str, Mapping[int, float]]:
        """Validation macro-F1 by epoch: of each fold with the first seed, or the mean of many."""
        first = min((j.seed for j in jobs), default=0)
        folds = len({j.fold for j in self.found.jobs if j.model == name})
        found: dict[str, dict[int, list[float]]] = {}
        for job in jobs:
            if job.seed != first:
                continue
            label = f"val_macro_f1/fold {job.fold}" if folds <= FOLDS_SHOWN else "val_macro_f1"
            for epoch, value in enumerate(job.history.get("val_macro_f1", []), start=1):
                found.setdefault(label, {}).setdefault(epoch, []).append(value)
        return {
            label: {epoch: float(np.mean(values)) for epoch, values in by_epoch.items()}
            for label, by_epoch in found.items()
        }

    def _tables(self, run: Run, m: ModelScores) -> None:
        """Scores by activity and by person."""
        if m.per_class is not None:
            by_class = {"activity": self.results.activities, **m.per_class.model_dump()}
            run.table(by_class, "per_class.json")
        people: dict[str, Sequence[object]]
        people = {"person": [*m.per_subject], "macro_f1": [*m.per_subject.values()]}
        run.table(people, "per_person.json")

    def _note(self, name: str, m: ModelScores) -> str:
        """A run's description."""
        if m.macro_f1 is None:
            return f"{name}: not every fold of a seed was finished."
        low, high = m.macro_f1_ci95 or (float("nan"), float("nan"))
        interval = f" (95 % over people {low:.3f} to {high:.3f})" if m.macro_f1_ci95 else ""
        return (
            f"{name} on the held-out people of {self.results.dataset}: macro-F1 {m.macro_f1:.3f}"
            f"{interval}, accuracy {m.accuracy:.3f}. Tables: `per_class.json`, `per_person.json`."
        )

    def _confusion(self, run: Run, name: str, m: ModelScores) -> None:
        """Under the same name in every run, which the pages set side by side."""
        if m.confusion is not None:
            rows = {"activities": self.results.activities, "rows_are_true": m.confusion}
            run.attach_json(rows, "confusion.json")
        path = self.found.report and self.found.report / "confusion" / f"{name}.png"
        if path and path.is_file():
            run.show(path, "confusion", self.at_s)
            run.attach_as(path, "figures/confusion.png")

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

    def _cost(self, run: Run, m: ModelScores) -> None:
        """Known after an export, of every model that could be one."""
        if (cost := m.measured) and run.tags.get("har.cost") != (state := digest(vars(cost))):
            # Of one moment, MLflow would show the greatest of several values, not the last.
            run.log({}, {"bytes": cost.bytes, "ms": cost.latency_ms_p50}, time.time())
            run.tag("har.cost", state)

    def _export(self, run: Run, name: str, m: ModelScores) -> None:
        """The bundle and, as a model that can be loaded and served, what is in it."""
        folder = self.found.bundle and self.found.bundle / name
        if not m.export or not folder or not folder.is_dir():
            return
        state = digest(m.as_json()["export"])
        if run.tags.get("har.export") == state:
            return
        run.attach(folder, "bundle")
        for number, path in enumerate(self.found.keras.get(name, ())):
            file = f"final-{number}.keras"
            run.attach_as(path, f"keras/{file}")
            run.attach_text(LOADED_BY.format(name=file) + "\n", "keras/README.txt")
        run.model(name, Bundle.open(folder), champion=name == self.results.selected)
        run.tag("har.export", state)
