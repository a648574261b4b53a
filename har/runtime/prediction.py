"""What a recording holds: bouts of activity."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from har.runtime.likeness import Unlike

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


@dataclass(frozen=True)
class SetBout:
    """A stretch with one set of activities, the likeliest first; empty where none is likely."""

    start_s: float
    end_s: float
    activities: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """What a recording holds.

    Parameters
    ----------
    bouts : list of Bout
        In order; what no window covers (gaps, the very ends) is in none.
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
        Against the recording's annotations; see `har.evaluation.events`.
    read_as : dict
        Unit, sign and gravity that the samples were read with, and why.
    unlike : list of Unlike
        In what the recording differs from those of training.
    not_judged : str, optional
        Why it was not compared with them.
    unfamiliar : int, optional
        Windows that are `unknown` since they are unlike all that the model was trained on; None if
        the bundle cannot tell.
    sets : list of SetBout, optional
        At the level that was asked for.
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
    read_as: dict[str, str] = field(default_factory=dict)
    unlike: list[Unlike] = field(default_factory=list)
    not_judged: str | None = None
    unfamiliar: int | None = None
    sets: list[SetBout] | None = None

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
            "read_as": self.read_as,
            "unlike": [asdict(u) for u in self.unlike],
            "not_judged": self.not_judged,
            "unfamiliar": self.unfamiliar,
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
            **({} if self.sets is None else {"sets": [asdict(b) for b in self.sets]}),
        }
