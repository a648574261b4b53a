"""How well the doctor sees: defects put into real recordings, and how many it finds.

Each defect is put into every recording of a sample of the public sets, at several strengths. A
defect counts as found if the finding that names it is there; what is found in the recording before
anything was put in is the false-alarm rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import signal

from har.ingest import datasets
from har.ingest.clean import clean
from har.ingest.doctor import labels
from har.ingest.doctor.treat import treat
from har.ingest.raw import Raw
from har.recording import STANDARD_GRAVITY, Recording

Inject = Callable[[Raw, np.random.Generator], Raw]
Found = Callable[[Raw, set[str]], bool]


@dataclass(frozen=True)
class Defect:
    """A defect at one strength.

    Parameters
    ----------
    name, strength : str
    inject : callable
        `(raw, rng) -> raw`.
    found : callable
        `(treated raw, codes of its findings) -> bool`.
    rate : bool
        Whether `found` on the untouched recording is a false alarm (else it has no meaning).
    """

    name: str
    strength: str
    inject: Inject
    found: Found
    rate: bool = True


@dataclass
class Row:
    name: str
    strength: str
    n: int
    found: int
    false_alarms: int | None

    def as_markdown(self) -> str:
        alarms = "" if self.false_alarms is None else f"{self.false_alarms} ({_share(self, True)})"
        return f"| {self.name} | {self.strength} | {self.n} | {_share(self)} | {alarms} |"


def _share(row: Row, alarms: bool = False) -> str:
    k = row.false_alarms if alarms else row.found
    return f"{100 * (k or 0) / row.n:.1f} %" if row.n else ""


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


def _rows(change: Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple]) -> Inject:
    def inject(raw: Raw, rng: np.random.Generator) -> Raw:
        assert raw.time_s is not None
        a, t = change(raw.acceleration.copy(), raw.time_s.copy(), rng)
        return replace(raw, acceleration=a, time_s=t, notes=[])

    return inject


def _nan(n: int) -> Inject:
    def change(a, t, rng):  # type: ignore[no-untyped-def]
        a[rng.choice(len(a), min(n, len(a)), replace=False), rng.integers(3)] = np.nan
        return a, t

    return _rows(change)


def _repeated(n: int) -> Inject:
    def change(a, t, rng):  # type: ignore[no-untyped-def]
        at = np.sort(rng.choice(len(a), min(n, len(a)), replace=False))
        return np.insert(a, at, a[at], axis=0), np.insert(t, at, t[at])

    return _rows(change)


def _swapped(n: int) -> Inject:
    """Neighbouring rows change places, n times."""

    def change(a, t, rng):  # type: ignore[no-untyped-def]
        for i in rng.choice(len(a) // 2 - 1, min(n, len(a) // 2 - 1), replace=False) * 2:
            a[[i, i + 1]], t[[i, i + 1]] = a[[i + 1, i]], t[[i + 1, i]]
        return a, t

    return _rows(change)


def _restart(a, t, rng):  # type: ignore[no-untyped-def]
    i = int(rng.integers(len(a) // 4, 3 * len(a) // 4))
    t[i:] -= t[i] - t[0]
    return a, t


def _gap(seconds: float) -> Inject:
    def change(a, t, rng):  # type: ignore[no-untyped-def]
        i = int(rng.integers(1, len(a) - 1))
        keep = (t <= t[i]) | (t > t[i] + seconds)
        return a[keep], t[keep]

    return _rows(change)


def _jitter(periods: float) -> Inject:
    def change(a, t, rng):  # type: ignore[no-untyped-def]
        even = t[0] + np.arange(len(t)) * np.median(np.diff(t))
        return a, even + rng.uniform(-periods, periods, len(t)) * np.median(np.diff(t))

    return _rows(change)


def _two_rates(a, t, _rng):  # type: ignore[no-untyped-def]
    """Every other sample of the middle third is lost: it ran at half the rate there."""
    keep = np.ones(len(a), bool)
    keep[len(a) // 3 : 2 * len(a) // 3 : 2] = False
    return a[keep], t[keep]


def _stuck(seconds: float) -> Inject:
    def change(a, t, rng):  # type: ignore[no-untyped-def]
        n = round(seconds / np.median(np.diff(t))) + 1
        i = int(rng.integers(0, max(1, len(a) - n)))
        a[i : i + n] = a[i]
        return a, t

    return _rows(change)


def _clip(percent: float) -> Inject:
    """The range ends where that share of the samples of the liveliest axis lies outside."""

    def change(a, t, _rng):  # type: ignore[no-untyped-def]
        axis = int(np.argmax(a.std(axis=0)))
        limit = np.percentile(a[:, axis], 100 - percent)
        a[:, axis] = np.minimum(a[:, axis], limit)
        return a, t

    return _rows(change)


def _flat(a, t, _rng):  # type: ignore[no-untyped-def]
    a[:] = a[0]
    return a, t


def _dead(a, t, _rng):  # type: ignore[no-untyped-def]
    a[:, 2] = 0.0
    return a, t


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
        Defect("unit not said, in g", "told: g", _scaled(1 / g), told_g),
        Defect("unit not said, in m/s²", "told: m/s²", _scaled(1),
               lambda raw, _codes: raw.unit == "m/s2", rate=False),
        Defect("said m/s², is g", "", _scaled(1 / g, unit="m/s2", gravity="present"), code("unit")),
        Defect("said g, is m/s²", "", _scaled(1, unit="g", gravity="present"), code("unit"),
               rate=False),
        Defect("raw counts, 256 to 1 g", "", _scaled(256 / g), code("unit"), rate=False),
        Defect("raw counts, 16384 to 1 g", "", _scaled(16384 / g), code("unit"), rate=False),
        Defect("gravity removed, not said", "told", _without_gravity(unit="m/s2"), removed),
        Defect("gravity removed, said present", "",
               _without_gravity(unit="m/s2", gravity="present"), code("gravity"), rate=False),
        Defect("gravity present, said removed", "",
               _scaled(1, unit="m/s2", gravity="removed"), code("gravity"), rate=False),
    ]  # fmt: skip
    out += [Defect("NaN", f"{n} samples", _nan(n), code("nan")) for n in (1, 10, 100)]
    out += [Defect("repeated rows", f"{n} rows", _repeated(n), code("duplicate"))
            for n in (1, 10, 100)]  # fmt: skip
    out += [Defect("step back in time", f"{n} rows", _swapped(n), code("step-back"))
            for n in (1, 10, 100)]  # fmt: skip
    out.append(Defect("clock starts again", "once", _rows(_restart), code("restart")))
    out += [Defect("gap", f"{s:g} s", _gap(s), code("gap")) for s in (0.1, 0.25, 0.5, 2.0)]
    out += [Defect("published rate is wrong", f"× {f:g}", _published_rate(f), code("rate"))
            for f in (0.4, 0.8, 0.9, 1.25, 2.5)]  # fmt: skip
    out += [Defect("jitter", f"± {p:g} periods", _jitter(p), code("jitter"))
            for p in (0.1, 0.2, 0.4)]  # fmt: skip
    out.append(Defect("two rates in one recording", "", _rows(_two_rates), code("two-rates")))
    out += [Defect("stuck", f"{s:g} s", _stuck(s), code("stuck")) for s in (1.0, 2.0, 5.0)]
    out += [Defect("clipped", f"{p:g} % of an axis", _clip(p), code("clipped"))
            for p in (0.5, 1, 3, 10)]  # fmt: skip
    out += [
        Defect("flat sensor", "throughout", _rows(_flat), code("flat")),
        Defect("dead axis", "throughout", _rows(_dead), code("dead-axis")),
        Defect("too short", "1 s", _rows(_short), code("short")),
        Defect("sign turned over", "not in the values", _scaled(-1, unit="m/s2"),
               lambda _raw, _codes: False, rate=False),
    ]  # fmt: skip
    return out


# Running it -------------------------------------------------------------------------------------


def sample(raw_folder: Path, per_set: int, seed: int = 0) -> Iterator[Recording]:
    """Recordings of the data sets that are at hand, at most so many of each."""
    rng = np.random.default_rng(seed)
    for name in datasets.names():
        dataset = datasets.get(name)
        folder = dataset.folder(raw_folder)
        if not dataset.files or not all((folder / f.name).is_file() for f in dataset.files):
            continue
        sources = dataset.sources(folder, dataset.placement(None))
        chosen = rng.permutation(len(sources))[:per_set]
        found = [r for i in chosen for raw in dataset.read(sources[i]) for r in clean(raw)[0]]
        for i in sorted(rng.permutation(len(found))[:per_set]):
            yield found[i]


def as_plain(recording: Recording) -> Raw:
    """As a plain table would give it: m/s² and timestamps, and nothing said about either."""
    time = recording.time_s
    if time is None:
        time = np.arange(recording.n_samples) / recording.rate_hz
    return Raw(
        dataset="own", subject=recording.subject, session=recording.session,
        placement=recording.placement, acceleration=recording.acceleration.astype(np.float64),
        unit=None, convention="android", gravity=None, time_s=np.asarray(time, np.float64),
        source=recording.id,
    )  # fmt: skip


def look(raw: Raw) -> tuple[Raw, set[str]]:
    """The treated stretch and the codes of all findings, also those of cleaning."""
    treat(raw)
    codes = {f.code for f in raw.findings}
    _, account = clean(replace(raw, unit=raw.unit or "m/s2", rate_hz=raw.rate_hz or 50.0))
    return raw, codes | {f.code for f in account.findings}


def _copy(raw: Raw) -> Raw:
    return replace(
        raw, acceleration=raw.acceleration.copy(), findings=[], rejected={}, provenance={}
    )


def run(recordings: list[Recording], seed: int = 0) -> list[Row]:
    """Every defect put into every recording."""
    rng = np.random.default_rng(seed)
    plain = [as_plain(r) for r in recordings]
    # Declared as they are, as a pipeline file would: what is found then is a false alarm.
    declared = [replace(_copy(p), unit="m/s2", gravity="present") for p in plain]
    untouched = [look(_copy(p)) for p in declared]
    rows = []
    for defect in defects():
        found = 0
        for raw in plain:
            found += defect.found(*look(defect.inject(_copy(raw), rng)))
        alarms = sum(defect.found(r, codes) for r, codes in untouched) if defect.rate else None
        rows.append(Row(defect.name, defect.strength, len(plain), found, alarms))
    return rows + _over_all(recordings)


def false_errors(recordings: list[Recording]) -> int:
    """Untouched recordings, declared as they are, in which the doctor sees an error."""
    n = 0
    for recording in recordings:
        raw = replace(as_plain(recording), unit="m/s2", gravity="present")
        treat(raw)
        n += any(f.severity == "error" for f in raw.findings)
    return n


def _over_all(recordings: list[Recording]) -> list[Row]:
    """Defects that only all recordings of a set together show."""
    names = sorted({n.label for r in recordings for n in r.annotations})
    long = [n for n in names if len(n) >= 5]
    variants: list[tuple[str, list[tuple[str, str]]]] = [
        ("other case", [(n, n.title() if n.title() != n else n.lower()) for n in names]),
        ("a space for _", [(n, n.replace("_", " ")) for n in names if "_" in n]),
        ("two letters swapped", [(n, n[:2] + n[3] + n[2] + n[4:]) for n in long if n[2] != n[3]]),
        ("a letter dropped", [(n, n[:2] + n[3:]) for n in long]),
    ]
    alarms = len(labels.names(names))
    rows = []
    for strength, pairs in variants:
        found = sum(bool(labels.names(pair)) for pair in pairs)
        rows.append(Row("activity name", strength, len(pairs), found, alarms))
    ids = [r.id for r in recordings]
    twins = sum(bool(labels.twins({"same": [a, f"{a}-copy"]})) for a in ids)
    rows.append(Row("one recording under two names", "", len(ids), twins, None))
    return rows


def as_markdown(rows: list[Row], recordings: list[Recording], command: str) -> str:
    """The table, with what it was made of and what it means."""
    n, errors = len(recordings), false_errors(recordings)
    sets = ", ".join(dict.fromkeys(r.dataset for r in recordings))
    return "\n".join(
        [
            "# What the signal doctor sees",
            "",
            f"Made by `{command}`: {n} recordings drawn from {sets}, each as "
            "a plain table that says nothing of itself; each defect put into each of them. "
            "*Found* is the share in which the finding that names the defect is there; *false "
            "alarms* are the same recordings before anything was put in, declared as they are. "
            f"Errors in untouched recordings: {errors} of {n}.",
            "",
            "| defect | strength | recordings | found | false alarms |",
            "| --- | --- | ---: | ---: | ---: |",
            *(row.as_markdown() for row in rows),
            "",
            "Some alarms are true: WISDM's phones do clip at ± 2 g, run at two rates and jitter, "
            "and MotionSense holds one recording twice (`sit_5` and `sit_13` of subject 1). A gap "
            "shorter than 3.5 periods is not called one. A sign turned over, or axes changed "
            "about, leave values that are as plausible as before: there the format's metadata or "
            "the user must say, and a run stops until they do.",
            "",
        ]
    )
