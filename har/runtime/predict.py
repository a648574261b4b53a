"""A recording of any length to bouts of activity, by the model that ships and nothing else.

The interpreter, `model.json` and the recording; TensorFlow is not imported (a test says so). The
recording is read, resampled and cut in chunks, so that a day takes no more memory than an hour.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from har.errors import DataError, WindowError
from har.recording import Chunk, ChunkedRecording
from har.runtime import smoothing, streaming
from har.runtime.bundle import Bundle
from har.runtime.likeness import Portrait
from har.runtime.manifest import Description
from har.runtime.prediction import UNKNOWN, Bout, Prediction


def predict(bundle: Bundle, recording: ChunkedRecording, *, variant: str = "float32") -> Prediction:
    """Label a recording.

    Parameters
    ----------
    recording : ChunkedRecording
        Its chunks are used up.
    variant : str
        Of the bundle's files.

    Raises
    ------
    DataError
        If the recording is shorter than a window, or has no gravity where the model needs it.
    """
    model, about = bundle.model(variant), bundle.manifest
    if recording.gravity is not None and recording.gravity != about.input.gravity:
        raise DataError(
            f"{recording.name}: gravity is {recording.gravity}, but the model was trained on "
            f"recordings with gravity {about.input.gravity}. Export the logger's other channel "
            "(total acceleration, or without g), or say --gravity if the doctor is wrong."
        )
    aligner, last_s = bundle.aligner(), 0.0
    like = about.likeness
    portrait = Portrait(like.lags if like else ())
    hop, half_lead = about.window.hop_samples, about.lead_in_samples / 2
    pieces: list[tuple[int, list[np.ndarray]]] = []  # of each stretch: first row, probabilities

    def seen() -> Iterator[Chunk]:
        nonlocal last_s
        for chunk in recording.chunks:
            if len(chunk.time_s):
                last_s = float(chunk.time_s[-1])
            yield chunk

    try:
        for batch in streaming.batches(seen(), bundle.windower(aligner)):
            answers = model(batch.windows)
            portrait.push(batch.windows)
            if batch.fresh:
                pieces.append((batch.start, []))
            pieces[-1][1].append(answers)
    except WindowError as e:
        raise DataError(f"{recording.name}: {e}") from e
    stretches = [(start, np.concatenate(parts)) for start, parts in pieces]
    if not stretches:
        raise DataError(
            f"{recording.name}: no window of {about.n_raw / about.rate_hz:.3g} s without a gap in "
            f"{last_s:.3g} s of recording. Give a longer recording, or one with fewer gaps."
        )
    return Prediction(
        recording=recording.name,
        bouts=[b for start, p in stretches for b in bouts_of(p, about, start=start)],
        n_windows=sum(len(p) for _, p in stretches),
        length_s=last_s,
        delay_s=(about.window.n_samples / 2 + half_lead) / about.rate_hz + about.smoothing.delay_s,
        probabilities=np.concatenate([p for _, p in stretches]),
        window_start_s=np.concatenate(
            [
                (start + half_lead + hop * np.arange(len(p))) / about.rate_hz
                for start, p in stretches
            ]
        ),
        annotations=recording.annotations,
        rejected=recording.rejected,
        read_as=recording.read_as,
        walked_s=aligner.seconds if aligner else None,
        unlike=portrait.compare(like) if like else [],
        not_judged=portrait.not_judged(like),
    )


def bouts_of(probabilities: np.ndarray, about: Description, *, start: int = 0) -> list[Bout]:
    """The bouts of one stretch without a gap.

    Each window speaks for a hop around its centre; with smoothing, the answer about a window is
    the one that is known `delay_s` later.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n_windows, k)
        Of each window, in order, at the hop.
    about : Description
        The model's: its windows, smoothing and activities.
    start : int
        First row of the first window on the recording's timeline at the model's rate.
    """
    n_mean, hop = about.smoothing.n_windows, about.window.hop_samples
    length = about.window.n_samples
    smoothed = smoothing.causal_mean(probabilities, n_mean)
    answers, confidence = smoothing.decide(smoothed, about.threshold)
    late = np.minimum(np.arange(len(answers)) + (n_mean - 1) // 2, len(answers) - 1)
    answers, confidence = answers[late], confidence[late]
    begin = start + about.lead_in_samples / 2
    edges = begin + length / 2 + hop * (np.arange(len(answers) + 1) - 0.5)
    edges[0], edges[-1] = begin, begin + length + hop * (len(answers) - 1)
    change = np.flatnonzero(np.diff(answers)) + 1
    bounds = [0, *change.tolist(), len(answers)]
    names = (*about.activities, UNKNOWN)  # UNKNOWN's index is −1
    return [
        Bout(
            float(edges[a] / about.rate_hz),
            float(edges[b] / about.rate_hz),
            names[answers[a]],
            float(confidence[a:b].mean()),
        )
        for a, b in itertools.pairwise(bounds)
    ]
