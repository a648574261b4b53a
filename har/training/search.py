"""Better parameters of one model, by Optuna, from validation people alone.

A trial is a set of parameters, scored fold after fold (or, where there is one fold, seed after
seed) on the people who validate there; after each, one whose mean is below the median of the others
so far is given up. No test window is in any job, and what is stored has no prediction of one.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import yaml

from har.code import code_version
from har.config import ModelConfig, Pipeline
from har.errors import ConfigError, TrainingError
from har.fanout import Crew
from har.files import digest
from har.models import registry
from har.models.ranges import Space, Value
from har.signal import window_files
from har.signal.windows import Windows
from har.store import Output, Store
from har.training import spaces
from har.training.job import Task
from har.training.run import run_tasks
from har.training.splits import Split, make
from har.training.tasks import TaskMaker
from har.workspace import Workspace

STARTUP = 4
"""Trials that are finished whatever they look like, so that there is a median."""


@dataclass(frozen=True)
class Found:
    """What a search came to.

    `first` is the score of the pipeline's own parameters, None if they were not finished;
    `steps` how many folds (or seeds) a score is the mean of.
    """

    model: ModelConfig
    training: dict[str, Any]
    score: float
    first: float | None
    trial: int
    finished: int
    pruned: int
    failed: int
    steps: int

    def as_yaml(self) -> str:
        """For the pipeline file."""
        entry: dict[str, Any] = {"name": self.model.name, "params": dict(self.model.params)}
        if self.model.label:
            entry["label"] = self.model.label
        parts: dict[str, Any] = {"models": [entry]}
        if self.training:
            parts["training"] = self.training
        return yaml.safe_dump(parts, sort_keys=False, default_flow_style=None, width=100)

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "model": self.model.model_dump()}


def require() -> None:
    """Refuse to begin without Optuna, with the command that installs it."""
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(
            "har search needs optuna, which this installation does not have. "
            "Run: pip install 'har-accelerometer[search]'"
        )


@dataclass(frozen=True)
class Question:
    """What a search asks.

    model : the pipeline's, whose values are the first trial. tasks : with the pipeline's recipe,
    which trials change. rungs : (fold, seed) in the order in which a trial climbs them.
    """

    model: ModelConfig
    space: Space
    tasks: TaskMaker
    rungs: list[tuple[Split, int]]

    def task(self, values: dict[str, Value], step: int) -> Task:
        """Of a trial's values on a rung; steps count from 1."""
        split, seed = self.rungs[step - 1]
        model, changes = spaces.apply(self.model, values)
        maker = replace(self.tasks, training=spaces.recipe(self.tasks.training, changes))
        return maker.trial(model, split, fold=step - 1, seed=seed)


def search(
    pipeline: Pipeline,
    name: str | None,
    *,
    prepared: Output,
    workspace: Workspace,
    crew: Crew,
    trials: int,
    seed: int = 0,
) -> Found:
    """Search until there are so many trials, those of earlier runs included.

    Parameters
    ----------
    pipeline : Pipeline
    name : str, optional
        A model of the pipeline by its name in the results, or of the registry; the pipeline's
        first one if left out.
    prepared : Output
        Of `prepare`.
    workspace : Workspace
        Trials are kept in `reports/search.db`.
    crew : Crew
    trials : int
    seed : int
        Of the search itself; each fit has the pipeline's.

    Raises
    ------
    ConfigError
        For a model without a search space, or without Optuna.
    TrainingError
        If no trial was finished.
    """
    require()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    model = _model(pipeline, name)
    registry.get(model.name).require()
    windows = window_files.load(prepared.path)
    question = Question(
        model,
        spaces.space(model.name),
        TaskMaker(prepared, Store(workspace.cache), pipeline.training),
        _rungs(windows, pipeline),
    )
    study = _study(question, pipeline, workspace, seed)
    _carry_on(study)
    while (done := len(_of_state(study, "COMPLETE", "PRUNED"))) < trials:
        failed = _of_state(study, "FAIL")
        if len(failed) > trials:
            reason = failed[-1].user_attrs.get("reason")
            raise TrainingError(f"{len(failed)} trials failed; the last: {reason}")
        together = [study.ask() for _ in range(min(crew.jobs, trials - done))]
        _race(study, together, question, windows.labels, crew)
    return _found(study, question)


