"""What the timestamps tell: true rate, two rates at once, jitter, gaps, too short."""

from __future__ import annotations

import numpy as np

from har.ingest.clean import true_rate_hz
from har.ingest.raw import Finding, Raw

RATE_TOLERANCE = 0.05
JITTER = 0.08  # standard deviation of the steps, as a share of the period
GAP_PERIODS = 3.5
GAP_S = 0.25  # what is cut by default (signal.max_gap_s)
SHORT_S = 2.0
COARSE_SHARE = 0.2


def rate_hz(raw: Raw) -> float | None:
    """The true rate by the timestamps, else the published one."""
    if raw.time_s is not None:
        t = np.unique(raw.time_s[np.isfinite(raw.time_s)])
        rate = true_rate_hz(t)
        if rate is not None:
            return rate
    return raw.rate_hz


def spread(raw: Raw) -> Finding | None:
    """Mend a clock that is coarser than the sampling: many samples carry one timestamp.

    The samples of one tick are spread evenly over it; a first or last tick that is not full keeps
    the spacing of the others. Samples that repeat an instant *and* its values are left for `clean`
    to reject.
    """
    t = raw.time_s
    if t is None or len(t) < 20 or not np.isfinite(t).all():
        return None
    steps = np.diff(t)
    same_values = (raw.acceleration[1:] == raw.acceleration[:-1]).all(axis=1)
    if (steps < 0).any() or ((steps == 0) & ~same_values).mean() <= COARSE_SHARE:
        return None
    starts = np.flatnonzero(np.r_[True, steps > 0])
    if len(starts) < 3:
        return None
    counts = np.diff(np.r_[starts, len(t)])
    ticks = t[starts]
    tick, typical = float(np.median(np.diff(ticks))), float(np.median(counts))
    spans = np.minimum(np.r_[np.diff(ticks), tick], 1.5 * tick)
    spacing = spans / counts
    begins = ticks.copy()
    if counts[0] < typical:
        spacing[0] = tick / typical
        begins[0] = ticks[1] - counts[0] * spacing[0]
    if counts[-1] < typical:
        spacing[-1] = tick / typical
    which = np.repeat(np.arange(len(starts)), counts)
    raw.time_s = begins[which] + (np.arange(len(t)) - starts[which]) * spacing[which]
    message = (
        f"The clock ticks every {tick:.3g} s, for {typical:g} samples each: they are spread evenly "
        f"over the tick ({typical / tick:.4g} Hz)."
    )
    return Finding("coarse-clock", "warning", "fixed", message, raw.source, len(t) - len(starts))


def examine(raw: Raw, rate: float) -> list[Finding]:
    """Findings on the timing of one stretch."""
    found = []

    def say(code: str, severity: str, action: str, message: str, count: int = 0) -> None:
        found.append(Finding(code, severity, action, message, raw.source, count))  # type: ignore[arg-type]

    length_s = len(raw.acceleration) / rate
    if raw.time_s is not None:
        t = raw.time_s[np.isfinite(raw.time_s)]
        t = np.unique(t)
        if len(t) < 2:
            if len(raw.time_s) > 1:
                say("clock", "error", "none", "All timestamps are the same. Leave the time column "
                    "out of dataset.columns and set dataset.rate_hz.")  # fmt: skip
            return found
        length_s = float(t[-1] - t[0]) + 1 / rate
        steps = np.diff(t)
        median = float(np.median(steps))
        if raw.rate_hz and abs(rate / raw.rate_hz - 1) > RATE_TOLERANCE:
            say("rate", "warning", "fixed", f"Published as {raw.rate_hz:g} Hz, but its timestamps "
                f"run at {rate:.4g} Hz: the timestamps are used.")  # fmt: skip
        running = steps[steps <= GAP_PERIODS * median]
        if len(running) > 20 and _two_rates(running, median):
            say("two-rates", "warning", "kept", f"It runs at {1 / median:.3g} Hz and at another "
                f"rate by turns ({rate:.3g} Hz on average): the timestamps are used.")  # fmt: skip
        else:
            jitter = float(running.std() / median) if len(running) > 2 else 0.0
            if jitter > JITTER:
                say("jitter", "info", "kept", f"Steps vary by {jitter:.0%} of the period (standard "
                    "deviation): resampling uses the timestamps.")  # fmt: skip
        gaps = steps[steps > GAP_PERIODS * median]
        if len(gaps):
            longest, at = float(gaps.max()), float(t[np.argmax(steps)] - t[0])
            severity = "warning" if longest > GAP_S else "info"
            say("gap", severity, "kept", f"{len(gaps)} gaps, the longest {longest:.3g} s at "
                f"{at:.1f} s: over signal.max_gap_s it is never bridged.", len(gaps))  # fmt: skip
    if length_s < SHORT_S:
        say("short", "warning", "kept", f"Only {length_s:.2f} s long: hardly a window.",
            len(raw.acceleration))  # fmt: skip
    return found


def _two_rates(steps: np.ndarray, median: float) -> bool:
    """Whether a good part of the steps is far from the median, all to one side."""
    far = (np.abs(steps / median - 1) > 0.25).mean()
    return bool(far > 0.05 and abs(float(steps.mean()) / median - 1) > RATE_TOLERANCE)
