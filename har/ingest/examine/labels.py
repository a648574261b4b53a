"""What only a whole data set tells: names that differ by a slip, classes that few have, twins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from har.ingest.raw import Finding


def names(labels: Iterable[str]) -> list[Finding]:
    """Activity names that differ in case, separators or one letter."""
    found = []
    by_core: dict[str, list[str]] = defaultdict(list)
    for label in sorted(set(labels)):
        by_core[_core(label)].append(label)
    for group in by_core.values():
        if len(group) > 1:
            listed = ", ".join(map(repr, group))
            message = (
                f"{listed} differ only in case or separators. To make them one: "
                f"activities: {{{group[-1]}: [{', '.join(group)}], …}}."
            )
            found.append(Finding("label-case", "warning", "kept", message, "labels", len(group)))
    for a, b in combinations(sorted(by_core), 2):
        if min(len(a), len(b)) >= 5 and not re.search(r"\d", a + b) and _one_slip(a, b):
            x, y = by_core[a][0], by_core[b][0]
            message = f"{x!r} and {y!r} differ by one letter: two activities, or a slip?"
            found.append(Finding("label-spelling", "warning", "kept", message, "labels", 2))
    return found


def _core(label: str) -> str:
    return re.sub(r"[\s_\-./]+", "", label.casefold())


def _one_slip(a: str, b: str) -> bool:
    """One letter more, less, other, or two neighbours swapped (Damerau's four slips)."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        differ = [i for i in range(len(a)) if a[i] != b[i]]
        if len(differ) == 1:  # another last letter is a name: StandingUpFS, StandingUpFL
            return differ[0] < len(a) - 1
        return (
            len(differ) == 2
            and differ[1] == differ[0] + 1
            and a[differ[0]] == b[differ[1]]
            and a[differ[1]] == b[differ[0]]
        )
    short, long = sorted((a, b), key=len)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def coverage(people_of: Mapping[str, set[str]], subjects: set[str]) -> list[Finding]:
    """Classes that only some people have."""
    found = []
    for label, people in sorted(people_of.items()):
        absent = sorted(subjects - people, key=lambda s: (len(s), s))
        if not absent or len(subjects) < 2:
            continue
        few = len(people) <= max(1, len(subjects) // 3)
        message = (
            f"{label!r}: {len(people)} of {len(subjects)} people have it "
            f"(not {', '.join(absent[:6])}{' …' if len(absent) > 6 else ''})."
        )
        severity: Any = "warning" if few else "info"
        found.append(Finding("class-people", severity, "kept", message, "labels", len(absent)))
    return found


def twins(hashes: Mapping[str, list[str]]) -> list[Finding]:
    """Recordings with the same samples under different names."""
    found = []
    for group in hashes.values():
        if len(group) > 1:
            message = (
                f"{', '.join(sorted(group)[:4])} hold the same samples: one recording under "
                "several names. Were it in training and in test, the score would be too good."
            )
            found.append(Finding("twin", "warning", "kept", message, "recordings", len(group)))
    return found
