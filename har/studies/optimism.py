"""`har study optimism`: the honest score beside what a random split would have claimed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from har import pipeline
from har.evaluation import scoring
from har.evaluation.collect import ModelJobs
from har.evaluation.protocol import budget
from har.evaluation.results import Claim, Gap, Optimism, OptimismOf, Shared
from har.report import gap
from har.report.stage import OPTIMISM
from har.studies import pictures, scores
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
    tasks = finished.tasks.folds(finished.models, dealt)
    trained = [record.read() for record in run_tasks(tasks, finished.context.crew)]
    each = len(trained) // len(finished.models)
    jobs = {
        model.key: ModelJobs(model.key, trained[i * each : (i + 1) * each])
        for i, model in enumerate(finished.models)
    }
    section = Optimism(
        leaky=True,
        protocol=_protocol(finished),
        shared=_shared(dealt),
        scores={**_earlier(finished), **{n: _gap(finished, j) for n, j in jobs.items()}},
    )
    return Outcome(
        study=OPTIMISM,
        pipeline=finished.name,
        title=f"{finished.name}: {gap.TITLE[0].lower()}{gap.TITLE[1:]}",
        says=[gap.headline(section)],
        head=gap.HEAD,
        rows=gap.rows(section),
        protocol=" ".join(gap.why(section)),
        data=section.as_json(),
        draw=lambda ink: pictures.pairs(
            {n: (s.honest.macro_f1, s.leaky.macro_f1) for n, s in section.scores.items()},
            ("honest", "random split (leaky)"), "macro-F1", ink,
        ),
    )  # fmt: skip


def _gap(finished: Finished, jobs: ModelJobs) -> OptimismOf:
    """The honest and the leaky score of a model, of the same people.

    Windows at random are of everybody; under named test people those of the others, whom the
    honest score is not about, are left out.
    """
    people, n = finished.results.subjects, len(finished.splits)
    mine = [j for j in finished.jobs if j.model == jobs.name]
    honest, told = scores.proven(
        finished.windows, finished.folds, mine, people, same_people=finished.same_people
    )
    everybody, _ = scoring.score(jobs, finished.windows, n, people)
    assert everybody is not None  # every fold of every seed is there
    claimed = everybody.among(honest.tested)
    leaky = Claim(macro_f1=claimed.macro_f1, accuracy=claimed.accuracy)
    fair = Claim(macro_f1=told["macro_f1"], accuracy=told["accuracy"])
    return OptimismOf(
        of=gap.belongs_to(finished.results, jobs.name),
        honest=fair,
        leaky=leaky,
        gap=Gap(
            macro_f1=leaky.macro_f1 - fair.macro_f1,
            accuracy=leaky.accuracy - fair.accuracy,
            macro_f1_ci95=everybody.ci95(less=honest),
        ),
    )


def _earlier(finished: Finished) -> dict[str, OptimismOf]:
    """What was found before of other models of the same results."""
    return finished.results.optimism.scores if finished.results.optimism else {}


def _shared(dealt: list[LeakySplit]) -> Shared:
    return Shared(
        people=float(np.concatenate([s.known_people() for s in dealt]).mean()),
        samples=float(np.concatenate([s.known_samples() for s in dealt]).mean()),
    )


def _tested(finished: Finished) -> set[str]:
    return {person for fold in finished.results.folds for person in fold.test}


def _protocol(finished: Finished) -> str:
    t = finished.context.pipeline.training
    n = len(finished.splits)
    which = "recordings" if finished.same_people else "people"
    return (
        f"Equal on both sides: data, model, seeds ({', '.join(map(str, t.seeds))}), at "
        f"most {budget(t)}, {f'and in each of {n} folds ' if n > 1 else ''}the number of "
        f"windows that train, validate and test. Only who they are of differs: {which} kept apart, "
        f"or windows at random; both scores are of the {len(_tested(finished))} people whom the "
        "honest one is about. Nothing is chosen by this; the interval is over people, paired."
    )


def publish(finished: Finished, outcome: Outcome) -> list[Path]:
    """Leave what was found where the report looks for it, and draw the report anew."""
    written = outcome.write(finished.folder)
    pipeline.run(finished.context, without=("export",))
    return [*written, finished.folder / "results.json", finished.folder / "index.html"]
