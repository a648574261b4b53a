"""What was done, how sure it is and what follows, in words that a paper could use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from har.config import Pipeline, Training
from har.evaluation import metrics, statistics
from har.evaluation.numerals import interval, signed, signed_interval
from har.evaluation.results import Aligned, Comparison, ModelScores, Nested

# Schemes in which everybody is held out once.
EVERYONE_TESTED = ("subject-folds", "leave-one-subject-out")


def protocol(pipeline: Pipeline, *, people: int, folds: int, fold_sizes: Sequence[int]) -> str:
    """The protocol of a comparison of people who have windows, with the validation people of each
    fold."""
    split, training = pipeline.split, pipeline.training
    validators = f"{_span(fold_sizes)} in each fold, taken from the others"
    if split.validation == "next-fold":
        validators = f"{_span(fold_sizes)} in each fold, those that the next fold tests"
    chosen = (
        f"Validation people ({validators}) are not trained on: the epoch and, by the mean macro-F1 "
        "on them, the model are chosen on them."
    )
    unseen = "everyone is held out once, and tested by models that were not trained on them."
    if split.scheme == "subject-folds":
        who = f"{folds} subject folds over {people} people: {unseen} {chosen}"
    elif split.scheme == "leave-one-subject-out":
        who = f"Leave one subject out over {people} people: {unseen} {chosen}"
    elif split.scheme == "subjects":
        names = ", ".join(split.test)
        who = f"Tested on {len(split.test)} named people ({names}) out of {people}. {chosen}"
    else:
        who = (
            f"Recordings of the same {people} people are kept apart ({folds} folds of whole "
            "recordings, or of blocks of one with a gap of at least a window). This score says "
            "nothing about other people."
        )
    if split.exclude:
        who += f" Excluded: {', '.join(split.exclude)}."
    w, s = pipeline.windows, pipeline.signal
    signal = f"Signals at {s.rate_hz:g} Hz in m/s²"
    if s.filter.kind != "none":
        signal += f", low-pass {s.filter.cutoff_hz:g} Hz inside the model"
    if s.align.kind != "none":
        signal += (
            "; each recording rotated so that gravity during its first seconds of walking, "
            f"at most {s.align.seconds}, points along {s.align.axis} (walking is detected from the "
            "movement: no labels are used, but unlabelled recordings of the test people are)"
        )
    cut = "inside each annotated interval" if w.within == "annotation" else "over whole recordings"
    windows = (
        f"{signal}; windows of {w.length_s:g} s with {w.overlap:.0%} overlap, cut {cut}, never "
        f"across a gap, a recording or a person; a window's label is that of most of its samples, "
        f"and windows under {w.min_purity:.0%} purity are excluded."
    )
    seeds = ", ".join(map(str, training.seeds))
    each = (
        f"Every model has the same folds and seeds ({seeds}), every network the same budget "
        f"(at most {budget(training)} of batches of {training.batch_size}, stopped after "
        f"{training.patience} without a better validation score{_averaged(training.average)}). "
        f"{REFIT if training.refit else ''}"
        + (
            "Nothing is chosen on test people."
            if split.scheme == "subjects"
            else "No job's epoch or temperature is chosen on its test people."
        )
    )
    scores = "Scores are pooled over the out-of-fold predictions of a seed and averaged over seeds."
    return " ".join([who, windows, each, scores])


REFIT = (
    "Once the epoch and the temperature are chosen on a fold's validation people, each model is "
    "refitted for as many epochs with these people included, and tested; its validation score is "
    "that before the refit. "
)


def budget(training: Training) -> str:
    """`15 epochs`, `2,000 steps`."""
    return f"{training.epochs} epochs" if training.epochs else f"{training.steps:,} steps"


def _averaged(epochs: float) -> str:
    if not epochs:
        return ""
    reach = "epoch" if epochs == 1 else f"{epochs:g} epochs"
    return f"; weights averaged over about the last {reach} are what is scored and kept"


def _span(sizes: Sequence[int]) -> str:
    low, high = min(sizes), max(sizes)
    return str(low) if low == high else f"{low} to {high}"


def cautions(people: int, tests: int, pipeline: Pipeline) -> list[str]:
    """What a reader must know to read the numbers."""
    out = [metrics.ABSENT_CLASSES]
    if people >= statistics.MIN_PEOPLE_INTERVAL:
        out.append(statistics.INTERVALS)
    else:
        out.append(f"No interval over people can be given from {people}.")
    out.append(
        "The spread over seeds (the same people, other initial weights) and the spread over people "
        "(the macro-F1 of each) answer different questions and are given separately."
    )
    if tests:
        p = statistics.smallest_p(people)
        text = (
            "The selected model is compared with each other model, paired by person, by Wilcoxon's "
            f"signed-rank test with Holm's correction over {tests} "
            f"{'test' if tests == 1 else 'tests'}. {people} people cannot give a p below {p:.2g}"
        )
        if tests * p > statistics.ALPHA:
            text += (
                f", or {min(1.0, tests * p):.2g} after correction: too few people for a "
                "significant result; see the interval of the difference."
            )
        else:
            text += f" ({tests * p:.2g} after correction)."
        out.append(f"{text} {statistics.TWO_QUESTIONS}")
    if pipeline.split.scheme in EVERYONE_TESTED:
        out.append(statistics.DEPENDENCE)
    return out


def nested(found: Nested) -> str:
    """The score with a choice in each fold, `nested` of `results.json`."""
    times = Counter(found.chosen).most_common()
    who = ", ".join(f"{name} in {n}" for name, n in times) + f" of {len(found.chosen)} folds"
    ci95 = found.macro_f1_ci95
    over = f" (95 % over people {interval(ci95)})" if ci95 else ""
    return (
        "The validation people of one fold are the test people of another, and the model is "
        "selected by the mean over all folds. With each fold's model selected by that fold's "
        f"validation people alone ({who}) the macro-F1 is {found.macro_f1:.3f}{over}, the accuracy "
        f"{found.accuracy:.3f}: the score of the whole procedure, including the choice of a model "
        "(Varma and Simon 2006)."
    )


def aligned(found: Aligned) -> str:
    """How many recordings were aligned with gravity (`har.signal.align`)."""
    turned = found.recordings - len(found.as_recorded)
    said = f"{turned} of {found.recordings} recordings were aligned with gravity"
    if not found.as_recorded:
        return f"{said}."
    return f"{said}; not aligned for lack of walking: {', '.join(found.as_recorded)}."


def _how_good(row: Comparison) -> str:
    """How the other model of a comparison does against the selected one, whose interval is not
    above 0."""
    if row.difference > 0:
        return "does not score significantly lower than"
    beyond = row.ci95 is not None and row.ci95[1] < 0
    return "scores higher than" if beyond else "scores at least as well as"


def as_good(row: Comparison) -> bool:
    """Whether the interval does not show the selected model to be better."""
    return row.ci95 is None or row.ci95[0] <= 0


def headline(
    pipeline: Pipeline,
    selected: str | None,
    models: Mapping[str, ModelScores],
    comparisons: Sequence[Comparison],
    each_fold: Nested | None,
    untrained: Mapping[str, Sequence[str]],
) -> list[str]:
    """The first lines of the report: what to ship, how good it is, and what speaks against it.

    `selected` is a key of models, `comparisons` are of that model, `untrained` are activities that
    some people are tested on whose fold has nobody to train them.
    """
    if selected is None:
        return [_nothing_to_ship(models)]
    mine = models[selected]
    sessions = pipeline.split.scheme == "sessions"
    what = "recordings" if sessions else "people"
    answer = f"Ship {selected}: on held-out {what} its macro-F1 is {mine.macro_f1:.3f}"
    if mine.macro_f1_ci95:
        answer += f" (95 % interval over people {interval(mine.macro_f1_ci95)})"
    answer += f", its accuracy {mine.accuracy:.3f}"
    equals = [row.b for row in comparisons if models[row.b].exportable and as_good(row)]
    lines = [f"{answer}; as good: {', '.join(equals)}." if equals else f"{answer}."]
    for row in comparisons:
        other = models[row.b]
        solved = other.exportable and not other.by_epochs and mine.by_epochs
        if (solved or not other.exportable) and as_good(row):
            lines.append(_rather(row, other, mine, solved=solved))
    text = (
        f"It was selected by its macro-F1 on validation {what} ({mine.validation_macro_f1:.3f}), "
        "the best of the models that can be exported."
    )
    if each_fold:
        alone = each_fold.macro_f1
        text += f" Where each fold selects by its own validation people alone: {alone:.3f}."
    if several := mine.seed_ensemble:
        over = several.macro_f1_ci95
        text += (
            f" The mean of its {len(pipeline.training.seeds)} seeds' probabilities, which "
            f"export.seeds: all ships as one file, has {several.macro_f1:.3f}"
            + (f" ({interval(over)})." if over else ".")
        )
    lines.append(text)
    if untrained:
        who = "; ".join(f"{name} ({', '.join(people)})" for name, people in untrained.items())
        lines.append(
            f"Activities that no training person of the fold performs: {who}. "
            "Their recall there is 0, and macro-F1 counts them like the other activities."
        )
    if sessions:
        lines.append(
            "These are other recordings of the same people: the score says nothing about others."
        )
    failed = {n: len(m.failed_jobs) for n, m in models.items() if m.failed_jobs}
    if failed:
        lines.append(
            "Failed jobs: "
            + ", ".join(f"{n} {k}" for n, k in failed.items())
            + ". Seeds with a missing fold are not scored, and such a model is not selected."
        )
    return lines


def _nothing_to_ship(models: Mapping[str, ModelScores]) -> str:
    whole = {n: m for n, m in models.items() if m.macro_f1 is not None and not m.failed_jobs}
    if any(m.exportable for m in models.values()):
        return "Nothing to ship: no model that can be exported finished all of its jobs."
    said = "Nothing to ship: none of these models can be exported."
    if not whole:
        return said
    best = max(whole, key=lambda n: whole[n].validation_macro_f1 or 0.0)
    return (
        f"{said} {best} scores best on validation people; on held-out people its macro-F1 is "
        f"{whole[best].macro_f1:.3f}."
    )


def _rather(row: Comparison, other: ModelScores, mine: ModelScores, *, solved: bool) -> str:
    """A model that is simpler than the selected one and as good; the difference is its own."""
    over = "" if row.ci95 is None else f" ({signed_interval((-row.ci95[1], -row.ci95[0]))})"
    what, then = (
        ("is not a deep network", "Prefer it unless it is too large or too slow for the phone")
        if solved
        else ("cannot be exported", "Prefer it where no phone is needed")
    )
    return (
        f"{row.b}, which {what}, {_how_good(row)} {row.a}: macro-F1 {other.macro_f1:.3f} against "
        f"{mine.macro_f1:.3f}, difference {signed(-row.difference)}{over}. {then}."
    )
