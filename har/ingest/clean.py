"""From what a reader found to recordings: the repairs that are always sure, each one counted.

Every sample of a `Raw` ends in exactly one place: in one recording, or in `rejected` under one
reason. `Account.check` holds that to the sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from har.errors import DataError
from har.ingest.clock import RATES_HZ
from har.ingest.examine.values import dropped_out
from har.ingest.order import RESTART_S, ordered
from har.ingest.raw import (
    ANOTHER_SENSOR,
    LARGEST,
    REPEATED_HEADER,
    TO_MS2,
    Finding,
    Raw,
    finite_rows,
    on_all_axes,
    runs,
)
from har.recording import Annotation, Recording

NOT_FINITE, TOO_LARGE = "not finite", "too large"
NO_TIME, REPEATED, DROPOUT = "no time", "repeated instant", "dropout"
"""Reasons to reject a row."""


@dataclass
class Account:
    """Where the samples of one source went."""

    source: str
    samples_in: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    recordings: int = 0
    findings: list[Finding] = field(default_factory=list)
    copies: int = 0
    """Of the rejected: rows that came twice, with the same values. Nothing is lost with them."""

    def check(self) -> None:
        """Samples in = kept + rejected, or `DataError`: a bug, not a fault of the file."""
        if self.samples_in != self.kept + sum(self.rejected.values()):
            raise DataError(
                f"{self.source}: {self.samples_in} samples came in, {self.kept} were kept and "
                f"{dict(self.rejected)} rejected: these do not add up. Please report this file."
            )

    def as_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "samples_in": self.samples_in,
            "kept": self.kept,
            "rejected": dict(sorted(self.rejected.items())),
            "recordings": self.recordings,
            "findings": [f.as_dict() for f in self.findings],
        }


def clean(raw: Raw) -> tuple[list[Recording], Account]:
    """Repair, convert and validate one stretch.

    Rows that are not finite, that have no usable time, or that repeat an instant and its values are
    rejected; other rows that share a timestamp are spread over the step; rows slightly out of order
    and packets that came late are sorted by their timestamps; a large step back starts another
    recording. Units become m/s² and the sign Android's.

    Parameters
    ----------
    raw : Raw
        With unit and convention known.

    Returns
    -------
    recordings : list of Recording
        None at all if no sample is left.
    account : Account

    Raises
    ------
    DataError
        If unit or convention is not known, or neither a rate nor timestamps are.
    """
    if raw.unit is None or raw.convention is None:
        missing = "unit" if raw.unit is None else "convention"
        raise DataError(f"{raw.source}: {missing} is not known. Set dataset.{missing}.")
    account = Account(raw.source, raw.n_in, rejected=Counter(raw.rejected))
    account.findings += raw.findings
    unread = {k: n for k, n in raw.rejected.items() if k not in (ANOTHER_SENSOR, REPEATED_HEADER)}
    if unread:
        n, what = sum(unread.values()), ", ".join(sorted(unread))
        shown = [line for count in unread.values() for line in getattr(count, "first", ())]
        first = f" ({'; '.join(shown)})" if shown else ""
        account.findings.append(
            Finding("unreadable", "warning", "rejected", f"{n} rows: {what}{first}.", raw.source, n)
        )
    rows = np.flatnonzero(_finite(raw, account))
    recordings = []
    pieces = _in_order(raw, rows, account)
    steps = [np.diff(t) for _, t in pieces if t is not None]
    usual_hz = raw.rate_hz or (rate_of_steps(np.concatenate(steps)) if steps else None)
    for number, (piece, time_s) in enumerate(pieces):
        recording = _recording(raw, piece, time_s, usual_hz, number, account)
        recordings.append(recording)
        account.kept += recording.n_samples
    account.recordings = len(recordings)
    account.check()
    return recordings, account


def _finite(raw: Raw, account: Account) -> np.ndarray:
    good = finite_rows(raw.acceleration)
    large = too_large(raw.acceleration, good)
    dropped = dropped_out(raw.acceleration, raw.gravity)
    what = "samples that are exactly 0 on all axes, where the sensor dropped out"
    _reject(account, DROPOUT, "dropout", what, np.flatnonzero(dropped))
    what = "samples with an empty or NaN axis"
    _reject(account, NOT_FINITE, "nan", what, np.flatnonzero(~good & ~large))
    what = f"samples with a value beyond {LARGEST:g}, which no sensor reaches"
    _reject(account, TOO_LARGE, "too-large", what, np.flatnonzero(large))
    good &= ~dropped
    if raw.time_s is not None:
        timed = np.isfinite(raw.time_s)
        rows = np.flatnonzero(good & ~timed)
        _reject(account, NO_TIME, "no-time", "samples without a timestamp", rows)
        good &= timed
    return good


def too_large(acceleration: np.ndarray, finite: np.ndarray) -> np.ndarray:
    """Which of the rows that `finite_rows` leaves out are too large rather than not finite."""
    return ~finite & on_all_axes(np.isfinite(acceleration))


def converted(acceleration: np.ndarray, like: Raw) -> np.ndarray:
    """Values in m/s² with Android's sign, float32; unit and convention must be known."""
    assert like.unit is not None
    factor = TO_MS2[like.unit] * (-1 if like.convention == "ios" else 1)
    return (np.asarray(acceleration, np.float64) * factor).astype(np.float32)


