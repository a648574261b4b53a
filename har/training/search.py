"""Better parameters of one model, by Optuna, from validation people alone.

A trial is a set of parameters, scored fold after fold (or, where there is one fold, seed after
seed) on the people who validate there; after each, one whose mean is below the median of the others
so far is given up. No test window is in any job, and what is stored has no prediction of one.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from har.code import code_version
from har.config import ModelConfig, Pipeline
from har.errors import ConfigError, TrainingError
from har.files import digest
from har.models import registry
from har.signal import window_files
from har.signal.windows import Windows
from har.stages import Context
from har.training import spaces, splits
from har.training.job import Job, Task
from har.training.run import run_tasks

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

    def as_text(self) -> str:
        began = "" if self.first is None else f"; the pipeline's own parameters: {self.first:.4f}"
        return (
            f"# {self.model.key}: validation macro-F1 {self.score:.4f}, mean of {self.steps} "
            f"(trial {self.trial}{began})\n"
            f"# {self.finished} trials finished, {self.pruned} given up early, "
            f"{self.failed} failed\n"
            "# The best of many is flattered by its luck, and its validation people chose it:\n"
            "# quote its score on people who took no part, as split.exclude keeps them.\n"
            + self.as_yaml()
        )

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "model": self.model.model_dump()}


def require() -> None:
    """Refuse to begin without Optuna.

    Raises
    ------
    ConfigError
        With the command that installs it.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(
            "har search needs optuna, which this installation does not have. "
            "Run: pip install 'har-accelerometer[search]'"
        )


def search(context: Context, name: str | None, *, trials: int, seed: int = 0) -> Found:
    """Search until there are so many trials, those of earlier runs included.

    Parameters
    ----------
    context : Context
        With the output of `prepare`.
    name : str, optional
        A model of the pipeline by its name in the results, or of the registry; the pipeline's
        first one if left out.
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
    base = _model(context.pipeline, name)
    spec = registry.get(base.name)
    spec.require()
    space = spaces.space(base.name, by_epochs=spec.by_epochs)
    windows = window_files.load(context.outputs["prepare"].path)
    rungs = _rungs(windows, context.pipeline)
    study = _study(context, base, space, seed)
    _carry_on(study)
    while (done := _count(study, "COMPLETE") + _count(study, "PRUNED")) < trials:
        failed = _count(study, "FAIL")
        if failed > trials:
            raise TrainingError(f"{failed} trials failed; the last: {_last_reason(study)}")
        together = [study.ask() for _ in range(min(context.jobs, trials - done))]
        _race(context, study, together, base, space, windows, rungs)
    complete = [t for t in study.trials if t.state.name == "COMPLETE"]
    if not complete:
        raise TrainingError("No trial was finished. Raise --trials.")
    best = study.best_trial
    model, training = _apply(base, best.user_attrs["values"])
    own = [t for t in complete if t.number == 0]
    return Found(
        model=model,
        training=training,
        score=float(best.value),
        first=float(own[0].value) if own else None,
        trial=best.number,
        finished=len(complete),
        pruned=_count(study, "PRUNED"),
        failed=_count(study, "FAIL"),
        steps=len(rungs),
    )


def _model(pipeline: Pipeline, name: str | None) -> ModelConfig:
    if name is None:
        return pipeline.models[0]
    found = [m for m in pipeline.models if name in (m.key, m.name)]
    if found:
        return found[0]
    registry.get(name)  # refuses an unknown one
    return ModelConfig(name=name)


def _rungs(windows: Windows, pipeline: Pipeline) -> list[tuple[splits.Split, int]]:
    """(fold, seed) in the order in which a trial climbs them."""
    folds = splits.make(windows, pipeline.split)
    seeds = pipeline.training.seeds if len(folds) == 1 else pipeline.training.seeds[:1]
    return [(fold, seed) for seed in seeds for fold in folds]


# The study ---------------------------------------------------------------------------------------


def _study(context: Context, base: ModelConfig, space: dict[str, spaces.Range], seed: int) -> Any:
    """Trials of one question, kept in the workspace; the first has the pipeline's own values."""
    import optuna

    pipeline = context.pipeline
    question = digest(
        {
            "model": base.model_dump(exclude={"label"}),
            "training": pipeline.training.model_dump(),
            "split": pipeline.split.model_dump(),
            "prepare": context.outputs["prepare"].fingerprint,
            "space": {name: repr(r) for name, r in space.items()},
            "seed": seed,
            "code": code_version("har.training.job", registry.get(base.name).module),
        },
        8,
    )
    path = context.workspace.reports / "search.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{path.resolve()}"
    name = f"{pipeline.name}/{base.key}/{question}"
    known = {s.study_name for s in optuna.get_all_study_summaries(storage)}
    trials = 0
    if name in known:
        trials = len(optuna.load_study(study_name=name, storage=storage).trials)
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        # Another state after each resumption: the same draws again would be of no use.
        sampler=optuna.samplers.TPESampler(
            seed=seed + trials, n_startup_trials=8, multivariate=False, constant_liar=True
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
    )
    if name not in known:
        own = {
            **{f"model.{k}": v for k, v in registry.get(base.name).resolve(base.params).items()},
            **{f"training.{k}": v for k, v in _flat(pipeline.training.model_dump()).items()},
        }
        study.enqueue_trial({k: own[k] for k, r in space.items() if r.has(own[k])})
    return study


