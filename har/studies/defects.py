"""Defects to put into recordings, at several strengths, and the finding that names each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from har.ingest.raw import Raw
from har.recording import STANDARD_GRAVITY

Inject = Callable[[Raw, np.random.Generator], Raw]
Found = Callable[[Raw, set[str]], bool]


@dataclass(frozen=True)
class Defect:
    """A defect at one strength.

    inject : `(raw, rng) -> raw`. found : `(treated raw, codes of its findings) -> bool`. rate :
    whether `found` on the untouched recording is a false alarm; else it has no meaning.
    """

    name: str
    strength: str
    inject: Inject
    found: Found
    rate: bool = True


def code(name: str) -> Found:
    return lambda _raw, codes: name in codes


# What is put in ---------------------------------------------------------------------------------


def _scaled(factor: float, **changes: object) -> Inject:
    return lambda raw, _rng: replace(raw, acceleration=raw.acceleration * factor, **changes)  # type: ignore[arg-type]


def _without_gravity(**changes: object) -> Inject:
    """Gravity taken away as a phone does, by what is slower than 0.3 Hz."""

    def inject(raw: Raw, _rng: np.random.Generator) -> Raw:
        rate = _rate(raw)
        sos = signal.butter(2, 0.3, fs=rate, output="sos")
        slow = signal.sosfiltfilt(sos, raw.acceleration, axis=0)
        return replace(raw, acceleration=raw.acceleration - slow, **changes)  # type: ignore[arg-type]

    return inject


def _rows(change: Callable[..., tuple]) -> Callable[..., Inject]:
    """From a change of copies of the rows `(a, t, rng, *how)` to the defect at a strength."""

    def at(*how: float) -> Inject:
        def inject(raw: Raw, rng: np.random.Generator) -> Raw:
            assert raw.time_s is not None
            a, t = change(raw.acceleration.copy(), raw.time_s.copy(), rng, *how)
            return replace(raw, acceleration=a, time_s=t, notes=[])

        return inject

    return at


@_rows
def _nan(a, t, rng, n):  # type: ignore[no-untyped-def]
    a[rng.choice(len(a), min(n, len(a)), replace=False), rng.integers(3)] = np.nan
    return a, t


@_rows
def _repeated(a, t, rng, n):  # type: ignore[no-untyped-def]
    at = np.sort(rng.choice(len(a), min(n, len(a)), replace=False))
    return np.insert(a, at, a[at], axis=0), np.insert(t, at, t[at])


@_rows
def _swapped(a, t, rng, n):  # type: ignore[no-untyped-def]
    """Neighbouring rows change places, n times."""
    for i in rng.choice(len(a) // 2 - 1, min(n, len(a) // 2 - 1), replace=False) * 2:
        a[[i, i + 1]], t[[i, i + 1]] = a[[i + 1, i]], t[[i + 1, i]]
    return a, t


@_rows
def _restart(a, t, rng):  # type: ignore[no-untyped-def]
    i = int(rng.integers(len(a) // 4, 3 * len(a) // 4))
    t[i:] -= t[i] - t[0]
    return a, t


@_rows
def _gap(a, t, rng, seconds):  # type: ignore[no-untyped-def]
    i = int(rng.integers(1, len(a) - 1))
    keep = (t <= t[i]) | (t > t[i] + seconds)
    return a[keep], t[keep]


@_rows
def _jitter(a, t, rng, periods):  # type: ignore[no-untyped-def]
    even = t[0] + np.arange(len(t)) * np.median(np.diff(t))
    return a, even + rng.uniform(-periods, periods, len(t)) * np.median(np.diff(t))


@_rows
def _two_rates(a, t, _rng):  # type: ignore[no-untyped-def]
    """Every other sample of the middle third is lost: it ran at half the rate there."""
    keep = np.ones(len(a), bool)
    keep[len(a) // 3 : 2 * len(a) // 3 : 2] = False
    return a[keep], t[keep]


@_rows
def _ticks(a, t, _rng, seconds):  # type: ignore[no-untyped-def]
    """Timestamps cut down to whole ticks."""
    return a, np.floor(t / seconds) * seconds


@_rows
def _stuck(a, t, rng, seconds):  # type: ignore[no-untyped-def]
    n = round(seconds / np.median(np.diff(t))) + 1
    i = int(rng.integers(0, max(1, len(a) - n)))
    a[i : i + n] = a[i]
    return a, t


@_rows
def _clip(a, t, _rng, percent):  # type: ignore[no-untyped-def]
    """The range ends where that share of the samples of the liveliest axis lies outside."""
    axis = int(np.argmax(a.std(axis=0)))
    a[:, axis] = np.minimum(a[:, axis], np.percentile(a[:, axis], 100 - percent))
    return a, t


@_rows
def _flat(a, t, _rng):  # type: ignore[no-untyped-def]
    a[:] = a[0]
    return a, t


@_rows
def _dead(a, t, _rng):  # type: ignore[no-untyped-def]
    a[:, 2] = 0.0
    return a, t


@_rows
def _short(a, t, _rng):  # type: ignore[no-untyped-def]
    keep = t - t[0] < 1.0
    return a[keep], t[keep]


def _published_rate(factor: float) -> Inject:
    return lambda raw, _rng: replace(raw, rate_hz=_rate(raw) * factor)


def _rate(raw: Raw) -> float:
    assert raw.time_s is not None
    return float(1 / np.median(np.diff(raw.time_s)))


def defects() -> list[Defect]:
    """All that is tried, in the order of the table."""
    g = STANDARD_GRAVITY
    told_g: Found = lambda raw, _codes: raw.unit == "g"  # noqa: E731
    removed: Found = lambda raw, _codes: raw.gravity == "removed"  # noqa: E731
    out = [
        Defect("unit not given, values in g", "inferred: g", _scaled(1 / g), told_g),
        Defect("unit not given, values in m/s²", "inferred: m/s²", _scaled(1),
               lambda raw, _codes: raw.unit == "m/s2", rate=False),
        Defect("unit given as m/s², values in g", "",
               _scaled(1 / g, unit="m/s2", gravity="present"), code("unit")),
        Defect("unit given as g, values in m/s²", "",
               _scaled(1, unit="g", gravity="present"), code("unit"), rate=False),
        Defect("raw counts, 256 to 1 g", "", _scaled(256 / g), code("unit"), rate=False),
        Defect("raw counts, 16384 to 1 g", "", _scaled(16384 / g), code("unit"), rate=False),
        Defect("gravity removed, unit given", "inferred", _without_gravity(unit="m/s2"), removed),
        Defect("gravity removed, nothing given", "inferred", _without_gravity(), removed),
        Defect("gravity present, nothing given", "inferred", _scaled(1),
               lambda raw, _codes: raw.gravity == "present", rate=False),
        Defect("gravity removed, given as present", "",
               _without_gravity(unit="m/s2", gravity="present"), code("gravity"), rate=False),
        Defect("gravity present, given as removed", "",
               _scaled(1, unit="m/s2", gravity="removed"), code("gravity"), rate=False),
    ]  # fmt: skip
    out += [Defect("NaN", f"{n} samples", _nan(n), code("nan")) for n in (1, 10, 100)]
    out += [Defect("repeated rows", f"{n} rows", _repeated(n), code("duplicate"))
            for n in (1, 10, 100)]  # fmt: skip
    out += [Defect("step back in time", f"{n} rows", _swapped(n), code("step-back"))
            for n in (1, 10, 100)]  # fmt: skip
    out.append(Defect("clock restarts", "once", _restart(), code("restart")))
    out += [Defect("gap", f"{s:g} s", _gap(s), code("gap")) for s in (0.1, 0.25, 0.5, 2.0)]
    out += [Defect("published rate is wrong", f"× {f:g}", _published_rate(f), code("rate"))
            for f in (0.4, 0.8, 0.9, 1.25, 2.5)]  # fmt: skip
    out += [Defect("jitter", f"± {p:g} periods", _jitter(p), code("jitter"))
            for p in (0.1, 0.2, 0.4)]  # fmt: skip
    out += [Defect("coarse clock", f"ticks of {s:g} s", _ticks(s), code("coarse-clock"))
            for s in (0.1, 1.0)]  # fmt: skip
    out.append(Defect("two rates in one recording", "", _two_rates(), code("two-rates")))
    out += [Defect("stuck", f"{s:g} s", _stuck(s), code("stuck")) for s in (1.0, 2.0, 5.0)]
    out += [Defect("clipped", f"{p:g} % of an axis", _clip(p), code("clipped"))
            for p in (0.5, 1, 3, 10)]  # fmt: skip
    out += [
        Defect("flat sensor", "throughout", _flat(), code("flat")),
        Defect("dead axis", "throughout", _dead(), code("dead-axis")),
        Defect("too short", "1 s", _short(), code("short")),
        Defect("sign flipped", "cannot be inferred", _scaled(-1, unit="m/s2"),
               lambda _raw, _codes: False, rate=False),
    ]  # fmt: skip
    return out
