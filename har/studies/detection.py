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

from har.ingest import datasets
from har.ingest.examine import labels
from har.ingest.raw import Raw
from har.ingest.repair import repair
from har.recording import Recording
from har.studies import strange_files
from har.studies.defects import defects


@dataclass
class Row:
    name: str
    strength: str
    n: int
    found: int
    false_alarms: int | None

    def as_markdown(self) -> str:
        alarms = "" if (n := self.false_alarms) is None else f"{n} ({self._share(n)})"
        found = self._share(self.found)
        return f"| {self.name} | {self.strength} | {self.n} | {found} | {alarms} |"

    def _share(self, k: int) -> str:
        return f"{100 * k / self.n:.1f} %" if self.n else ""


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
        raws = (raw for i in chosen for raw in dataset.read(sources[i]))
        found = [r for raw in raws for r in repair(raw).recordings]
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
    """The examined stretch and the codes of all findings, also those of cleaning."""
    repaired = repair(raw, {"unit": "m/s2", "rate_hz": 50.0})
    return repaired.raw, {f.code for f in repaired.account.findings}


def _copy(raw: Raw) -> Raw:
    return replace(
        raw, acceleration=raw.acceleration.copy(), findings=[], rejected={}, provenance={}
    )


def run(
    recordings: list[Recording],
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Every defect put into every recording; `on_progress(defects done, of how many)`."""
    rng = np.random.default_rng(seed)
    plain = [as_plain(r) for r in recordings]
    # Declared as they are, as a pipeline file would: what is found then is a false alarm.
    declared = [replace(_copy(p), unit="m/s2", gravity="present") for p in plain]
    untouched = [look(_copy(p)) for p in declared]
    rows = []
    tried, strange = defects(), strange_files.files()
    of = len(tried) + len(strange)
    for number, defect in enumerate(tried):
        if on_progress:
            on_progress(number, of)
        found = sum(defect.found(*look(defect.inject(_copy(raw), rng))) for raw in plain)
        alarms = sum(defect.found(r, codes) for r, codes in untouched) if defect.rate else None
        rows.append(Row(defect.name, defect.strength, len(plain), found, alarms))
    tables = [strange_files.beginning(raw) for raw in plain]
    known = [strange_files.written_and_read(strange_files.write_plain, t) for t in tables]
    for number, file in enumerate(strange, len(tried)):
        if on_progress:
            on_progress(number, of)
        found = sum(map(strange_files.survives, [file] * len(tables), tables, known))
        rows.append(Row(file.name, file.strength, len(tables), found, None))
    return rows + _over_all(recordings)


def false_errors(recordings: list[Recording]) -> int:
    """Untouched recordings, declared as they are, in which the doctor sees an error."""
    declared = (replace(as_plain(r), unit="m/s2", gravity="present") for r in recordings)
    accounts = (repair(raw).account for raw in declared)
    return sum(any(f.severity == "error" for f in account.findings) for account in accounts)


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
            f"Made by `{command}`: {n} recordings drawn from {sets}, each written "
            "as a plain table without metadata, with each defect planted in turn. *Found* is the "
            "share of them in which the finding that names the defect is reported; *false alarms* "
            "are reported for the same recordings without the defect, correctly described. For "
            "unusual files, from the gyroscope's columns to two exports, *found* is the share "
            "whose first minute is read with the samples, values and rate of a plain file. "
            f"Errors in untouched recordings: {errors} of {n}.",
            "",
            "| defect | strength | recordings | found | false alarms |",
            "| --- | --- | ---: | ---: | ---: |",
            *(row.as_markdown() for row in rows),
            "",
            "Some alarms are true: WISDM's phones do clip at ± 2 g, run at two rates and jitter, "
            "and MotionSense holds one recording twice (`sit_5` and `sit_13` of subject 1). A gap "
            "shorter than 3.5 periods is not called one. With a flipped sign or exchanged axes, "
            "the values are as plausible as before: the format's metadata or the user must state "
            "the sign, and a run stops until it is stated.",
            "",
        ]
    )
