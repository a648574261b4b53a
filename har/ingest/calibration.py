"""Autocalibration: offset and gain of each axis, found from gravity while nothing moves.

At rest a calibrated sensor reads a vector of 1 g, whichever way it is turned. The means of still
stretches are fitted to the unit sphere [1]_, as GGIR and scikit-digital-health do. Unlike theirs,
the fit goes on until it no longer changes (they stop up to 1 mg before), and the temperature that
some devices record is not used.

References
----------
.. [1] van Hees et al., Autocalibration of accelerometer data for free-living physical activity
   assessment using local gravity and temperature, J Appl Physiol 117(7), 2014,
   doi:10.1152/japplphysiol.00421.2014.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from har.ingest.examine import timing
from har.ingest.raw import TO_MS2, Finding, Raw, finite_rows
from har.recording import STANDARD_GRAVITY

WINDOW_S, STILL_G, RANGE_G = 10.0, 0.013, 2.0
"""Nothing moves where the standard deviation of each axis is below, and each mean within, these."""

NO_GRAVITY_G = 0.5
"""A mean shorter than this is no reading of gravity, but of a sensor that gives nothing."""

SPREAD_G, FEWEST, WORST_MG = 0.3, 10, 10.0
"""A fit needs means beyond these on both sides of each axis, so many, and to leave less error."""

MAX_WEIGHT, MAX_ROUNDS, TOLERANCE = 100.0, 1000, 1e-13


@dataclass(frozen=True)
class Fit:
    """`(reading + offset_g) * gain` is calibrated.

    Parameters
    ----------
    offset_g, gain : ndarray, shape (3,)
    before_mg, after_mg : float
        The mean distance of still stretches from 1 g.
    """

    offset_g: np.ndarray
    gain: np.ndarray
    before_mg: float
    after_mg: float


def still(readings_g: np.ndarray, rate_hz: float) -> np.ndarray:
    """Mean readings of the stretches of 10 s in which nothing moves, shape (n, 3)."""
    n = max(2, round(WINDOW_S * rate_hz))
    windows = readings_g[: len(readings_g) // n * n].reshape(-1, n, 3)
    means = windows.mean(axis=1)
    quiet = (windows.std(axis=1) < STILL_G).all(axis=1) & (np.abs(means) < RANGE_G).all(axis=1)
    return np.asarray(means[quiet & (np.linalg.norm(means, axis=1) > NO_GRAVITY_G)])


def fit(means_g: np.ndarray) -> Fit:
    """Offset and gain by iteratively re-weighted least squares to the nearest points of the sphere.

    Parameters
    ----------
    means_g : ndarray, shape (n, 3)
        From `still`.
    """
    offset, gain = np.zeros(3), np.ones(3)
    here, weight = means_g, np.full(len(means_g), MAX_WEIGHT)
    last = np.inf
    for _ in range(MAX_ROUNDS):
        nearest = here / np.linalg.norm(here, axis=1, keepdims=True)
        share = (weight / weight.sum())[:, None]
        center, aim = (share * here).sum(axis=0), (share * nearest).sum(axis=0)
        away = here - center
        slope = (share * away * (nearest - aim)).sum(axis=0) / (share * away**2).sum(axis=0)
        offset = offset + (aim / slope - center) / gain
        gain = gain * slope
        here = (means_g + offset) * gain
        left = np.linalg.norm(here - nearest, axis=1)
        error = float((share[:, 0] * left**2).sum())
        if abs(error - last) < TOLERANCE:
            break
        last, weight = error, np.minimum(1 / np.maximum(left, 1e-12), MAX_WEIGHT)
    return Fit(offset, gain, error_mg(means_g), error_mg(here))


def error_mg(means_g: np.ndarray) -> float:
    """How far means at rest are from 1 g."""
    return float(1000 * np.abs(np.linalg.norm(means_g, axis=1) - 1).mean())


def calibrated(raw: Raw) -> Raw:
    """A stretch calibrated to gravity; as it is, with the reason, where that cannot be done.

    Parameters
    ----------
    raw : Raw
        Its unit is known. Is given a finding; what is returned has the errors before and after in
        its provenance.
    """
    assert raw.unit is not None
    in_g = TO_MS2[raw.unit] / STANDARD_GRAVITY
    rate_hz = timing.rate_hz(raw)
    if raw.gravity == "removed":
        return _as_it_is(raw, "gravity was removed from it")
    if rate_hz is None:
        return _as_it_is(raw, "its sampling rate is not known")
    good = finite_rows(raw.acceleration)
    means = still(raw.acceleration[good] * in_g, rate_hz)
    if len(means) < FEWEST:
        why = f"it is still in {len(means)} stretches of {WINDOW_S:g} s; {FEWEST} are needed"
        return _as_it_is(raw, why)
    low, high = means.min(axis=0), means.max(axis=0)
    if (low > -SPREAD_G).any() or (high < SPREAD_G).any():
        ends = zip("xyz", low, high, strict=True)
        ways = ", ".join(f"{axis} {a:.2f} to {b:.2f} g" for axis, a, b in ends)
        why = (
            f"it was not at rest in enough orientations ({ways}; each axis must pass "
            f"−{SPREAD_G} and {SPREAD_G} g). Its error is {error_mg(means):.1f} mg"
        )
        return _as_it_is(raw, why)
    found = fit(means)
    if not found.after_mg < min(found.before_mg, WORST_MG):
        errors = f"{found.before_mg:.1f} mg, would become {found.after_mg:.1f} mg"
        return _as_it_is(raw, f"the error at rest, {errors}")
    offset, gain = ([round(float(v), 5) for v in values] for values in (found.offset_g, found.gain))
    message = (
        f"Calibrated to gravity by {len(means)} still stretches: offset {offset} g, gain {gain}; "
        f"the error at rest was {found.before_mg:.1f} mg and is {found.after_mg:.1f} mg."
    )
    raw.findings.append(Finding("calibration", "info", "fixed", message, raw.source))
    said = {"offset_g": offset, "gain": gain, "error_before_mg": round(found.before_mg, 2),
            "error_after_mg": round(found.after_mg, 2), "still": len(means)}  # fmt: skip
    acceleration = (raw.acceleration + found.offset_g / in_g) * found.gain
    return replace(
        raw, acceleration=acceleration, provenance={**raw.provenance, "calibration": said}
    )


def _as_it_is(raw: Raw, why: str) -> Raw:
    message = f"Not calibrated to gravity: {why}."
    raw.findings.append(Finding("calibration", "warning", "kept", message, raw.source))
    return replace(raw, provenance={**raw.provenance, "calibration": message})
