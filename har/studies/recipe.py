"""`har study recipe`: does a change of the training recipe help people who did not train?

Only validation people are looked at: what a recipe is chosen by must not be what it is scored on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from har import pipeline_file, session
from har.config import Pipeline
from har.errors import ConfigError
from har.evaluation import metrics, scoring, statistics
from har.evaluation.numerals import signed, signed_interval
from har.fanout import Crew
from har.models import registry
from har.report.figures import Ink, blank
from har.signal import window_files
from har.studies import disturbances
from har.studies.answer import Outcome
from har.studies.disturbances import UNCHANGED, Change, Disturbance
from har.training.job_files import Trained
from har.workspace import Workspace

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run(
    base: Pipeline,
    changes: Sequence[str],
    disturb: str | None = None,
    *,
    workspace: Workspace,
    crew: Crew,
) -> Outcome:
    """Train a pipeline as it is and with each change, and compare on validation people.

    Nothing of it is published.

    Parameters
    ----------
    base : Pipeline
    changes : sequence of str
        `training.label_smoothing=0.1`, `models.channels=vertical`; several values of one change
        are joined by semicolons. `NAME: ` before it is what it is called.
    disturb : str, optional
        How validation people's windows are disturbed before they are scored, as of
        `har.studies.disturbances.parse`: what augmentation is for may not show on windows as they
        are.

    Raises
    ------
    ConfigError
        If a change is of something else than training or a parameter that a model has, or
        `disturb` is nothing that is known.
    TrainingError
        If a job failed, or a model that cannot be asked again is to be asked about other windows.
    """
    arms = {None: base} | {name: changed(base, of) for name, of in map(_named, changes)}
    disturbance = disturbances.parse(disturb) if disturb else None
    data: list[dict[str, Any]] = []
    plain: dict[str, dict[str, np.ndarray]] = {}
    for change, arm in arms.items():
        found, n_windows = _validation(arm, disturbance, workspace, crew)
        plain = plain or found
        for model, by_person in found.items():
            row = {"change": change, "model": model, **_means(by_person)}
            data.append(row | (_difference(by_person, plain[model]) if change else {}))
    name, people = base.name, len(next(iter(plain.values())))
    seeds = ", ".join(map(str, base.training.seeds))
    said = (
        f"Where they are scored, their windows are {disturbance}; where the epoch is chosen, "
        "they are as recorded. "
    )
    return Outcome(
        study="recipe-disturbed" if disturbance else "recipe",
        pipeline=name,
        title=f"{name}: changes of the training recipe"
        + (f", on windows {disturbance}" if disturbance else ""),
        says=[_says(data)],
        head=(
            "change",
            "model",
            "validation macro-F1",
            "difference",
            "95 % over people",
            "verdict",
            "accuracy",
        ),
        rows=[_row(d) for d in data],
        protocol=(
            f"Each change is made alone, to the recipe of the pipeline {name}; folds, people, "
            f"windows, seeds ({seeds}) and the rest are equal. Scores are of {people} validation "
            "people, on whom only the epoch of a job is chosen; no test score is used. "
            f"{said if disturbance else ''}A person's macro-F1 is the mean over the seeds and the "
            "folds in which that person validates; the difference, of macro-F1, is paired by "
            "person, its interval a bootstrap over people. It helps, or harms, if the interval "
            "excludes 0. Intervals are not corrected for the number of changes. "
            f"{n_windows:,} windows."
        ),
        data={
            "pipeline": name,
            "config": base.model_dump(mode="json"),
            "disturb": disturb,
            "rows": data,
        },
        draw=lambda ink: _figure([d for d in data if d["change"]], ink),
    )


def _named(change: str) -> tuple[str, str]:
    """What a change is called, and what it changes."""
    name, colon, rest = change.partition(": ")
    return (name.strip(), rest) if colon and "=" not in name else (change, change)


def changed(base: Pipeline, change: str) -> Pipeline:
    """The pipeline with the values of one change in place of its own."""
    values = base.model_dump(mode="json")
    plain = []
    for text in filter(None, (part.strip() for part in change.split(";"))):
        section, _, rest = text.partition(".")
        if section == "models":
            key, _, _ = rest.partition("=")
            own = pipeline_file.values({}, [rest])
            takes = [m for m in values["models"] if key in registry.get(m["name"]).defaults]
            if not takes:
                raise ConfigError(f"No model of {base.name} has a parameter {key!r}; got {text!r}.")
            for model in takes:
                model["params"] = {**model["params"], **own}
        elif section == "training" and not rest.startswith("seeds"):
            plain.append(text)
        else:
            raise ConfigError(
                f"A change of a recipe is training.KEY=VALUE or models.PARAMETER=VALUE; got "
                f"{text!r}. For the windows see: har study length -h"
            )
    return pipeline_file.parse(pipeline_file.values(values, plain), where=change)


def _validation(
    of: Pipeline, disturbance: Disturbance | None, workspace: Workspace, crew: Crew
) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """Of each model, each validation person's macro-F1 and accuracy, means over seeds and folds; of
    how many windows."""
    training = of.training.model_copy(update={"refit": False})  # it changes no validation score
    of = of.model_copy(update={"training": training})
    outputs = session.outputs(workspace, of, crew, until="train")
    prepared = outputs["prepare"].path
    windows = window_files.load(prepared)
    records = Trained.read(outputs["train"]).jobs
    predictions = [record.read().predictions for record in records]
    people = sorted(set(windows.subjects.tolist()))
    if disturbance:
        # Unchanged windows show that it is the network of the scores.
        asked = (Change(UNCHANGED), *disturbance.changes)
        answers = disturbances.ask(records, prepared, people, asked, part="validation", crew=crew)
        counts = [of_changes[1:] for of_changes in answers]
    else:
        told = [p.of("validation") for p in predictions]
        counts = [scoring.counts_of(*of_job, windows, people)[None] for of_job in told]
    found: dict[str, dict[str, list[np.ndarray]]] = {record.model: {} for record in records}
    for record, of_job in zip(records, counts, strict=True):
        scores = np.stack([metrics.macro_f1(of_job), metrics.accuracy(of_job)], axis=-1)
        for person, score in zip(people, scores.mean(axis=0), strict=True):  # over what disturbed
            if not np.isnan(score).any():  # who has no windows there
                found[record.model].setdefault(person, []).append(score)
    means = {
        name: {person: np.mean(of, axis=0) for person, of in sorted(by_person.items())}
        for name, by_person in found.items()
    }
    used = [(p.train_index, p.validation_index, p.test_index) for p in predictions]
    return means, len(np.unique(np.concatenate([index for parts in used for index in parts])))


def _means(by_person: Mapping[str, np.ndarray]) -> dict[str, float]:
    means = np.mean(list(by_person.values()), axis=0).tolist()
    return dict(zip(("macro_f1", "accuracy"), means, strict=True))


def _difference(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Of the mean macro-F1 over people, with its interval over people."""
    differences = np.array([a[p][0] - b[p][0] for p in b])
    n, ci95 = len(differences), None
    if n >= statistics.MIN_PEOPLE_INTERVAL:
        ci95 = statistics.interval95(statistics.resampled_people(n) @ differences / n, n)
    return {"difference": float(differences.mean()), "ci95": ci95, "verdict": _verdict(ci95)}


