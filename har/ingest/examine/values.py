"""What the values tell: unit, gravity, counts, flat and stuck sensors, clipping.

The measure is the length of the mean acceleration over two seconds. With gravity present it stays
near 1 g however one moves, since movement averages out; with gravity removed it is small beside the
movement. On the recordings of MotionSense, UCI HAPT, WISDM and `watch` (822 stretches) its median
lies between 0.50 and 1.84 g with gravity, and for MotionSense's userAcceleration (without) between
0.00 and 0.46 g in 99 of 100.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from har.ingest.raw import TO_MS2, Finding, Raw, finite_rows, on_all_axes
from har.recording import STANDARD_GRAVITY

WINDOW_S = 2.0
# Mean lengths, in g, between which a stretch surely or plausibly has gravity in it.
SURE = (0.7, 1.35)
PLAUSIBLE = (0.4, 2.2)
REMOVED_BELOW = 0.3
STEADY = 0.35  # interquartile range of the mean lengths, as a share of their median
# Below this share of the movement the mean is no gravity, whatever the unit (with it, 0.44).
REMOVED_SHARE = 0.4
# No one keeps up an RMS of 3.5 g: so lively a signal without gravity is in m/s².
LIVELY = (3.5, 35.0)
STUCK_S = 1.0
MIN_CLIPPED = 10
AT_REST = 0.05  # standard deviation of an axis, in g
MIN_DROPOUT = 2
COUNTS = (
    "dataset.counts_per_g, and dataset.zero where 0 g does not read 0 (or dataset.six_positions, "
    "the readings at +1 g and −1 g of each axis)"
)
NEAR_ZERO = 0.25
"""With gravity, 95 of 100 samples are longer than this share of their median."""


@dataclass(frozen=True)
class Measure:
    """Of one stretch, in the unit of its values.

    Parameters
    ----------
    length : float
        Median length of the 2 s mean acceleration.
    spread : float
        Its interquartile range over its median.
    movement : float
        Median RMS of what is left when the 2 s mean is taken away.
    """

    length: float
    spread: float
    movement: float

    def in_g(self, unit: str) -> float:
        return self.length * TO_MS2[unit] / STANDARD_GRAVITY

    @property
    def steady(self) -> bool:
        return self.spread < STEADY


def measure(acceleration: np.ndarray, rate_hz: float) -> Measure | None:
    """The measure of a stretch, or None if it is shorter than one window."""
    a = _finite(acceleration)
    n = max(int(WINDOW_S * rate_hz), 16)
    k = len(a) // n
    if k == 0:
        return None
    windows = a[: k * n].reshape(k, n, 3)
    means = windows.mean(axis=1)
    lengths = np.linalg.norm(means, axis=1)
    low, median, high = np.percentile(lengths, [25, 50, 75])
    movement = np.sqrt(windows.var(axis=1).sum(axis=1))
    return Measure(
        float(median),
        float((high - low) / median) if median else np.inf,
        float(np.median(movement)),
    )


def _finite(acceleration: np.ndarray) -> np.ndarray:
    good = finite_rows(acceleration)
    return acceleration if good.all() else acceleration[good]


def guess_unit(m: Measure) -> tuple[str | None, str]:
    """The unit that a stretch with gravity in it is surely in, and why (or why not)."""
    if m.steady:
        for unit in ("m/s2", "g"):
            if SURE[0] <= m.in_g(unit) <= SURE[1]:
                return unit, f"at rest it reads {m.length:.3g}, which is 1 g in {unit}"
        if SURE[0] <= m.in_g("mg") <= SURE[1]:
            return None, (
                f"at rest it reads {m.length:.0f}: mg, or raw counts. "
                f"Set dataset.unit: mg, or {COUNTS}"
            )
        if m.length > 20:
            return None, (
                f"at rest it reads {m.length:.4g}: raw counts. Set {COUNTS}; about "
                f"{_round(m.length)} counts per g if 0 g reads 0, see the sensor's data sheet"
            )
    return None, (
        f"the mean over {WINDOW_S:g} s is {m.length:.3g}, which is neither 9.8 nor 1: gravity may "
        "have been removed. Set dataset.unit (m/s2 or g) and dataset.gravity"
    )


def _round(length: float) -> int:
    """The nearest power of two, as sensors count."""
    return int(2 ** round(float(np.log2(length))))


def guess_gravity(m: Measure, unit: str) -> str | None:
    """`present`, `removed`, or None if it cannot be told."""
    g = m.in_g(unit)
    if PLAUSIBLE[0] <= g <= PLAUSIBLE[1] and (m.steady or g > 0.5):
        return "present"
    if g < REMOVED_BELOW:
        return "removed"
    return None


def working(raw: Raw) -> np.ndarray:
    """The values of a stretch that a sensor at work gave."""
    dropped = dropped_out(raw.acceleration, raw.gravity)
    return _finite(raw.acceleration[~dropped] if dropped.any() else raw.acceleration)


def examine(raw: Raw, a: np.ndarray, rate_hz: float) -> list[Finding]:
    """Findings on unit and gravity, of the `working` values (n, 3); fills in `raw.unit` and
    `raw.gravity` where that is sure.
    """
    found: list[Finding] = []

    def say(code: str, severity: str, action: str, message: str, count: int = 0) -> None:
        found.append(Finding(code, severity, action, message, raw.source, count))  # type: ignore[arg-type]

    m = measure(a, rate_hz)
    if m is None or m.length == m.movement == 0:
        return found
    if raw.unit is None and raw.gravity != "present" and m.length < REMOVED_SHARE * m.movement:
        if raw.gravity is None:
            raw.gravity = "removed"
            say("gravity", "info", "fixed", f"Gravity is removed: the mean over {WINDOW_S:g} s is "
                f"{m.length / m.movement:.2f} of the movement.")  # fmt: skip
        if LIVELY[0] < m.movement < LIVELY[1]:
            raw.unit = "m/s2"
            say("unit", "info", "fixed", f"Taken as m/s2: its movement, {m.movement:.1f} RMS, "
                "would be too much in g.")  # fmt: skip
        else:
            say("unit", "warning", "none", "The unit is not known: without gravity, values in g "
                "and in m/s2 look alike. Set dataset.unit.")  # fmt: skip
    elif raw.unit is None:
        unit, why = guess_unit(m)
        if unit is None:
            counts = "raw counts" in why
            say("unit", "error" if counts else "warning", "none", f"The unit is not known: {why}.")
        else:
            raw.unit = unit  # type: ignore[assignment]
            say("unit", "info", "fixed", f"Taken as {unit}: {why}.")
    elif raw.gravity != "removed":
        g = m.in_g(raw.unit)
        if not PLAUSIBLE[0] <= g <= PLAUSIBLE[1] and m.steady:
            other, why = guess_unit(m)
            if "counts_per_g" in raw.provenance:
                say("unit", "error", "none", f"By the counts per g that were set it reads {g:.3g} "
                    f"g at rest. Correct {COUNTS}.")  # fmt: skip
            elif other is not None and other != raw.unit:
                say("unit", "error", "none", f"Said to be in {raw.unit}, but {why}. "
                    f"Set dataset.unit: {other}.")  # fmt: skip
            elif g > 4:
                say("unit", "error", "none", f"Said to be in {raw.unit}, but {why}.")
    if raw.unit is None:
        return found
    seen = guess_gravity(m, raw.unit)
    if any(f.code == "unit" and f.severity == "error" for f in found):
        return found
    g = m.in_g(raw.unit)
    if raw.gravity is None:
        if seen is None:
            say("gravity", "warning", "none", f"Whether gravity is present cannot be inferred: the "
                f"mean over {WINDOW_S:g} s is {g:.2f} g. Set dataset.gravity.")  # fmt: skip
        else:
            raw.gravity = seen  # type: ignore[assignment]
            say("gravity", "info", "fixed",
                f"Gravity is {seen}: the mean over {WINDOW_S:g} s is {g:.2f} g.")  # fmt: skip
    elif raw.gravity == "present" and g < REMOVED_BELOW:
        say("gravity", "error", "none", f"Gravity should be present, but the mean over "
            f"{WINDOW_S:g} s is {g:.2f} g: it was removed, or the unit is not {raw.unit}. "
            "Set dataset.gravity: removed, or dataset.unit.")  # fmt: skip
    elif (
        raw.gravity == "removed" and m.steady and SURE[0] <= g <= SURE[1] and m.movement < m.length
    ):
        say("gravity", "error", "none", f"Gravity should have been removed, but the mean over "
            f"{WINDOW_S:g} s is a steady {g:.2f} g. Set dataset.gravity: present.")  # fmt: skip
    if raw.gravity == "removed":
        say("gravity-removed", "warning", "kept", "The recorder removed gravity: postures "
            "(sitting, standing, lying) are hard to distinguish, and a phone that runs the model "
            "must remove it too.")  # fmt: skip
    return found


def dropped_out(acceleration: np.ndarray, gravity: str | None) -> np.ndarray:
    """Which samples are exactly zero on all axes where gravity is in the others.

    No accelerometer at work reads that: a recorder writes it where the sensor gave nothing.
    """
    zero = on_all_axes(acceleration == 0)
    if gravity == "removed" or np.count_nonzero(zero) < MIN_DROPOUT:
        return np.zeros(len(zero), bool)
    others = _finite(acceleration[~zero])
    if not len(others):
        return np.zeros(len(zero), bool)
    low, median = np.percentile(np.linalg.norm(others, axis=1), [5, 50])
    return zero if low > NEAR_ZERO * median else np.zeros(len(zero), bool)


def _flat_axes(a: np.ndarray) -> str:
    return "".join(n for n, axis in zip("xyz", a.T, strict=True) if axis.min() == axis.max())


def flat(raw: Raw, a: np.ndarray) -> Finding | None:
    """A sensor that was not running."""
    if len(a) < 2 or _flat_axes(a) != "xyz":
        return None
    message = f"All axes have one value, {a[0].tolist()}, throughout: the sensor was not running."
    return Finding("flat", "error", "rejected", message, raw.source, len(a))


def sensor(raw: Raw, a: np.ndarray, rate_hz: float) -> list[Finding]:
    """Dead axes, stuck stretches, clipping; of a stretch whose gravity is examined."""
    found: list[Finding] = []
    if len(a) < 2:
        return found
    if (dead := _flat_axes(a)) and len(a) > rate_hz:
        message = (
            f"Axis {' and '.join(dead)} has one value throughout: it is dead, or the data have two "
            "axes."
        )
        found.append(Finding("dead-axis", "error", "none", message, raw.source, len(a)))
    x, y, z = a.T
    same = (x[1:] == x[:-1]) & (y[1:] == y[:-1]) & (z[1:] == z[:-1])
    stuck = [n for n in _runs_of_true(same) if n + 1 >= max(STUCK_S * rate_hz, 10)]
    if stuck:
        total = sum(stuck) + len(stuck)
        message = (
            f"{len(stuck)} stretches of {STUCK_S:g} s or more repeat one sample exactly "
            f"({total / rate_hz:.1f} s in all): a stuck sensor, or one that sleeps at rest."
        )
        found.append(Finding("stuck", "warning", "kept", message, raw.source, total))
    clipped = _clipped(a, _rest(raw, a))
    if clipped:
        n = sum(count for count, _ in clipped)
        where = ", ".join(f"{axis} at {limit:.4g}" for _, (axis, limit) in clipped)
        message = (
            f"{n} samples are at the limit of the sensor's range ({where}): peaks are clipped."
        )
        found.append(Finding("clipped", "warning", "kept", message, raw.source, n))
    return found


def _runs_of_true(mask: np.ndarray) -> list[int]:
    edges = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    return [int(n) for n in lengths]


def _rest(raw: Raw, a: np.ndarray) -> float:
    """A sensor at rest varies by less, in the unit of its values."""
    if raw.gravity == "removed":
        return AT_REST * STANDARD_GRAVITY / TO_MS2[raw.unit] if raw.unit else 0.0
    return AT_REST * float(np.median(np.linalg.norm(a, axis=1)))


def _clipped(a: np.ndarray, rest: float) -> list[tuple[int, tuple[str, float]]]:
    """Ends of range: an extreme value that comes again and again, some of them in a row.

    The density of true values falls towards an extreme, so that the extreme itself is rare beside
    its surroundings; cut peaks pile up on it.
    """
    out = []
    for axis, column in zip("xyz", a.T, strict=True):
        column = np.ascontiguousarray(column)
        if column.std() < rest:
            continue
        low, high = column.min(), column.max()
        span = high - low
        ends = (column <= low + 1e-4 * span), (column >= high - 1e-4 * span)
        for limit, at in zip((low, high), ends, strict=True):
            n = int(np.count_nonzero(at))
            if n < MIN_CLIPPED or n > 0.5 * len(column):
                continue
            near = int(np.count_nonzero(np.abs(column - limit) <= 0.05 * span)) - n
            in_a_row = max(_runs_of_true(at), default=0)
            if n > near / 3 and in_a_row >= 2:
                out.append((n, (axis, float(limit))))
    return out
