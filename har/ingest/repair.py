"""Examine, then clean: the one door from what a reader found to recordings.

A run, `har data check`, `har predict`, the published data sets and a notebook all come through
`repair`, so that the same file gives the same recordings everywhere. They differ in what they
suppose of a recording where neither the file nor the user says it, and in what they do about
problems: the one is an argument of `repair`, the other is in what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NoReturn

from har.errors import DataError
from har.ingest.clean import Account, clean
from har.ingest.examine.treat import treat
from har.ingest.raw import Finding, Raw
from har.recording import Recording

MUST_KNOW = frozenset({"unit", "convention", "subject"})
"""Without these a recording cannot be converted, or told from another person's."""

NOT_READ = "not read: something must be set first"

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
        What must be settled before the recordings are used. Where it is one of `MUST_KNOW`, there
        are none.
    supposed : dict
        What was gone on with, since neither the file nor the user says it.
    """

    recordings: list[Recording]
    account: Account
    raw: Raw
    problems: list[Finding]
    supposed: dict[str, Any] = field(default_factory=dict)


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
    if any(f.code in MUST_KNOW - suppose.keys() for f in problems):
        account = Account(raw.source, raw.n_in, findings=raw.findings)
        account.rejected[NOT_READ] = raw.n_in
        return Repaired([], account, raw, problems)
    supposed = {name: value for name, value in suppose.items() if not getattr(raw, name)}
    recordings, account = clean(replace(raw, **supposed))
    return Repaired(recordings, account, raw, problems, supposed)


def is_problem(finding: Finding, suppose: Mapping[str, Any] = NOTHING) -> bool:
    """Whether going on in spite of a finding would mean to guess."""
    if finding.action != "none":
        return False
    return finding.severity == "error" or finding.code in MUST_KNOW - suppose.keys()


def refuse(
    problems: Iterable[Finding], advice: str = "See all of it: har data check PATH"
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
    """The recordings of some stretches, one after the other.

    Raises
    ------
    DataError
        If something must be set first, or must be settled.
    """
    for raw in raws:
        repaired = repair(raw)
        if repaired.problems:
            refuse(repaired.problems)
        yield from repaired.recordings
