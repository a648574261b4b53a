"""The proof that nothing leaked, computed from what was left on disk.

The splitter and the trainer are not asked. For every fold the people, the raw samples and the
content of the windows that each part saw are compared, and the standardisation that a saved model
carries is held against statistics recomputed from the training windows of its fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from har.errors import LeakageError
from har.evaluation import repeats
from har.signal.windows import Windows

# Between float64 sums here and float32 weights in the model. People differ by a hundred times this.
SCALER_TOLERANCE = 1e-3
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Evidence:
    """What one finished job left behind.

    subjects : {part: names} as the fold list says, record : as the job itself recorded. train,
    validation, test : window indices, from its stored predictions.
    scaler : by how much the saved model's standardisation differs from that of the windows that it
    was fitted to (`har.evaluation.scaler`); None if it has none.
    early_stopping : the kept epoch's score on validation people, as the history has it and as
    recomputed from the stored predictions, and what one window is worth; None without epochs.
    leaky : it says of itself that it was trained on a split that leaks on purpose.
    """

    model: str
    fold: int
    seed: int
    subjects: Mapping[str, Sequence[str]]
    record: Mapping[str, Sequence[str]]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    scaler: float | None = None
    early_stopping: tuple[float, float, float] | None = None
    leaky: bool = False

    @property
    def parts(self) -> list[np.ndarray]:
        return [self.train, self.validation, self.test]

    def __str__(self) -> str:
        return f"{self.model}, fold {self.fold}, seed {self.seed}"


# Parts that must not meet ----------------------------------------------------------------------


def shared_subjects(parts: Iterable[Iterable[str]]) -> list[str]:
    """Names that stand in more than one part."""
    sets = [set(p) for p in parts]
    return sorted({name for a, b in combinations(sets, 2) for name in a & b})


def shared_samples(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
    """Raw samples that windows of more than one part were made of.

    Parameters
    ----------
    parts : sequence of (recording, span)
        For each part: recording as int, shape (n,), and start and end (exclusive, lead-in
        included) on that recording's own timeline, shape (n, 2).

    Returns
    -------
    int
        Samples that two parts share, summed over pairs of parts.
    """
    n_recordings = 1 + max((int(r.max()) for r, _ in parts if len(r)), default=0)
    longest = 1 + max((int(s.max()) for _, s in parts if len(s)), default=0)
    offsets = np.arange(n_recordings, dtype=np.int64) * longest  # one timeline after the other
    placed = [offsets[r][:, None] + s for r, s in parts]
    return sum(
        _covered(a) + _covered(b) - _covered(np.concatenate([a, b]))
        for a, b in combinations(placed, 2)
    )


def _covered(spans: np.ndarray) -> int:
    """Length of the union of half-open intervals."""
    if not len(spans):
        return 0
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    ends = np.maximum.accumulate(spans[:, 1])
    before = np.concatenate([spans[:1, 0], ends[:-1]])
    return int(np.maximum(ends - np.maximum(spans[:, 0], before), 0).sum())


# The proof -------------------------------------------------------------------------------------


def prove(
    windows: Windows, jobs: Sequence[Evidence], *, same_people: bool = False
) -> dict[str, Any]:
    """Examine every fold.

    Parameters
    ----------
    windows : Windows
    jobs : sequence of Evidence
    same_people : bool
        The protocol splits recordings of the same people (`scheme: sessions`): people may then be
        shared, samples and windows may not.

    Returns
    -------
    dict
        `ok`, `folds` (one dict per fold: `fold`, `shared_subjects` (names), `shared_samples`,
        `duplicate_windows`, `scaler_max_abs_diff` and `early_stopping_max_abs_diff` (None where
        no model of the fold has one)), `problems` (sentences).
    """
    _, recording = np.unique(windows.recordings, return_inverse=True)
    hashes = repeats.content(windows.samples, windows.starts, windows.n_raw)
    near = repeats.near_copies(windows)
    folds, problems = [], []
    for fold in sorted({j.fold for j in jobs}):
        mine = [j for j in jobs if j.fold == fold]
        people: set[str] = set()
        copied: set[tuple[str, str]] = set()
        samples, duplicates, scalers, stopping = [], [], [], []
        # Jobs of a fold use the same windows, unless something is wrong: look at each distinct use.
        distinct = {tuple(part.tobytes() for part in j.parts): j.parts for j in mine}
        for parts in distinct.values():
            samples.append(shared_samples([(recording[i], windows.spans[i]) for i in parts]))
            duplicates.append(repeats.duplicate_windows([hashes.seen_by(i) for i in parts]))
            seen = [set(windows.recordings[i].tolist()) for i in parts] if near else []
            copied |= {pair for pair in near if repeats.apart(pair, seen)}
            people |= set(shared_subjects(windows.subjects[i].tolist() for i in parts))
        for job in mine:
            for names in (job.subjects, job.record):
                people |= set(shared_subjects(names[p] for p in PARTS))
            problems += _unlisted(windows, job)
            if job.leaky:
                problems.append(f"{job}: trained on a random split, for har study optimism.")
            if job.scaler is not None:
                scalers.append(job.scaler)
            if job.early_stopping:
                said, recomputed, _ = job.early_stopping
                stopping.append(abs(said - recomputed))
        row = {
            "fold": fold,
            "shared_subjects": sorted(people),
            "shared_samples": max(samples),
            "duplicate_windows": max([*duplicates, *(near[pair] for pair in copied)]),
            "scaler_max_abs_diff": max(scalers, default=None),
            "early_stopping_max_abs_diff": max(stopping, default=None),
        }
        folds.append(row)
        problems += _problems(row, same_people) + _chosen_elsewhere(mine)
        problems += [
            f"fold {fold}: {a} and {b} hold the same movement, in two parts."
            for a, b in sorted(copied)
        ]
    return {"ok": not problems, "folds": folds, "problems": problems}


def _unlisted(windows: Windows, job: Evidence) -> list[str]:
    """A job that used windows of people whom the fold list does not name for that part."""
    out = []
    for part, index in zip(PARTS, job.parts, strict=True):
        used = set(windows.subjects[index].tolist()) | set(job.record[part])
        if extra := used - set(job.subjects[part]):
            names = ", ".join(sorted(extra))
            out.append(f"{job}: {names} in {part}, where the fold list does not have them.")
    return out


def _problems(row: Mapping[str, Any], same_people: bool) -> list[str]:
    out = []
    where = f"fold {row['fold']}"
    if row["shared_subjects"] and not same_people:
        names = ", ".join(row["shared_subjects"])
        out.append(f"{where}: {names} in more than one of train, validation and test.")
    if row["shared_samples"]:
        out.append(f"{where}: {row['shared_samples']} raw samples are in windows of two parts.")
    if row["duplicate_windows"]:
        out.append(
            f"{where}: {row['duplicate_windows']} window-long stretches of signal occur in two "
            "parts: a recording is there under two names."
        )
    if (row["scaler_max_abs_diff"] or 0) > SCALER_TOLERANCE:
        out.append(
            f"{where}: a saved standardisation differs by {row['scaler_max_abs_diff']:.3g} m/s² "
            "from that of the training windows: it was fitted on others."
        )
    return out


def _chosen_elsewhere(jobs: Sequence[Evidence]) -> list[str]:
    """Jobs whose kept epoch has another score in their history than on their validation people.

    Rounding may turn one window whose two best classes are as likely, and no more.
    """
    return [
        f"{j}: the score that chose an epoch is {said:.4f}, that of the validation people "
        f"{seen:.4f}: it was chosen on others."
        for j in jobs
        if j.early_stopping
        for said, seen, one_window in [j.early_stopping]
        if abs(said - seen) > one_window + 1e-6
    ]


def require(proof: Mapping[str, Any]) -> None:
    """Fail the run if the proof does not hold, with every problem that was found."""
    if not proof["ok"]:
        raise LeakageError(
            "Leakage was found, so the scores would be invalid:\n  "
            + "\n  ".join(proof["problems"])
            + "\nNo results are written. Check the split and the names of the recordings' people."
        )