def _flat(training: dict[str, Any]) -> dict[str, Any]:
    augment = training.pop("augment")
    return {**training, **{f"augment.{k}": v for k, v in augment.items()}}


def _carry_on(study: Any) -> None:
    """Trials that were cut off begin again; their finished folds are stored."""
    from optuna.trial import TrialState

    for trial in study.trials:
        if trial.state is TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)


def _count(study: Any, state: str) -> int:
    return sum(t.state.name == state for t in study.trials)


def _last_reason(study: Any) -> str:
    return str([t.user_attrs.get("reason") for t in study.trials if t.state.name == "FAIL"][-1])


# Trials ------------------------------------------------------------------------------------------


def _race(
    context: Context,
    study: Any,
    trials: list[Any],
    base: ModelConfig,
    space: dict[str, spaces.Range],
    windows: Windows,
    rungs: list[tuple[splits.Split, int]],
) -> None:
    """A few trials side by side, rung by rung."""
    from optuna.trial import TrialState

    for trial in trials:
        trial.set_user_attr("values", {n: r.suggest(trial, n) for n, r in space.items()})
    scores: dict[int, list[float]] = {t.number: [] for t in trials}
    alive = list(trials)
    for step, (fold, seed) in enumerate(rungs, start=1):
        tasks = [_task(context, base, t.user_attrs["values"], fold, seed, step) for t in alive]
        failed = run_tasks(tasks, jobs=context.jobs, console=context.console, dask=context.dask)
        for i, (trial, task) in enumerate(zip(list(alive), tasks, strict=True)):
            if i in failed:
                trial.set_user_attr("reason", failed[i])
                study.tell(trial, state=TrialState.FAIL)
                alive.remove(trial)
                continue
            scores[trial.number].append(_score(task, windows))
            mean = float(np.mean(scores[trial.number]))
            trial.report(mean, step)
            if step < len(rungs) and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                alive.remove(trial)
                context.console.print(
                    f"  trial {trial.number}: {mean:.4f}, given up after {step} of {len(rungs)}"
                )
    for trial in alive:
        value = float(np.mean(scores[trial.number]))
        study.tell(trial, value)
        context.console.print(f"  trial {trial.number}: {value:.4f}")


def _task(
    context: Context,
    base: ModelConfig,
    values: dict[str, Any],
    fold: splits.Split,
    seed: int,
    step: int,
) -> Task:
    model, training = _apply(base, values)
    whole = context.pipeline.training.model_dump()
    # Scored on validation people, who are not to train.
    augment = {**whole["augment"], **training.get("augment", {})}
    whole |= {"refit": False, **training, "augment": augment}
    prepared = context.outputs["prepare"]
    return Task(
        job=Job(model, step - 1, seed),
        training=type(context.pipeline.training).model_validate(whole),
        train=fold.train,
        validation=fold.validation,
        test=np.empty(0, np.int64),  # whoever is tested is nobody's business here
        prepared=prepared.path,
        prepared_fingerprint=prepared.fingerprint,
        store=context.store.root,
    )


def _apply(base: ModelConfig, values: dict[str, Any]) -> tuple[ModelConfig, dict[str, Any]]:
    """A trial's values as a model and as what it changes of `training`."""
    params: dict[str, Any] = dict(base.params)
    training: dict[str, Any] = {}
    for name, value in values.items():
        part, _, key = name.partition(".")
        if part == "model":
            params[key] = value
        elif key.startswith("augment."):
            training.setdefault("augment", {})[key.removeprefix("augment.")] = value
        else:
            training[key] = value
    return base.model_copy(update={"params": params}), training


def _score(task: Task, windows: Windows) -> float:
    """Macro-F1 over the classes that the validation people performed."""
    from sklearn.metrics import f1_score

    output = task.find()
    if output is None:
        raise TrainingError(f"{task.job} left no result. Run again.")
    with np.load(output.path / "predictions.npz", allow_pickle=False) as z:
        guess = z["validation_probabilities"].argmax(axis=1)
    true = windows.labels[task.validation]
    return float(f1_score(true, guess, labels=np.unique(true), average="macro", zero_division=0))
