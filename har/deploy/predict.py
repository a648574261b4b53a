"""A recording of any length to bouts of activity, by the model that ships and nothing else.

The interpreter, `model.json` and the recording; TensorFlow is not imported (a test says so). The
recording is read, resampled and cut in chunks, so that a day takes no more memory than an hour.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har.config import Table
from har.deploy import events, smoothing, sources, streaming, tables
from har.deploy.bundle import Bundle
from har.errors import DataError

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Bout:
    """A stretch of one activity.

    `start_s` and `end_s` are seconds since the recording's first sample; `confidence` is the mean
    of the smoothed probability of the answer (of the best activity, where it is `unknown`).
    """

    start_s: float
    end_s: float
    activity: str
    confidence: float


@dataclass
class Prediction:
    """What a recording holds.

    Parameters
    ----------
    recording : str
    bouts : list of Bout
        In order; what no window covers (gaps, the very ends) is in none.
    n_windows : int
    length_s : float
        From the first sample to the last.
    delay_s : float
        How much later than an activity begins the answer says so, live: half a window, half the
        filter, and the smoothing.
    probabilities : ndarray of float32, shape (n_windows, k)
        Of each window, not smoothed.
    window_start_s : ndarray of float64, shape (n_windows,)
        Where the filtered part of each window begins.
    walked_s : int, optional
        Seconds of walking by which the samples were turned, 0 if there was too little; None if the
        model does not ask for that (`har.signal.align`).
    scores : dict, optional
        Against the recording's annotations; see `har.deploy.events`.
    """

    recording: str
    bouts: list[Bout]
    n_windows: int
    length_s: float
    delay_s: float
    probabilities: np.ndarray
    window_start_s: np.ndarray
    annotations: list[tuple[float, float, str]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    walked_s: int | None = None
    scores: dict[str, Any] | None = None

    def minutes(self) -> dict[str, float]:
        """Minutes of each activity, the longest first."""
        total: dict[str, float] = {}
        for b in self.bouts:
            total[b.activity] = total.get(b.activity, 0.0) + (b.end_s - b.start_s) / 60
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def as_dict(self) -> dict[str, Any]:
        """JSON values, without the windows."""
        return {
            "recording": self.recording,
            "length_s": round(self.length_s, 3),
            "windows": self.n_windows,
            "delay_s": round(self.delay_s, 3),
            "minutes": {k: round(v, 3) for k, v in self.minutes().items()},
            "rejected": self.rejected,
            "walked_s": self.walked_s,
            "scores": self.scores,
            "bouts": [
                {
                    "start_s": round(b.start_s, 3),
                    "end_s": round(b.end_s, 3),
                    "activity": b.activity,
                    "confidence": round(b.confidence, 4),
                }
                for b in self.bouts
            ],
        }


def predict(bundle: Bundle, source: tables.Source, *, variant: str = "float32") -> Prediction:
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

    def through(self, chunks: Iterable[streaming.Chunk]) -> Iterable[streaming.Chunk]:
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


def write_csv(predictions: Iterable[Prediction], path: Path) -> None:
    """The bouts as a table: recording, start_s, end_s, activity, confidence."""
    import csv

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(["recording", "start_s", "end_s", "activity", "confidence"])
        for p in predictions:
            for b in p.bouts:
                times = f"{b.start_s:.3f}", f"{b.end_s:.3f}"
                out.writerow([p.recording, *times, b.activity, f"{b.confidence:.4f}"])


def describe(prediction: Prediction, *, at_most: int = 20) -> str:
    """What the command line prints."""
    p = prediction
    lines = [f"{p.recording}: {_clock(p.length_s)}, {p.n_windows} windows, {len(p.bouts)} bouts"]
    lines += ["", f"{'start':>9} {'end':>9}  {'activity':<24} confidence"]
    for b in p.bouts[:at_most]:
        lines.append(
            f"{_clock(b.start_s):>9} {_clock(b.end_s):>9}  {b.activity:<24} {b.confidence:.2f}"
        )
    if len(p.bouts) > at_most:
        lines.append(f"  … and {len(p.bouts) - at_most} more (--out CSV writes them all)")
    lines += ["", "minutes"]
    lines += [f"{m:9.1f}  {a}" for a, m in p.minutes().items()]
    if p.scores:
        s = p.scores
        lines += [
            "",
            f"against {s['events']} annotated events: F1 {_share(s['f1'])} "
            f"(precision {_share(s['precision'])}, recall {_share(s['recall'])}), "
            f"{s['fragmented']} fragmented, {s['merged']} bouts merge several; "
            f"{s['time_accuracy']:.1%} of the annotated time is named right",
        ]
    lines += ["", f"Live, an answer comes {p.delay_s:.1f} s after the activity begins."]
    if p.walked_s:
        lines.append(f"Turned upright by {p.walked_s} s of walking.")
    elif p.walked_s == 0:
        lines.append(
            "Too little walking to turn the samples upright by: read as recorded, which mixes up "
            "postures. Walk for half a minute somewhere in the recording."
        )
    if p.rejected:
        rows = ", ".join(f"{n} {reason}" for reason, n in p.rejected.items())
        lines.append(f"Rows left out: {rows}.")
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _clock(seconds: float) -> str:
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(int(minutes), 60)
    return f"{hours}:{m:02d}:{s:04.1f}" if hours else f"{m}:{s:04.1f}"


def command(
    folder: Path,
    path: Path,
    *,
    said: Table | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    variant: str = "float32",
    as_json: bool = False,
) -> str:
    """What `har predict` does; returns what it prints.

    Parameters
    ----------
    folder : Path
        The bundle.
    path : Path
        A recording, or a folder or archive of several.
    said : Table, optional
        What the user said of the recording's unit, sign, rate and gravity.
    out, plot : Path, optional
        A CSV and a picture to write; of several recordings, a picture each (`day-2.png`).
    """
    import json

    bundle = Bundle.open(folder)
    predictions = [predict(bundle, s, variant=variant) for s in sources.open_path(path, said)]
    if out:
        write_csv(predictions, out)
    if plot:
        from har.deploy import timeline

        for i, prediction in enumerate(predictions):
            name = plot if i == 0 else plot.with_stem(f"{plot.stem}-{i + 1}")
            timeline.draw(prediction, name)
    if as_json:
        values = {"recordings": [p.as_dict() for p in predictions]}
        return json.dumps(values, indent=2, ensure_ascii=False)
    return "\n\n".join(describe(p) for p in predictions)