def _found(study: Any, question: Question) -> Found:
    complete = _of_state(study, "COMPLETE")
    if not complete:
        raise TrainingError("No trial was finished. Raise --trials.")
    best = study.best_trial
    model, training = spaces.apply(question.model, best.user_attrs["values"])
    own = [t for t in complete if t.number == 0]
    return Found(
        model=model,
        training=training,
        score=float(best.value),
        first=float(own[0].value) if own else None,
        trial=best.number,
        finished=len(complete),
        pruned=len(_of_state(study, "PRUNED")),
        failed=len(_of_state(study, "FAIL")),
        steps=len(question.rungs),
    )


def _model(pipeline: Pipeline, name: str | None) -> ModelConfig:
    for model in pipeline.models:
        if name in (None, model.key, model.name):
            return model
    return ModelConfig(name=registry.get(str(name)).name)


def _rungs(windows: Windows, pipeline: Pipeline) -> list[tuple[Split, int]]:
    folds = make(windows, pipeline.split)
    seeds = pipeline.training.seeds if len(folds) == 1 else pipeline.training.seeds[:1]
    return [(fold, seed) for seed in seeds for fold in folds]


def _study(question: Question, pipeline: Pipeline, workspace: Workspace, seed: int) -> Any:
    """Trials of one question, kept in the workspace; the first has the pipeline's own values."""
    import optuna

    model = question.model
    key = digest(
        {
            "model": model.model_dump(exclude={"label"}),
            "training": pipeline.training.model_dump(),
            "split": pipeline.split.model_dump(),
            "prepare": question.tasks.prepared.fingerprint,
            "space": {name: repr(r) for name, r in question.space.items()},
            "seed": seed,
            "code": code_version("har.training.job", registry.get(model.name).module),
        },
        8,
    )
    path = workspace.reports / "search.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{path.resolve()}"
    name = f"{pipeline.name}/{model.key}/{key}"
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
    )
    trials = len(study.trials)
    # Another state after each resumption: the same draws again would be of no use.
    study.sampler = optuna.samplers.TPESampler(
        seed=seed + trials, n_startup_trials=8, multivariate=False, constant_liar=True
    )
    if not trials:
        study.enqueue_trial(spaces.own_values(model, pipeline.training, question.space))
    return study


def _carry_on(study: Any) -> None:
    """Trials that were cut off begin again; their finished folds are stored."""
    from optuna.trial import TrialState

    for trial in _of_state(study, "RUNNING"):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)


def _of_state(study: Any, *states: str) -> list[Any]:
    return [t for t in study.trials if t.state.name in states]


def _race(
    study: Any, trials: list[Any], question: Question, labels: np.ndarray, crew: Crew
) -> None:
    """A few trials side by side, rung by rung."""
    from optuna.trial import TrialState

    for trial in trials:
        values = {name: spaces.suggest(trial, name, r) for name, r in question.space.items()}
        trial.set_user_attr("values", values)
    scores: dict[int, list[float]] = {t.number: [] for t in trials}
    alive = list(trials)
    steps = len(question.rungs)
    for step in range(1, steps + 1):
        jobs = run_tasks([question.task(t.user_attrs["values"], step) for t in alive], crew)
        for trial, job in zip(list(alive), jobs, strict=True):
            if job.folder is None:
                trial.set_user_attr("reason", job.reason)
                study.tell(trial, state=TrialState.FAIL)
                alive.remove(trial)
                continue
            scores[trial.number].append(job.read().validation_macro_f1(labels))
            mean = float(np.mean(scores[trial.number]))
            trial.report(mean, step)
            if step < steps and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                alive.remove(trial)
                crew.console.print(
                    f"  trial {trial.number}: {mean:.4f}, given up after {step} of {steps}"
                )
    for trial in alive:
        value = float(np.mean(scores[trial.number]))
        study.tell(trial, value)
        crew.console.print(f"  trial {trial.number}: {value:.4f}")
