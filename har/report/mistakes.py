"""What a model got wrong on held-out people, window by window: for a gallery and for a map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from har.evaluation import plane as planes
from har.evaluation.plane import Plane
from har.signal.windows import Windows
from har.training.job_files import StoredJob

PAIRS, OF_EACH = 4, 6
UNSURE = 1e-3
"""On the map, probabilities below this are all the same."""


@dataclass(frozen=True, eq=False)
class Answered:
    """The windows that a model's jobs of one seed tested, and what it said of them.

    windows : of all. index : int64, shape (n,). probabilities : shape (n, k).
    """

    windows: Windows
    index: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def by(cls, jobs: Sequence[StoredJob], windows: Windows) -> Answered | None:
        """By the jobs of the first seed; None if there are none."""
        first = min((j.seed for j in jobs), default=0)
        parts = [j.predictions.of("test") for j in jobs if j.seed == first]
        if not parts:
            return None
        index, probabilities = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(windows, index, probabilities)

    @property
    def truth(self) -> np.ndarray:
        return self.windows.labels[self.index]

    @property
    def said(self) -> np.ndarray:
        return np.asarray(self.probabilities.argmax(axis=1))

    def about(self, i: int) -> dict[str, object]:
        """Who, what and when, of the i-th of them."""
        w, n = self.windows, int(self.index[i])
        lead = (len(w.taps) - 1) / 2
        return {
            "true": w.activities[w.labels[n]],
            "said": w.activities[int(self.probabilities[i].argmax())],
            "confidence": float(self.probabilities[i].max()),
            "person": str(w.subjects[n]),
            "recording": str(w.recordings[n]),
            "start_s": float((w.spans[n, 0] + lead) / w.rate_hz),
        }


@dataclass(frozen=True)
class Pair:
    """One activity taken for another: how often, and the surest mistake of each recording.

    share : of the windows of the true activity. shown : see `Answered.about`; `lines` has the
    points of x, y and z in a box of 100 by 50.
    """

    true: str
    said: str
    windows: int
    share: float
    shown: list[dict[str, object]] = field(default_factory=list)


def pairs(of: Answered) -> list[Pair]:
    """The most confused pairs of activities, the most frequent first."""
    truth, said = of.truth, of.said
    wrong = np.flatnonzero(truth != said)
    often = Counter(zip(truth[wrong].tolist(), said[wrong].tolist(), strict=True))
    sure = of.probabilities.max(axis=1)
    found = []
    for (t, s), n in often.most_common(PAIRS):
        mine = wrong[(truth[wrong] == t) & (said[wrong] == s)]
        surest = _one_of_each(mine[np.argsort(-sure[mine], kind="stable")], of)[:OF_EACH]
        shown = [{**of.about(i), "lines": _lines(of.windows, of.index[i])} for i in surest]
        names = of.windows.activities
        found.append(Pair(names[t], names[s], n, n / int((truth == t).sum()), shown))
    return found


def _one_of_each(mistakes: np.ndarray, of: Answered) -> np.ndarray:
    """The first of each recording: overlapping windows of one movement look alike."""
    recordings = of.windows.recordings[of.index[mistakes]]
    _, first = np.unique(recordings, return_index=True)
    return mistakes[np.sort(first)]


def _lines(windows: Windows, index: int) -> list[str]:
    """Points of the axes for SVG: time over 100, ±20 m/s² over 50; beyond that they leave it."""
    lead = (len(windows.taps) - 1) // 2
    samples = windows.gather(np.array([index]))[0, lead : lead + windows.n_samples]
    x = np.linspace(0, 100, len(samples))
    y = 25 - 25 * samples / 20
    return [" ".join(f"{a:.4g},{b:.3g}" for a, b in zip(x, y[:, k], strict=True)) for k in range(3)]


@dataclass(frozen=True)
class Map:
    """Windows in a plane. points : see `Answered.about`, with x and y from 0 to 100, activity
    (its number) and wrong. explained : share of the variance. of : how many windows there are.
    by_features : whether of the features of one fold's people, or of everybody's probabilities."""

    points: list[dict[str, object]]
    explained: float
    of: int
    by_features: bool

    @property
    def n_people(self) -> int:
        return len({point["person"] for point in self.points})


def by_features(windows: Windows, plane: Plane) -> Map:
    """The first two principal components of the selected model's features."""
    of = Answered(windows, plane.index, plane.probabilities)
    return Map(_points(of, plane.places), plane.explained, plane.of, True)


def by_probabilities(of: Answered) -> Map:
    """The first two principal components of the log-probabilities, of a model without a bundle."""
    some = planes.some(len(of.index))
    drawn = Answered(of.windows, of.index[some], of.probabilities[some])
    logs = np.log(np.maximum(drawn.probabilities.astype(np.float64), UNSURE))
    places, explained = planes.components(logs)
    return Map(_points(drawn, places), explained, len(of.index), False)


def _points(of: Answered, places: np.ndarray) -> list[dict[str, object]]:
    """All mistakes come last, so that they lie on top."""
    wrong = of.truth != of.said
    return [
        {
            **of.about(i),
            "x": round(float(places[i, 0]), 1),
            "y": round(float(places[i, 1]), 1),
            "activity": int(of.truth[i]),
            "wrong": bool(wrong[i]),
        }
        for i in np.argsort(wrong, kind="stable").tolist()
    ]
