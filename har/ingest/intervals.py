"""Labelled intervals joined to recordings by time, and what becomes of every one of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from har.errors import DataError
from har.ingest import clock, content, label_files
from har.ingest.dates import DAY_S
from har.ingest.label_files import Book, Kind, Labelled, time_shown
from har.ingest.order import INSTANT_S
from har.ingest.raw import Finding, Raw, runs
from har.own_recordings import Labels

SAME_ZERO_S = 0.5
"""A time column that begins this close to 0 counts from the recording's start."""


def join(raw: Raw, file: Labelled, said: Labels, shown: str) -> None:
    """Label the rows of one stretch, in place of any labels that it has.

    Where intervals of different labels overlap, no label is given.

    Parameters
    ----------
    raw : Raw
        Is given notes, a finding that accounts for its time, and the rows of the file in its
        provenance.
    file : Labelled
    said : Labels
    shown : str
        The recording's path.
    """

    def say(code: str, severity: Any, action: Any, message: str, count: int = 0) -> None:
        found = Finding(code, severity, action, f"{file.shown}: {message}", raw.source, count)
        raw.findings.append(found)

    time_s = raw.time_s
    if time_s is None and raw.rate_hz:
        time_s = np.arange(len(raw.acceleration)) / raw.rate_hz
    if time_s is None or not np.isfinite(time_s).any():
        return
    if raw.notes:
        own = len({label for label, *_ in raw.notes})
        message = f"its labels replace the {own} of the recording itself."
        say("labels", "info", "fixed", message)
        raw.notes = []
    if not content.exists(file.source):
        say("no-labels", "warning", "kept", "there is no such file.")
        return
    book = label_files.read(file, said)
    rows = book.rows_of(raw, shown)
    first, last = np.nanmin(time_s), np.nanmax(time_s)
    end = last + (last - first) / max(1, len(time_s) - 1)
    try:
        zero_s = _zero(book, rows, raw, said, (first, end))
    except DataError as e:
        say("labels", "error", "none", str(e))
        return
    start_s, end_s = zero_s + _unwrapped(book, rows)
    inside = (start_s < end) & (end_s > first)
    if not inside.any():
        span = " to ".join(time_shown(book.kind, t - zero_s) for t in (first, end))
        begins = f", the first {book.shown(rows[0])}" if len(rows) else ""
        message = f"none of {len(rows)} intervals overlaps the recording ({span}){begins}."
        say("no-labels", "warning", "kept", message)
        return
    rows = rows[inside]
    flat, several_s = _flat(
        np.maximum(start_s[inside], first), np.minimum(end_s[inside], end), book.label[rows]
    )
    code = _codes(time_s, flat)
    raw.notes = [(flat[code[a]][2], a, b) for a, b in runs(code) if code[a] >= 0]
    raw.provenance["labels"] = {"file": file.shown, "intervals": (rows + 1).tolist()}
    labelled_s, n = sum(b - a for a, b, _ in flat), int((code >= 0).sum())
    message = f"{len(rows)} intervals label {labelled_s:.1f} s of {end - first:.1f} s."
    say("labels", "info", "kept", message, n)
    if several_s:
        message = f"{several_s:.1f} s with more than one label are left unlabelled."
        say("label-overlap", "warning", "kept", message)


def _codes(time_s: np.ndarray, stretches: Sequence[tuple[float, float, str]]) -> np.ndarray:
    """For each row the stretch that it is in; −1 is none."""
    order = np.argsort(time_s, kind="stable")
    known = time_s[order][: int(np.isfinite(time_s).sum())]
    code = np.full(len(time_s), -1)
    for k, (start, end, _) in enumerate(stretches):
        i, j = np.searchsorted(known, (start - INSTANT_S, end - INSTANT_S))
        code[order[i:j]] = k
    return code