def _in_order(
    raw: Raw, rows: np.ndarray, account: Account
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Rows of each recording and their times, strictly increasing."""
    if raw.time_s is None:
        return [(rows, None)] if len(rows) else []
    everything = len(rows) == len(raw.time_s)
    time_s = raw.time_s if everything else raw.time_s[rows]
    samples = raw.acceleration if everything else raw.acceleration[rows]
    found = ordered(time_s, samples, raw.rate_hz)

    def say(code: str, places: list[int], message: str) -> None:
        if places:
            message = message.format(n=len(places), row=int(rows[places[0]]) + 1)
            account.findings.append(
                Finding(code, "warning", "fixed", message, raw.source, len(places))
            )

    steps = np.diff(time_s)
    little = (np.flatnonzero((steps < 0) & (steps >= -RESTART_S)) + 1).tolist()
    say("restart", found.begins, f"Time steps back by more than {RESTART_S:g} s {{n}} times, first "
        "in row {row}: each starts a new recording.")  # fmt: skip
    say("step-back", little, "Time steps back a little {n} times, first in row {row}: rows sorted "
        "by their timestamps.")  # fmt: skip
    say("late", found.late, "{n} samples came late, the first in row {row}: sorted into the gaps "
        "that they fill.")  # fmt: skip
    say("shared-timestamp", found.shared, "{n} samples share a timestamp with another, "
        "the first in row {row}: spread evenly over the step to the next timestamp.")  # fmt: skip
    account.copies += len(found.repeated)
    _reject(account, REPEATED, "duplicate", "samples repeat a timestamp and its values",
            rows[found.repeated])  # fmt: skip
    return [(rows[piece], time_s) for piece, time_s in found.pieces]


def _reject(account: Account, reason: str, code: str, what: str, rows: np.ndarray) -> None:
    if n := len(rows):
        account.rejected[reason] += n
        message = f"{n} {what}, the first in row {int(rows.min()) + 1}."
        account.findings.append(Finding(code, "warning", "rejected", message, account.source, n))


def _recording(
    raw: Raw, rows: np.ndarray, time_s: np.ndarray | None, usual_hz: float | None, number: int,
    account: Account,
) -> Recording:  # fmt: skip
    assert raw.unit is not None
    everything = _is_everything(rows, len(raw.acceleration))
    acceleration = converted(raw.acceleration if everything else raw.acceleration[rows], raw)
    rate_hz = usual_hz
    if time_s is not None:
        own_hz = true_rate_hz(time_s)
        if own_hz is not None and (usual_hz is None or plausible(own_hz)):
            rate_hz = own_hz
    if rate_hz is None:
        raise DataError(
            f"{raw.source}: no timestamps to infer the sampling rate from. Set dataset.rate_hz."
        )
    provenance: dict[str, Any] = {"source": raw.source, **raw.provenance}
    if raw.unit != "m/s2":
        provenance["unit"] = f"{raw.unit} × {TO_MS2[raw.unit]:g} = m/s²"
    if raw.convention == "ios":
        provenance["sign"] = "negated: published in the iOS convention"
    if raw.gravity == "removed":
        provenance["gravity"] = "removed by the recorder"
    if raw.rate_hz and abs(rate_hz / raw.rate_hz - 1) > 0.05:
        provenance["rate"] = f"{rate_hz:.4g} Hz by its timestamps, {raw.rate_hz:g} Hz published"
    if account.rejected:
        provenance["rejected"] = dict(account.rejected)
    if fixed := [f.message for f in account.findings if f.action == "fixed"]:
        provenance["repaired"] = fixed
    session = raw.session if not number else f"{raw.session}~{number + 1}"
    return Recording(
        dataset=raw.dataset,
        subject=raw.subject,
        session=session,
        placement=raw.placement,
        rate_hz=float(rate_hz),
        acceleration=acceleration,
        annotations=tuple(_annotations(raw.notes, rows, len(raw.acceleration))),
        time_s=time_s,
        start_time=raw.start_time,
        provenance=provenance,
    )


def _annotations(
    notes: Iterable[tuple[str, int, int]], rows: np.ndarray, n: int
) -> Iterable[Annotation]:
    """Intervals of source rows as intervals of kept rows; those without any row left vanish."""
    if _is_everything(rows, n):
        yield from (Annotation(*note) for note in notes)
        return
    number = np.full(n, -1, np.int64)
    labels: list[str] = []
    for i, (label, start, end) in enumerate(notes):
        number[start:end] = i
        labels.append(label)
    kept = number[rows]
    for start, end in runs(kept):
        if kept[start] >= 0:
            yield Annotation(labels[kept[start]], start, end)


def _is_everything(rows: np.ndarray, n: int) -> bool:
    """Every row, in order."""
    return len(rows) == n and bool((rows[1:] > rows[:-1]).all())


def plausible(rate_hz: float) -> bool:
    """Whether it is within `RATES_HZ`."""
    return RATES_HZ[0] <= round(rate_hz, 3) <= RATES_HZ[1]


def true_rate_hz(time_s: np.ndarray) -> float | None:
    """Samples per second where the recording runs: gaps are left out.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Strictly increasing.

    Returns
    -------
    float or None
        None for fewer than 2 samples.
    """
    return rate_of_steps(np.diff(time_s))


def rate_of_steps(steps_s: np.ndarray) -> float | None:
    """As `true_rate_hz`, of the steps."""
    if not len(steps_s):
        return None
    return float(1 / steps_s[steps_s <= 4 * np.median(steps_s)].mean())
