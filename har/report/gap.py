"""What a random split would have claimed: the part of a report that shows `har study optimism`.

Its numbers are leaky on purpose. They stand under `optimism` of `results.json`, beside the honest
score and never among those of the models.
"""

from __future__ import annotations

from har.evaluation.numerals import score, signed, signed_interval
from har.evaluation.results import Optimism, Results
from har.files import digest

TITLE = "What a random split would have claimed"
HEAD = ("model", "macro-F1, honest", "leaky", "gap", "95 % over people", "accuracy, honest",
        "leaky")  # fmt: skip


def belongs_to(results: Results, name: str) -> str:
    """What the optimism of a model is tied to: data, split, training, the model, its honest scores.

    Parameters
    ----------
    name : str
        A key of `models`.

    Returns
    -------
    str
        Another one as soon as the honest score is that of something else.
    """
    config = results.config
    recipe = [m for m in config.models if m.key == name]
    return digest(
        [
            results.data_fingerprint,
            *(part.model_dump(mode="json") for part in (config.split, config.training)),
            config.windows.model_dump(mode="json"),
            [m.model_dump(mode="json") for m in recipe],
            [seed.as_json() for seed in results.models[name].per_seed],
        ]
    )


def still_of(section: Optimism, results: Results) -> tuple[Optimism | None, list[str]]:
    """The part of a study that belongs to some results, and the models for which it does not.

    Parameters
    ----------
    section : Optimism
        As the study left it, of these or of earlier results.

    Returns
    -------
    section : Optimism or None
        None if nothing of it is of these results.
    gone : list of str
    """
    scores = {
        name: s
        for name, s in section.scores.items()
        if name in results.models and s.of == belongs_to(results, name)
    }
    gone = [name for name in section.scores if name not in scores]
    return (section.model_copy(update={"scores": scores}) if scores else None), gone


def rows(section: Optimism) -> list[list[str]]:
    """Cells under `HEAD`, the widest gap first."""
    order = sorted(section.scores.items(), key=lambda s: (-s[1].gap.macro_f1, s[0]))
    return [
        [
            name,
            score(s.honest.macro_f1),
            score(s.leaky.macro_f1),
            signed(s.gap.macro_f1),
            signed_interval(s.gap.macro_f1_ci95),
            score(s.honest.accuracy),
            score(s.leaky.accuracy),
        ]
        for name, s in order
    ]


def headline(section: Optimism) -> str:
    """The widest gap in a sentence."""
    name, honest, leaky, gap, *_ = rows(section)[0]
    return (
        f"{name}: macro-F1 {honest} under the protocol of this report; a random split of windows "
        f"would have claimed {leaky} ({gap})."
    )


def why(section: Optimism) -> list[str]:
    """Why the higher number is wrong, and what was equal."""
    shared = section.shared
    return [
        "The second number is deliberately leaky and is not a score of the model. Windows were "
        "split into train, validation and test at random, as in much published work: "
        f"{shared.samples:.0%} of the test windows share samples with an overlapping training "
        f"window, and {shared.people:.0%} are of people who are also in the training data. It "
        "measures how well a network remembers the people and moments of its training data, not "
        "how well it works for new people.",
        section.protocol,
    ]