def _zero(
    b: Book, rows: np.ndarray, raw: Raw, said: Labels, span: tuple[float, float]
) -> float:  # fmt: skip
    """Where in the times of a stretch the intervals' own 0 is."""
    first, _ = span
    kind, at_s = _clock(raw)
    start_s, end_s = _unwrapped(b, rows)

    def shared(zero_s: float) -> float:
        a, z = np.maximum(start_s + zero_s, span[0]), np.minimum(end_s + zero_s, span[1])
        return float(np.maximum(z - a, 0).sum())

    if b.kind == "elapsed":
        if kind != "elapsed" or said.since == "start" or abs(first + at_s) < SAME_ZERO_S:
            return first
        if said.since is None and shared(first) and shared(-at_s):
            raise DataError(
                "its times fit the recording both as seconds from its first sample and as values "
                f"of its time column, which starts at {first + at_s:.4g} s. Set "
                "dataset.labels.since: start or clock."
            )
        return -at_s if said.since == "clock" or shared(-at_s) else first
    if kind == "elapsed" or (b.kind, kind) == ("date", "day"):
        have = "a time of day, but no date" if kind == "day" else "neither a date nor a time of day"
        raise DataError(
            f"its times are {'dates' if b.kind == 'date' else 'times of day'}, and the recording "
            f"has {have}. Give seconds from the recording's start."
        )
    if b.kind == "date":
        return -at_s
    midnight = -(at_s % DAY_S)
    return max((midnight, midnight + DAY_S, midnight - DAY_S), key=shared)


def _clock(raw: Raw) -> tuple[Kind, float]:
    """What a stretch's time column counts from, and where `time_s` is 0 by it, in seconds."""
    if raw.clock is not None:
        origin = raw.clock.origin
        if isinstance(origin, np.datetime64):
            at_s = float((origin - np.datetime64(0, "ns")) / np.timedelta64(1, "s"))
            return ("date", at_s) if at_s > 2 * DAY_S else ("day", at_s % DAY_S)
        epoch = clock.epoch_unit(np.array([origin]))
        at_s = float(origin) * raw.clock.unit_s
        return "date" if epoch and clock.SECONDS[epoch] == raw.clock.unit_s else "elapsed", at_s
    if raw.start_time is not None:
        at = np.datetime64(raw.start_time.replace(tzinfo=None), "ns")
        return "date", float((at - np.datetime64(0, "ns")) / np.timedelta64(1, "s"))
    return "elapsed", 0.0


def _unwrapped(b: Book, rows: np.ndarray) -> np.ndarray:
    """Starts and ends; times of day go on over midnight."""
    both = np.stack([b.start_s[rows], b.end_s[rows]])
    if b.kind == "day":
        both = both + DAY_S * np.cumsum(np.diff(both[0], prepend=both[0, :1]) < -DAY_S / 2)
    return both


def _flat(
    start_s: np.ndarray, end_s: np.ndarray, label: Sequence[str]
) -> tuple[list[tuple[float, float, str]], float]:
    """Stretches with one label, and how long several labels claim the same time."""
    edges = sorted([(t, 1, n) for t, n in zip(start_s, label, strict=True)]
                   + [(t, -1, n) for t, n in zip(end_s, label, strict=True)])  # fmt: skip
    out: list[tuple[float, float, str]] = []
    open_, since, several_s = Counter[str](), 0.0, 0.0
    for at, change, name in edges:
        now = +open_
        if at > since and len(now) > 1:
            several_s += at - since
        elif at > since and now:
            (only,) = now
            if out and out[-1][1:] == (since, only):
                since = out.pop()[0]
            out.append((since, at, only))
        open_[name] += change
        since = at
    return out, several_s


def left_over(
    files: Iterable[Labelled], said: Labels, used: Iterable[Mapping[str, Any]]
) -> list[Finding]:
    """Intervals that label no recording, and lines that are none.

    Parameters
    ----------
    files : iterable of Labelled
    said : Labels
    used : iterable of mapping
        `provenance["labels"]` of the recordings.
    """
    rows: dict[str, set[int]] = defaultdict(set)
    for one in used:
        rows[one["file"]] |= set(one["intervals"])
    found = []
    for file in sorted(set(files)):
        if not content.exists(file.source):
            continue
        b = label_files.read(file, said)
        if bad := int((~b.valid).sum()) + b.malformed:
            message = f"{bad} lines lack a start, an end after it, or a label."
            found.append(Finding("label-lines", "warning", "rejected", message, file.shown, bad))
        unused = [i for i in np.flatnonzero(b.valid) if i + 1 not in rows.get(file.shown, ())]
        if unused:
            some = "; ".join(b.shown(i) for i in unused[:3])
            message = (
                f"{len(unused)} of {int(b.valid.sum())} intervals overlap no recording: {some}"
            )
            at = file.shown
            found.append(Finding("labels-unused", "warning", "kept", message, at, len(unused)))
    if rows:
        return found
    message = (
        "No interval overlaps a recording, so there are no labels. Set dataset.labels.time_unit, "
        "since, shift_s or columns."
    )
    return [Finding("labels", "error", "none", message, said.path), *found]