def _verdict(ci95: Sequence[float] | None) -> str:
    if ci95 is None:
        return statistics.TOO_FEW
    return "helps" if ci95[0] > 0 else "harms" if ci95[1] < 0 else "not significant"


def _says(data: Sequence[Mapping[str, Any]]) -> str:
    told = {
        kind: [f"{d['change']} ({d['model']})" for d in data if d.get("verdict") == kind]
        for kind in ("helps", "harms")
    }
    helped = "No change helps significantly."
    if told["helps"]:
        helped = f"Helps: {', '.join(told['helps'])}."
    return helped + (f" Harms: {', '.join(told['harms'])}." if told["harms"] else "")


def _row(d: Mapping[str, Any]) -> tuple[str, ...]:
    accuracy = f"{d['accuracy']:.3f}"
    if d["change"] is None:
        return ("unchanged", d["model"], f"{d['macro_f1']:.3f}", "–", "–", "–", accuracy)
    difference, interval = signed(d["difference"]), signed_interval(d["ci95"])
    f1 = f"{d['macro_f1']:.3f}"
    return (d["change"], d["model"], f1, difference, interval, d["verdict"], accuracy)


def _figure(rows: Sequence[Mapping[str, Any]], ink: Ink) -> Figure:
    """Differences with their intervals, a line each."""
    figure, ax = blank(7.5, 1.0 + 0.3 * len(rows), ink)
    models = list(dict.fromkeys(d["model"] for d in rows))
    for y, d in enumerate(reversed(rows)):
        color = ink.series[models.index(d["model"]) % len(ink.series)]
        if d["ci95"]:
            ax.plot(d["ci95"], [y, y], color=color, linewidth=2, alpha=0.5, zorder=1)
        ax.scatter([d["difference"]], [y], s=36, color=color, linewidths=0, zorder=2)
    ax.axvline(0, color=ink.faint, linewidth=1, zorder=0)
    ax.set_yticks(range(len(rows)), [f"{d['change']} · {d['model']}" for d in reversed(rows)])
    ax.set_ylim(-0.5, len(rows) - 0.5)
    ax.set_xlabel("difference of macro-F1 on validation people", fontsize=9)
    ax.grid(axis="x", color=ink.faint, linewidth=0.4)
    return figure
