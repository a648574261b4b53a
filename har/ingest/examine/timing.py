"""What the timestamps tell: true rate, two rates at once, jitter, gaps, too short."""

from __future__ import annotations

import numpy as np

from har.ingest.clean import plausible, rate_of_steps
from har.ingest.clock import RATES_HZ
from har.ingest.order import INSTANT_S, RESTART_S, ordered
from har.ingest.raw import Finding, Raw, on_all_axes

RATE_TOLERANCE = 0.05
JITTER = 0.08  # standard deviation of the steps, as a share of the period
GAP_PERIODS = 3.5
GAP_S = 0.25  # what is cut by default (signal.max_gap_s)
SHORT_S = 2.0
COARSE_SHARE = 0.2
BURST_S = 0.8 / RATES_HZ[1]  # what is closer together came in one packet
COARSEST_S = 10.0  # what a tick may last


def rate_hz(raw: Raw) -> float | None:
    """The true rate by the timestamps, else the published one."""
    if raw.time_s is None:
        return raw.rate_hz
    return rate_of_steps(np.concatenate([[], *map(np.diff, _times(raw))])) or raw.rate_hz


def _times(raw: Raw) -> list[np.ndarray]:
    """The times of each recording, strictly increasing."""
    return [time_s for _, time_s in ordered(*_timed(raw)).pieces]


def _timed(raw: Raw) -> tuple[np.ndarray, np.ndarray]:
    """The rows that have a time: times and values."""
    assert raw.time_s is not None
    timed = np.isfinite(raw.time_s)
    if timed.all():  # no copy
        return raw.time_s, raw.acceleration
    return raw.time_s[timed], raw.acceleration[timed]


def spread(raw: Raw) -> Finding | None:
    """Mend a clock that is coarser than the sampling: many samples carry one timestamp, or such as
    are closer together than any sensor's, since they were taken when a packet came.

    The samples of one tick are spread evenly over it; a first or last tick that is not full keeps
    the spacing of the others. A few that share a timestamp, and those that repeat an instant *and*
    its values, are left for `clean`.
    """
    if raw.time_s is None:
        return None
    timed = np.flatnonzero(np.isfinite(raw.time_s))
    if len(timed) < 20:
        return None
    t = raw.time_s[timed]
    steps = np.diff(t)
    unordered = ((steps < 0) & (steps >= -RESTART_S)).any()
    tied = (steps >= 0) & (steps < BURST_S)
    if unordered or tied.mean() <= COARSE_SHARE:
        return None
    same_values = on_all_axes(raw.acceleration[timed[1:]] == raw.acceleration[timed[:-1]])
    if (tied & ~same_values).mean() <= COARSE_SHARE:
        return None
    starts = np.flatnonzero(np.r_[True, ~tied])
    counts = np.diff(np.r_[starts, len(t)])
    first = np.r_[True, np.diff(t[starts]) < -RESTART_S]  # of a recording
    last = np.r_[first[1:], True]
    ticks = np.diff(t[starts])[~last[:-1]]
    if not len(ticks):
        return None
    tick = float(np.median(ticks))
    full = counts[~first & ~last]
    typical = float(np.median(full) if len(full) else counts.max())
    if tick > COARSEST_S:
        return Finding(
            "clock", "error", "none",
            f"Timestamps change only every {tick:.4g} s, for {typical:g} samples each: too coarse "
            "to say when a sample was taken. Export timestamps with fractions of seconds, or leave "
            "the time column out of dataset.columns and set dataset.rate_hz.",
            raw.source, len(t),
        )  # fmt: skip
    spans = np.where(last, tick, np.minimum(np.r_[np.diff(t[starts]), tick], 1.5 * tick))
    begins = t[starts]
    spacing = spans / counts
    partial = (first | last) & (counts < typical)
    spacing[partial] = tick / typical
    late = np.flatnonzero(first & partial & ~last)
    begins[late] = t[starts][late + 1] - counts[late] * spacing[late]
    which = np.repeat(np.arange(len(starts)), counts)
    raw.time_s = raw.time_s.copy()
    raw.time_s[timed] = begins[which] + (np.arange(len(t)) - starts[which]) * spacing[which]
    message = (
        f"Timestamps change every {tick:.3g} s, for {typical:g} samples each: these are spread "
        f"evenly over that time ({typical / tick:.4g} Hz)."
    )
    return Finding("coarse-clock", "warning", "fixed", message, raw.source, len(t) - len(starts))


