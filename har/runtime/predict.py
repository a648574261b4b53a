"""A recording of any length to bouts of activity, by the model that ships and nothing else.

The interpreter, `model.json` and the recording; TensorFlow is not imported (a test says so). The
recording is read, resampled and cut in chunks, so that a day takes no more memory than an hour.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from har.errors import DataError
from har.evaluation import events
from har.ingest import chunks
from har.recording import Chunk
from har.runtime import smoothing, streaming
from har.runtime.bundle import Bundle
from har.runtime.prediction import UNKNOWN, Bout, Prediction


def predict(bundle: Bundle, source: chunks.Source, *, variant: str = "float32") -> Prediction:
    """Label a recording.

    Parameters
    ----------
    bundle : Bundle
    source : Source
        Its chunks are used up.
    variant : str
        Of the bundle's files.

    Raises
    ------
    DataError
        If the recording is shorter than a window, or has no gravity where the model needs it.
    """
    model = bundle.model(variant)
    manifest = bundle.manifest
    needs = manifest["input"]["gravity"]
    if source.gravity is not None and source.gravity != needs:
        raise DataError(
            f"{source.name}: gravity is {source.gravity}, but the model was trained on recordings "
            f"with gravity {needs}. Export the logger's other channel (total acceleration, or "
            "without g), or say --gravity if the doctor is wrong."
        )
    seen, aligner = _Seen(), bundle.aligner()
    pieces: list[tuple[int, list[np.ndarray]]] = []  # of each stretch: first row, probabilities
    for batch in streaming.batches(
        seen.through(source.chunks),
        rate_hz=bundle.rate_hz,
        max_gap_s=manifest["resampler"]["max_gap_s"],
        n_raw=bundle.n_raw,
        hop=bundle.hop,
        aligner=aligner,
    ):
        answers = model(batch.windows)
        if batch.fresh:
            pieces.append((batch.start, []))
        pieces[-1][1].append(answers)
    stretches = [(start, np.concatenate(parts)) for start, parts in pieces]
    if not stretches:
        need = bundle.n_raw / bundle.rate_hz
        raise DataError(
            f"{source.name}: no window of {need:.3g} s without a gap in {seen.last_s:.3g} s of "
            "recording. Give a longer recording, or one with fewer gaps."
        )
    bouts = [b for start, p in stretches for b in _bouts(bundle, start, p)]
    half_lead = bundle.lead_in / 2
    result = Prediction(
        recording=source.name,
        bouts=bouts,
        n_windows=sum(len(p) for _, p in stretches),
        length_s=seen.last_s,
        delay_s=(manifest["window"]["n_samples"] / 2 + half_lead) / bundle.rate_hz
        + manifest["smoothing"]["delay_s"],
        probabilities=np.concatenate([p for _, p in stretches]),
        window_start_s=np.concatenate(
            [
                (start + half_lead + bundle.hop * np.arange(len(p))) / bundle.rate_hz
                for start, p in stretches
            ]
        ),
        annotations=source.annotations,
        rejected=source.rejected,
        walked_s=aligner.seconds if aligner else None,
    )
    result.scores = events.score(
        [(b.start_s, b.end_s, b.activity) for b in bouts],
        source.annotations,
        activities=bundle.activities,
        labels=manifest["data"].get("labels"),
    )
    return result


class _Seen:
    """How far the chunks have gone."""

    last_s = 0.0

    def through(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        for chunk in chunks:
            if len(chunk.time_s):
                self.last_s = float(chunk.time_s[-1])
            yield chunk


def _bouts(bundle: Bundle, start: int, probabilities: np.ndarray) -> list[Bout]:
    """Bouts of one stretch.

    Each window speaks for a hop around its centre; with smoothing, the answer about a window is
    the one that is known `delay_s` later.
    """
    n_mean = bundle.manifest["smoothing"]["n_windows"]
    smoothed = smoothing.causal_mean(probabilities, n_mean)
    answers, confidence = smoothing.decide(smoothed, bundle.threshold)
    late = np.minimum(np.arange(len(answers)) + (n_mean - 1) // 2, len(answers) - 1)
    answers, confidence = answers[late], confidence[late]
    length, hop = bundle.manifest["window"]["n_samples"], bundle.hop
    begin = start + bundle.lead_in / 2
    edges = begin + length / 2 + hop * (np.arange(len(answers) + 1) - 0.5)
    edges[0], edges[-1] = begin, begin + length + hop * (len(answers) - 1)
    change = np.flatnonzero(np.diff(answers)) + 1
    bounds = [0, *change.tolist(), len(answers)]
    names = (*bundle.activities, UNKNOWN)  # UNKNOWN's index is −1
    return [
        Bout(
            float(edges[a] / bundle.rate_hz),
            float(edges[b] / bundle.rate_hz),
            names[answers[a]],
            float(confidence[a:b].mean()),
        )
        for a, b in itertools.pairwise(bounds)
    ]
