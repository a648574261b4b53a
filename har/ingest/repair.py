"""Examine, then clean: the one door from what a reader found to recordings.

A run, `har data check`, `har predict`, the published data sets and a notebook all come through
`repair`, so that the same file gives the same recordings everywhere. They differ in what they
suppose of a recording where neither the file nor the user says it, and in what they do about
problems: the one is an argument of `repair`, the other is in what it returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NoReturn

from har.errors import DataError
from har.ingest import calibration
from har.ingest.clean import Account, clean
from har.ingest.examine.treat import FLAT, treat
from har.ingest.raw import ANOTHER_SENSOR, REPEATED_HEADER, Finding, Raw
from har.recording import Recording

MUST_KNOW = frozenset({"unit", "convention", "subject"})
"""Without these a recording cannot be converted, or told from another person's."""

UNUSABLE = "clock"
"""Where this finding is an error, no time can be given to any sample."""

NOT_READ = "not read: a setting is missing"

SOME, MUCH = 0.1, 0.2
"""Shares of a source's samples: to lose the one is worth a warning, to lose the other an error."""

NO_LOSS = (ANOTHER_SENSOR, REPEATED_HEADER, FLAT)

SHOWN = 4
"""Reasons for a loss that are named."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Repaired:
    """What one stretch gave.

    Parameters
    ----------
    recordings : list of Recording
    account : Account
        Where each sample went, and what was found.
    raw : Raw
        As examined: unit and gravity filled in where the values are sure of them.
    problems : list of Finding
        What must be settled before the recordings are used. Where it is one of `MUST_KNOW`, or
        there is no clock, there are none.
    supposed : dict
        What was gone on with, since neither the file nor the user says it.
    """

    recordings: list[Recording]
    account: Account
    raw: Raw
    problems: list[Finding]
    supposed: dict[str, Any] = field(default_factory=dict)

    @property
    def read_as(self) -> dict[str, str]:
        """Unit, sign and gravity, and what tells each of them."""
        by_values = {f.code for f in self.account.findings if f.action == "fixed"}
        out = {}
        for name in ("unit", "convention", "gravity"):
            value = self.supposed.get(name) or getattr(self.raw, name) or "unknown"
            why = " (assumed)" if name in self.supposed else ""
            if not why and name != "convention" and name in by_values:
                why = " (by its values)"
            out[name] = f"{value}{why}"
        return out


def repair(raw: Raw, suppose: Mapping[str, Any] = NOTHING) -> Repaired:
    """Examine one stretch and clean it.

    Parameters
    ----------
    raw : Raw
        Not changed.
    suppose : mapping
        Values of `unit`, `convention`, `rate_hz` or `subject` to go on with where they are not
        known.

    Raises
    ------
    DataError
        If there is neither a rate nor timestamps to tell it from.
    """
    raw = treat(replace(raw, findings=[*raw.findings], rejected={**raw.rejected}))
    problems = [f for f in raw.findings if is_problem(f, suppose)]
    if any(f.code in {UNUSABLE, *MUST_KNOW} - suppose.keys() for f in problems):
        account = Account(raw.source, raw.n_in, findings=raw.findings)
        account.rejected[NOT_READ] = raw.n_in
        return Repaired([], account, raw, problems)
    supposed = {name: value for name, value in suppose.items() if not getattr(raw, name)}
    known = replace(raw, **supposed)
    recordings, account = clean(calibration.calibrated(known) if raw.autocalibrate else known)
    return Repaired(recordings, account, raw, problems, supposed)


def repair_source(raws: Iterable[Raw], suppose: Mapping[str, Any] = NOTHING) -> list[Repaired]:
    """Examine and clean the stretches of one source, and judge how much of it is lost."""
    repaired = [repair(raw, suppose) for raw in raws]
    if found := loss([r.account for r in repaired]):
        repaired[0].account.findings.insert(0, found)
        if is_problem(found, suppose):
            repaired[0].problems.append(found)
    return repaired


def loss(accounts: list[Account]) -> Finding | None:
    """What is to be said of a source of which a tenth or more was rejected.

    Rows of other sensors, rows that came twice with the same values, and stretches of a sensor
    that was not running are no loss.
    """
    rejected: Counter[str] = Counter()
    for account in accounts:
        rejected.update(account.rejected)
    no_loss = sum(rejected.pop(reason, 0) for reason in NO_LOSS)
    n = sum(rejected.values()) - sum(a.copies for a in accounts)
    of = sum(a.samples_in for a in accounts) - no_loss
    if rejected.pop(NOT_READ, 0) or not n or n < SOME * of:
        return None
    why = dict.fromkeys(f.message for a in accounts for f in a.findings if f.action == "rejected")
    reasons = list(why) or [f"{n} {reason}." for reason, n in rejected.items()]
    message = f"{n} of {of} samples ({n / of:.0%}) are rejected. {' '.join(reasons[:SHOWN])}"
    where = accounts[0].source
    if n < MUCH * of:
        return Finding("loss", "warning", "kept", message, where, n)
    advice = " Correct the settings of its columns, or the file."
    return Finding("loss", "error", "none", message + advice, where, n)


def gravity_of(recording: Recording) -> str:
    """Whether a recording contains gravity: present or removed."""
    return "removed" if "gravity" in recording.provenance else "present"


def mixed_gravity(where: str) -> Finding:
    """What is to be said of recordings some of which contain gravity."""
    message = (
        "Some files contain gravity and some do not. Read them separately, with two paths. If they "
        "record the same movement, set dataset.gravity: present."
    )
    return Finding("gravity-mixed", "error", "none", message, where)


def is_problem(finding: Finding, suppose: Mapping[str, Any] = NOTHING) -> bool:
    """Whether going on in spite of a finding would mean to guess."""
    if finding.action != "none":
        return False
    return finding.severity == "error" or finding.code in MUST_KNOW - suppose.keys()


def refuse(
    problems: Iterable[Finding], advice: str = "All findings: har data check PATH"
) -> NoReturn:
    """Raise a `DataError` that lists every kind of problem once, and ends with some advice."""
    kinds: dict[str, list[Finding]] = {}
    for finding in problems:
        kinds.setdefault(finding.code, []).append(finding)
    lines = ["These recordings cannot be used as they are:"]
    for code, found in kinds.items():
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        lines.append(f"  {code}: {found[0].where}{more}: {found[0].message}")
    raise DataError("\n".join([*lines, advice]))


def recordings(raws: Iterable[Raw]) -> Iterator[Recording]:
    """The recordings of the stretches of one source.

    Raises
    ------
    DataError
        If something must be set first, or must be settled.
    """
    stretches = repair_source(raws)
    if problems := [problem for one in stretches for problem in one.problems]:
        refuse(problems)
    for one in stretches:
        yield from one.recordings
