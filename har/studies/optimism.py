"""`har study optimism`: the honest score beside what a random split would have claimed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from har.evaluation import results
from har.evaluation.collect import ModelJobs
from har.report import gap as words
from har.studies import pictures, republish, scores
from har.studies.answer import Outcome
from har.studies.finished import Finished
from har.training import leaky
from har.training.leaky import LeakySplit
from har.training.run import run_tasks


def run(finished: Finished) -> Outcome:
    """Train the models of a finished run again on random splits, and show the gap.

    Parameters
    ----------
    finished : Finished

    Returns
    -------
    Outcome
        Of these models and of those that an earlier study put beside the same scores.

    Raises
    ------
    TrainingError
        If a job failed.
    """
    dealt = leaky.deal(finished.splits, finished.context.pipeline.split.seed)
    tasks = finished.tasks.leaky(finished.models, dealt)
    trained = [record.read() for record in run_tasks(tasks, finished.context.crew)]
    each = len(trained) // len(finished.models)
    jobs = {
        model.key: ModelJobs(model.key, trained[i * each : (i + 1) * each])
        for i, model in enumerate(finished.models)
    }
    section: dict[str, Any] = {
        "leaky": True,
        "protocol": _protocol(finished),
        "shared": _shared(dealt),
        "scores": {**_earlier(finished), **{n: _gap(finished, j) for n, j in jobs.items()}},
    }
    return Outcome(
        study=republish.NAME,
        pipeline=finished.name,
        title=f"{finished.name}: {words.TITLE[0].lower()}{words.TITLE[1:]}",
        says=[words.headline(section)],
        head=words.HEAD,
        rows=words.rows(section),
        protocol=" ".join(words.why(section)),
        data=section,
        draw=lambda ink: pictures.pairs(
            {n: (s["honest"]["macro_f1"], s["leaky"]["macro_f1"])
             for n, s in section["scores"].items()},
            ("honest", "random split (leaky)"), "macro-F1", ink,
        ),
    )  # fmt: skip


def _gap(finished: Finished, jobs: ModelJobs) -> dict[str, Any]:
    """The honest and the leaky score of a model, of the same people.

    Windows at random are of everybody; under named test people those of the others, whom the
    honest score is not about, are left out.
    """
    people, n = finished.results["subjects"], len(finished.splits)
    mine = [j for j in finished.jobs if j.model == jobs.name]
    honest, told = scores.proven(
        finished.windows, finished.results["folds"], mine, people, same_people=finished.same_people
    )
    everybody, _ = results.score(jobs, finished.windows, n, people)
    assert everybody is not None  # every fold of every seed is there
    claimed = scores.among(everybody, scores.tested(honest))
    leaky = {"macro_f1": scores.pooled(claimed), "accuracy": scores.accuracy(claimed)}
    return {
        "of": words.belongs_to(finished.results, jobs.name),
        "honest": {key: told[key] for key in leaky},
        "leaky": leaky,
        "gap": {key: leaky[key] - told[key] for key in leaky}
        | {"macro_f1_ci95": scores.difference_ci95(everybody, honest)},
    }


def _earlier(finished: Finished) -> dict[str, Any]:
    """What was found before of other models of the same results."""
    path = finished.folder / republish.RECORD
    if not path.is_file():
        return {}
    section, _ = republish.still_of(json.loads(path.read_text("utf-8")), finished.results)
    return section["scores"] if section else {}


def _shared(dealt: list[LeakySplit]) -> dict[str, float]:
    return {
        "people": float(np.concatenate([s.known_people() for s in dealt]).mean()),
        "samples": float(np.concatenate([s.known_samples() for s in dealt]).mean()),
    }


def _tested(finished: Finished) -> set[str]:
    return {person for fold in finished.results["folds"] for person in fold["test"]}


def _protocol(finished: Finished) -> str:
    t = finished.context.pipeline.training
    n = len(finished.splits)
    which = "recordings" if finished.same_people else "people"
    return (
        f"Equal on both sides: data, model, seeds ({', '.join(map(str, t.seeds))}), at "
        f"most {t.epochs} epochs, {f'and in each of {n} folds ' if n > 1 else ''}the number of "
        f"windows that train, validate and test. Only who they are of differs: {which} kept apart, "
        f"or windows at random; both scores are of the {len(_tested(finished))} people whom the "
        "honest one is about. Nothing is chosen by this; the interval is over people, paired."
    )


def publish(finished: Finished, outcome: Outcome) -> list[Path]:
    """Leave what was found, and put it into the published results and the report."""
    written = outcome.write(finished.folder)
    republish.attach(finished.context)
    return [*written, finished.folder / "results.json", finished.folder / "index.html"]
