"""What was done, in words that a methods section could use."""

from __future__ import annotations

from collections.abc import Sequence

from har.config import Pipeline


def describe(pipeline: Pipeline, *, people: int, folds: int, fold_sizes: Sequence[int]) -> str:
    """The protocol of a comparison.

    Parameters
    ----------
    pipeline : Pipeline
    people : int
        Who have windows.
    folds : int
    fold_sizes : sequence of int
        Validation people of each fold.
    """
    split, training = pipeline.split, pipeline.training
    validators = _span(fold_sizes)
    chosen = (
        f"in each fold {validators} of the other people do nothing but validate: they choose the "
        "epoch and, by their mean macro-F1, the model"
    )
    if split.scheme == "subject-folds":
        who = (
            f"{folds} subject folds over {people} people: everyone is tested once, by models that "
            f"never saw them; {chosen}."
        )
    elif split.scheme == "leave-one-subject-out":
        who = (
            f"Leave one subject out over {people} people: everyone is tested once, by models that "
            f"never saw them; {chosen}."
        )
    elif split.scheme == "subjects":
        names = ", ".join(split.test)
        who = (
            f"Tested on {len(split.test)} named people ({names}) out of {people}; of the others, "
            f"{validators} do nothing but validate: they choose the epoch and, by macro-F1, the "
            "model."
        )
    else:
        who = (
            f"Recordings of the same {people} people are kept apart ({folds} folds of whole "
            "recordings, or of blocks of one with a gap of at least a window). This score tells "
            "nothing about other people."
        )
    w, s = pipeline.windows, pipeline.signal
    signal = f"Signals at {s.rate_hz:g} Hz in m/s²"
    if s.filter.kind != "none":
        signal += f", low-pass {s.filter.cutoff_hz:g} Hz inside the model"
    cut = "inside each annotated interval" if w.within == "annotation" else "over whole recordings"
    windows = (
        f"{signal}; windows of {w.length_s:g} s with {w.overlap:.0%} overlap, cut {cut}, never "
        f"across a gap, a recording or a person; a window's label is that of most of its samples, "
        f"and windows under {w.min_purity:.0%} purity are left out."
    )
    seeds = ", ".join(map(str, training.seeds))
    budget = (
        f"Every model has the same folds and seeds ({seeds}), every network the same budget "
        f"(at most {training.epochs} epochs of batches of {training.batch_size}, stopped after "
        f"{training.patience} without a better validation score). Nothing is chosen on test people."
    )
    scores = "Scores are pooled over the out-of-fold predictions of a seed and averaged over seeds."
    return " ".join([who, windows, budget, scores])


def _span(sizes: Sequence[int]) -> str:
    low, high = min(sizes, default=0), max(sizes, default=0)
    return str(low) if low == high else f"{low} to {high}"
