"""Bouts against annotations: events that were found, not windows that were right.

Over a day, most windows are easy and long; whether each walk was found once, whole, under its name
is another question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Span = tuple[float, float, str]
"""start, end, activity; seconds."""

MIN_IOU = 0.5
"""Least overlap, as a share of the union, at which a bout is the annotated one."""


def score(
    bouts: Sequence[Span],
    annotations: Sequence[Span],
    *,
    activities: Sequence[str],
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Event-level and time-level scores.

    Parameters
    ----------
    bouts, annotations : sequence of (start_s, end_s, name)
        In order of time; neither overlaps itself.
    activities : sequence of str
        What the model can say. Annotations of anything else are left out, and the time that they
        cover counts for nothing.
    labels : mapping, optional
        Annotated label to activity, where they differ.

    Returns
    -------
    dict or None
        None if nothing that is annotated is an activity of the model. Otherwise:

        events : annotated events after touching ones of one activity were joined
        precision, recall, f1 : over events of all activities; a bout is right if it overlaps an
            event of its activity by at least half of their union, and each counts once. Bouts
            outside annotated time are not held against the model: nobody said what was done
            there. Nor is an `unknown`, but its time is not right either.
        fragmented, merged : events that more than one bout of their activity touches; bouts that
            touch more than one event of their activity
        time_accuracy : share of the annotated time that has the right name
        per_activity : {activity: {events, precision, recall, f1}}

    References
    ----------
    Matching by overlap over union as in Caba Heilbron and others, ActivityNet, CVPR 2015,
    doi:10.1109/CVPR.2015.7298698; fragmented and merged after Ward, Lukowicz and Gellersen,
    Performance metrics for activity recognition, ACM TIST 2(1) 2011, doi:10.1145/1889681.1889687.
    """
    names = labels or {}
    true = joined(
        [(a, b, names.get(n, n)) for a, b, n in annotations if names.get(n, n) in activities]
    )
    if not true:
        return None
    # What lies in annotated time; elsewhere there is nothing to compare with.
    said = [
        b
        for b in bouts
        if b[2] in activities and sum(_overlap(b, t) for t in true) >= (b[1] - b[0]) / 2
    ]
    pairs = sorted(
        (-_iou(b, t), i, j)
        for i, b in enumerate(said)
        for j, t in enumerate(true)
        if b[2] == t[2] and _iou(b, t) >= MIN_IOU
    )
    found_bout: set[int] = set()
    found_event: set[int] = set()
    for _, i, j in pairs:
        if i not in found_bout and j not in found_event:
            found_bout.add(i)
            found_event.add(j)
    touching = [
        (i, j)
        for i, b in enumerate(bouts)
        for j, t in enumerate(true)
        if b[2] == t[2] and _overlap(b, t) > 0
    ]
    by_event, by_bout = Counter(j for _, j in touching), Counter(i for i, _ in touching)
    right_s = sum(_overlap(bouts[i], true[j]) for i, j in touching)
    n_said, n_true = Counter(b[2] for b in said), Counter(t[2] for t in true)
    n_found = Counter(true[j][2] for j in found_event)
    return {
        "events": len(true),
        **_rates(len(found_event), len(said), len(true)),
        "fragmented": sum(n > 1 for n in by_event.values()),
        "merged": sum(n > 1 for n in by_bout.values()),
        "time_accuracy": right_s / sum(t[1] - t[0] for t in true),
        "per_activity": {
            a: {"events": n_true[a], **_rates(n_found[a], n_said[a], n_true[a])}
            for a in activities
            if n_true[a] or n_said[a]
        },
    }


def joined(spans: Sequence[Span], gap_s: float = 0.1) -> list[Span]:
    """Touching spans of one activity as one: annotators split what a bout does not."""
    out: list[Span] = []
    for start, end, name in sorted(spans):
        if out and out[-1][2] == name and start - out[-1][1] <= gap_s:
            out[-1] = (out[-1][0], max(end, out[-1][1]), name)
        else:
            out.append((start, end, name))
    return out


def _overlap(a: Span, b: Span) -> float:
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a: Span, b: Span) -> float:
    both = _overlap(a, b)
    union = (a[1] - a[0]) + (b[1] - b[0]) - both
    return both / union if union else 0.0


def _rates(hits: int, said: int, true: int) -> dict[str, float | None]:
    precision = hits / said if said else None
    recall = hits / true if true else None
    f1 = 2 * hits / (said + true) if said + true else None
    return {"precision": precision, "recall": recall, "f1": f1}
