"""`har study optimism`: the honest score beside what a random split would have claimed."""

from __future__ import annotations

import numpy as np

from har.evaluation import scoring
from har.evaluation.collect import ModelJobs
from har.evaluation.protocol import budget
from har.evaluation.results import Claim, Gap, Optimism, OptimismOf, Shared
from har.report import gap
from har.report.stage import OPTIMISM
from har.studies import pictures
from har.studies.answer import Outcome
from har.studies.finished import Finished
from har.studies.points import Point
from har.training import leaky
from har.training.run import run_tasks


def run(finished: Finished) -> Outcome:
    """Train the models of a finished run again on random splits, and show the gap.

    The answer is of these models and of those that an earlier study put beside the same scores.
    """
    dealt = leaky.deal(finished.splits, finished.pipeline.split.seed)
    tasks = finished.tasks.folds(finished.models, dealt)
    trained = [record.read() for record in run_tasks(tasks, finished.crew)]
    each = len(trained) // len(finished.models)
    jobs = {
        model.key: ModelJobs(model.key, trained[i * each : (i + 1) * each])
        for i, model in enumerate(finished.models)
    }
    before = finished.results.optimism  # of other models of the same results
    section = Optimism(
        leaky=True,
        protocol=_protocol(finished),
        shared=Shared(
            people=float(np.concatenate([s.known_people() for s in dealt]).mean()),
            samples=float(np.concatenate([s.known_samples() for s in dealt]).mean()),
        ),
        scores={
            **(before.scores if before else {}),
            **{name: _gap(finished, of_model) for name, of_model in jobs.items()},
        },
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
    own = Point(finished.tasks, finished.windows, finished.splits)
    honest, told = own.score(mine, people)
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


def _protocol(finished: Finished) -> str:
    t, n = finished.pipeline.training, len(finished.splits)
    tested = {person for fold in finished.results.folds for person in fold.test}
    which = "recordings" if finished.same_people else "people"
    return (
        f"Equal on both sides: data, model, seeds ({', '.join(map(str, t.seeds))}), at "
        f"most {budget(t)}, {f'and in each of {n} folds ' if n > 1 else ''}the number of "
        f"training, validation and test windows. Only the split differs: {which} kept apart, "
        f"or windows at random; both scores are on the {len(tested)} people of the honest one. "
        "Nothing is chosen by this; the interval is over people, paired."
    )
