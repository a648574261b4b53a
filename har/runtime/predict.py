"""A recording of any length to bouts of activity, by the model that ships and nothing else.

The interpreter, `model.json` and the recording; TensorFlow is not imported (a test says so). The
recording is read, resampled and cut in chunks, so that a day takes no more memory than an hour.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from har.errors import AdapterError, DataError, WindowError
from har.recording import Chunk, ChunkedRecording
from har.runtime import smoothing, streaming
from har.runtime.adapter import Adapter
from har.runtime.bundle import Bundle
from har.runtime.interpreter import Answers, LiteModel
from har.runtime.likeness import Portrait
from har.runtime.manifest import Description
from har.runtime.prediction import UNKNOWN, Bout, Prediction, SetBout


def predict(
    bundle: Bundle,
    recording: ChunkedRecording,
    *,
    variant: str = "float32",
    sets: float | None = None,
    adapter: Adapter | None = None,
) -> Prediction:
    """Label a recording.

    Parameters
    ----------
    recording : ChunkedRecording
        Its chunks are used up.
    variant : str
        Of the bundle's files.
    sets : float, optional
        Also give the sets of activities that are right for this share of windows.
    adapter : Adapter, optional
        The wearer's, of `har adapt`.

    Raises
    ------
    AdapterError
        If the adapter is another bundle's, or sets are asked for with it.
    BundleError
        If the bundle has no such sets.
    DataError
        If the recording is shorter than a window, or has no gravity where the model needs it.
    """
    about = bundle.manifest
    if adapter and sets is not None:
        raise AdapterError(
            "Prediction sets hold for the model as it was trained: ask for them without an adapter."
        )
    least = None if sets is None else bundle.set_threshold(sets)
    correct: Callable[[Answers], np.ndarray] = _probabilities
    activities = about.activities
    if adapter:
        correct = adapter.correction_for(bundle)
        activities = adapter.activities
    ruler = about.ruler()
    if about.familiarity and adapter:
        ruler = adapter.knowing(ruler)

    def keep(answers: Answers) -> np.ndarray:
        return np.column_stack([correct(answers), ruler(answers.features)])

    asked = ask(bundle, recording, bundle.model(variant), keep)
    half_lead = about.lead_in_samples / 2
    m = len(activities)
    stretches = [(start, rows[:, :m]) for start, rows in asked.stretches]
    far = [rows[:, m] for _, rows in asked.stretches]
    hop, like = about.window.hop_samples, about.likeness
    return Prediction(
        recording=recording.name,
        bouts=[
            b
            for (start, p), d in zip(stretches, far, strict=True)
            for b in bouts_of(p, about, activities, start=start, distances=d)
        ],
        unfamiliar=sum(_beyond(d, about) for d in far) if about.familiarity else None,
        n_windows=sum(len(p) for _, p in stretches),
        length_s=asked.length_s,
        delay_s=(about.window.n_samples / 2 + half_lead) / about.rate_hz + about.smoothing.delay_s,
        probabilities=np.concatenate([p for _, p in stretches], dtype=np.float32),
        window_start_s=np.concatenate(
            [
                (start + half_lead + hop * np.arange(len(p))) / about.rate_hz
                for start, p in stretches
            ]
        ),
        annotations=recording.annotations,
        rejected=recording.rejected,
        read_as=recording.read_as,
        walked_s=asked.walked_s,
        sets=None
        if least is None
        else [b for start, p in stretches for b in sets_of(p, about, least, start=start)],
        unlike=asked.portrait.compare(like) if like else [],
        not_judged=asked.portrait.not_judged(like),
    )


def _probabilities(answers: Answers) -> np.ndarray:
    return answers.probabilities


@dataclass(frozen=True, eq=False)
class Asked:
    """What a model said of a recording.

    Parameters
    ----------
    stretches : list of (int, ndarray)
        Of each stretch without a gap: the first row of its first window, and a row for each window.
    portrait : Portrait
        What the recording is like.
    walked_s : int, optional
        As of `Prediction`.
    """

    stretches: list[tuple[int, np.ndarray]]
    portrait: Portrait
    length_s: float
    walked_s: int | None


def ask(
    bundle: Bundle,
    recording: ChunkedRecording,
    model: LiteModel,
    keep: Callable[[Answers], np.ndarray],
) -> Asked:
    """A model's answers for all windows of a recording, whose chunks are used up.

    Parameters
    ----------
    keep : callable
        What is kept of the answers for n windows: shape (n, m).

    Raises
    ------
    DataError
        If the recording is shorter than a window, or has no gravity where the model needs it.
    """
    about = bundle.manifest
    if recording.gravity is not None and recording.gravity != about.input.gravity:
        raise DataError(
            f"{recording.name}: gravity is {recording.gravity}, but the model was trained on "
            f"recordings with gravity {about.input.gravity}. Export the logger's other channel "
            "(total acceleration, or without g), or say --gravity if the doctor is wrong."
        )
    aligner, last_s = bundle.aligner(), 0.0
    portrait = Portrait(about.likeness.lags if about.likeness else ())
    pieces: list[tuple[int, list[np.ndarray]]] = []

    def seen() -> Iterator[Chunk]:
        nonlocal last_s
        for chunk in recording.chunks:
            if len(chunk.time_s):
                last_s = float(chunk.time_s[-1])
            yield chunk

    try:
        for batch in streaming.batches(seen(), bundle.windower(aligner)):
            answers = keep(model.ask(batch.windows))
            portrait.push(batch.windows)
            if batch.fresh:
                pieces.append((batch.start, []))
            pieces[-1][1].append(answers)
    except WindowError as e:
        raise DataError(f"{recording.name}: {e}") from e
    if not pieces:
        raise DataError(
            f"{recording.name}: no window of {about.n_raw / about.rate_hz:.3g} s without a gap in "
            f"{last_s:.3g} s of recording. Give a longer recording, or one with fewer gaps."
        )
    stretches = [(start, np.concatenate(parts)) for start, parts in pieces]
    return Asked(stretches, portrait, last_s, aligner.seconds if aligner else None)


def bouts_of(
    probabilities: np.ndarray,
    about: Description,
    activities: tuple[str, ...] | None = None,
    *,
    start: int = 0,
    distances: np.ndarray | None = None,
) -> list[Bout]:
    """The bouts of one stretch without a gap.

    Each window speaks for a hop around its centre; with smoothing, the answer about a window is
    the one that is known `delay_s` later.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n_windows, k)
        Of each window, in order, at the hop.
    about : Description
        The model's: its windows, smoothing and activities.
    activities : tuple of str, optional
        Others than the model's, in the order of the columns.
    start : int
        First row of the first window on the recording's timeline at the model's rate.
    distances : ndarray of float64, shape (n_windows,), optional
        Of each window from what the model was trained on.
    """
    smoothed, edges = _about_windows(probabilities, about, start)
    far = None
    if distances is not None:
        far = _about_windows(distances[:, None], about, start)[0][:, 0]
    answers, confidence = smoothing.decide(smoothed, about.threshold, far, about.limit)
    names = (*(activities or about.activities), UNKNOWN)  # UNKNOWN's index is −1
    return [
        Bout(edges[a], edges[b], names[answers[a]], float(confidence[a:b].mean()))
        for a, b in _unchanged(answers[:, None])
    ]


def _beyond(distances: np.ndarray, about: Description) -> int:
    """Windows about which the answer is `unknown` since they are unlike all of training."""
    return int((_about_windows(distances[:, None], about, 0)[0] > about.limit).sum())


def sets_of(
    probabilities: np.ndarray, about: Description, least: float, *, start: int = 0
) -> list[SetBout]:
    """The sets of activities of one stretch without a gap, as `bouts_of` has its bouts.

    Parameters
    ----------
    least : float
        Smoothed probability of an activity in a set.
    """
    smoothed, edges = _about_windows(probabilities, about, start)
    inside = smoothed >= least
    out = []
    for a, b in _unchanged(inside):
        order = np.argsort(-smoothed[a:b].mean(0), kind="stable")
        chosen = tuple(about.activities[i] for i in order if inside[a, i])
        out.append(SetBout(edges[a], edges[b], chosen))
    return out


def _about_windows(
    probabilities: np.ndarray, about: Description, start: int
) -> tuple[np.ndarray, list[float]]:
    """The smoothed probabilities about each window, and the times between which they speak."""
    n_mean, hop = about.smoothing.n_windows, about.window.hop_samples
    length = about.window.n_samples
    smoothed = smoothing.causal_mean(probabilities, n_mean)
    late = np.minimum(np.arange(len(smoothed)) + (n_mean - 1) // 2, len(smoothed) - 1)
    begin = start + about.lead_in_samples / 2
    edges = begin + length / 2 + hop * (np.arange(len(smoothed) + 1) - 0.5)
    edges[0], edges[-1] = begin, begin + length + hop * (len(smoothed) - 1)
    return smoothed[late], (edges / about.rate_hz).tolist()


def _unchanged(rows: np.ndarray) -> list[tuple[int, int]]:
    """First and last of rows that are equal, end exclusive."""
    change = np.flatnonzero((rows[1:] != rows[:-1]).any(1)) + 1
    return list(itertools.pairwise([0, *change.tolist(), len(rows)]))
