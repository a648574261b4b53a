"""Examine one stretch, fill in what is sure, reject what holds nothing."""

from __future__ import annotations

import numpy as np

from har.ingest.examine import timing, values
from har.ingest.raw import Finding, Raw

FALLBACK_RATE_HZ = 50.0

FLAT = "flat sensor"
"""Why a stretch in which nothing moves is rejected."""


def treat(raw: Raw) -> Raw:
    """The same stretch with findings; unit and gravity filled in where they are sure.

    A stretch in which nothing moves at all is emptied, its samples counted as rejected.
    """
    if not raw.subject:
        message = (
            "The person is not known. Set dataset.subject, a {subject} in dataset.pattern, a "
            "subject column or a sidecar."
        )
        raw.findings.append(Finding("subject", "warning", "none", message, raw.source))
    if not len(raw.acceleration):
        raw.findings.append(Finding("empty", "error", "rejected", "It has no samples.", raw.source))
        return raw
    if coarse := timing.spread(raw):
        raw.findings.append(coarse)
        if coarse.severity == "error":
            return raw
    rate = timing.rate_hz(raw)
    if rate is None:
        message = "Neither timestamps nor a rate. Set dataset.rate_hz, or name the time column."
        raw.findings.append(Finding("rate", "error", "none", message, raw.source))
    rate = rate or FALLBACK_RATE_HZ
    if wrong := timing.implausible(raw, rate):
        raw.findings.append(wrong)
        return raw
    raw.findings += timing.examine(raw, rate)
    working = values.working(raw)
    if flat := values.flat(raw, working):
        raw.findings.append(flat)
        _empty(raw, FLAT)
        return raw
    raw.findings += values.examine(raw, working, rate)
    raw.findings += values.sensor(raw, working, rate)
    if raw.convention is None:
        message = (
            "The sign convention cannot be inferred from the values. Set "
            "dataset.convention: android (flat on a table, screen up, z reads +9.8) or ios (−9.8)."
        )
        raw.findings.append(Finding("convention", "warning", "none", message, raw.source))
    elif raw.convention == "ios":
        message = "Published in iOS's sign: negated."
        raw.findings.append(Finding("convention", "info", "fixed", message, raw.source))
    return raw


def _empty(raw: Raw, reason: str) -> None:
    raw.rejected[reason] = raw.rejected.get(reason, 0) + len(raw.acceleration)
    raw.acceleration = np.zeros((0, 3))
    raw.time_s = None if raw.time_s is None else raw.time_s[:0]
    raw.notes = []