def implausible(raw: Raw, rate: float) -> Finding | None:
    """Timestamps that cannot be those of an accelerometer, whose filters must not be made.

    A slow recording is one where the user says so, by its rate.
    """
    advice = (
        "Name the time column in dataset.columns and its unit in dataset.time_unit "
        "(--time-unit of har predict), or leave it out and set dataset.rate_hz."
    )
    said_slow = raw.rate_hz and rate < RATES_HZ[0] and abs(rate / raw.rate_hz - 1) < 0.2
    if raw.time_s is not None and len(raw.time_s) > 1:
        t, values = _timed(raw)
        if len(t) and (t == t[0]).all():
            message = f"All timestamps are the same. {advice}"
            return Finding("clock", "error", "none", message, raw.source, len(t))
        found = ordered(t, values)
        apart = len(found.shared) - int((np.abs(np.diff(t)) <= INSTANT_S).sum())
        if apart > COARSE_SHARE * len(t):
            message = (
                f"{apart} of {len(t)} timestamps occur again later with other values: the clock "
                f"restarts again and again, or rows of several sensors are mixed. {advice}"
            )
            return Finding("clock", "error", "none", message, raw.source, apart)
    if plausible(rate) or said_slow:
        return None
    low, high = RATES_HZ
    slow = " If the sensor is really that slow, set dataset.rate_hz." if rate < low else ""
    message = (
        f"{rate:.4g} Hz is not a plausible rate of an accelerometer ({low:g} to {high:g} Hz): "
        f"{len(raw.acceleration)} samples by these timestamps. {advice}{slow}"
    )
    return Finding("clock", "error", "none", message, raw.source, len(raw.acceleration))


def examine(raw: Raw, rate: float) -> list[Finding]:
    """Findings on the timing of one stretch."""
    found = []

    def say(code: str, severity: str, action: str, message: str, count: int = 0) -> None:
        found.append(Finding(code, severity, action, message, raw.source, count))  # type: ignore[arg-type]

    length_s = len(raw.acceleration) / rate
    if raw.time_s is not None:
        pieces = _times(raw)
        steps = np.concatenate([[], *map(np.diff, pieces)])
        if not len(steps):
            return found
        length_s = sum(float(t[-1]) + 1 / rate for t in pieces)
        median = float(np.median(steps))
        if raw.rate_hz and abs(rate / raw.rate_hz - 1) > RATE_TOLERANCE:
            say("rate", "warning", "fixed", f"Published as {raw.rate_hz:g} Hz, but its timestamps "
                f"run at {rate:.4g} Hz: the timestamps are used.")  # fmt: skip
        running = steps[steps <= GAP_PERIODS * median]
        if len(running) > 20 and _two_rates(running, median):
            say("two-rates", "warning", "kept", f"It alternates between {1 / median:.3g} Hz and "
                f"another rate ({rate:.3g} Hz on average): the timestamps are used.")  # fmt: skip
        else:
            jitter = float(running.std() / median) if len(running) > 2 else 0.0
            if jitter > JITTER:
                say("jitter", "info", "kept", f"Steps vary by {jitter:.0%} of the period (standard "
                    "deviation): resampling uses the timestamps.")  # fmt: skip
        gaps = steps[steps > GAP_PERIODS * median]
        if len(gaps):
            begins = np.concatenate([t[:-1] for t in pieces])
            longest, at = float(gaps.max()), float(begins[np.argmax(steps)])
            severity = "warning" if longest > GAP_S else "info"
            say("gap", severity, "kept", f"{len(gaps)} gaps, the longest {longest:.3g} s at "
                f"{at:.1f} s: gaps longer than signal.max_gap_s are never bridged.",
                len(gaps))  # fmt: skip
    if length_s < SHORT_S:
        say("short", "warning", "kept", f"Only {length_s:.2f} s long: barely one window.",
            len(raw.acceleration))  # fmt: skip
    return found


def _two_rates(steps: np.ndarray, median: float) -> bool:
    """Whether a good part of the steps is far from the median, all to one side."""
    far = (np.abs(steps / median - 1) > 0.25).mean()
    return bool(far > 0.05 and abs(float(steps.mean()) / median - 1) > RATE_TOLERANCE)
