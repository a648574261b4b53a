"""What only a whole data set tells: slips in names, classes that few have, short bouts, twins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from har.config import WindowsConfig
from har.ingest.raw import Finding

SHORTEST_S = 0.5
"""Windows shorter than this are not proposed."""


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
            message = f"{x!r} and {y!r} differ by one letter: two activities, or a typo?"
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
            f"{label!r}: only {len(people)} of {len(subjects)} people have it "
            f"(not {', '.join(absent[:6])}{' …' if len(absent) > 6 else ''})."
        )
        if len(people) == 1:
            message += (
                " In the fold that tests them no training person has it: its recall is 0, and "
                "macro-F1 counts that. Record it with others, or leave it out of activities."
            )
        severity: Any = "warning" if few else "info"
        found.append(Finding("class-people", severity, "kept", message, "labels", len(absent)))
    return found


def fills_s(bout_s: float, windows: WindowsConfig, *, alone_s: float | None = None) -> float:
    """The longest window that a bout is sure to give, wherever the windows happen to start.

    Parameters
    ----------
    bout_s : float
    windows : WindowsConfig
        Overlap and purity; the length is not used.
    alone_s : float, optional
        The length of the recording, if the bout begins with it, as the first window does.
    """
    purity = windows.min_purity
    if windows.within == "annotation":
        return bout_s
    if alone_s is not None:
        return min(bout_s / purity, alone_s)
    # Starts of pure enough windows span bout − (2 purity − 1) length: at least a hop.
    return bout_s / max(purity, 2 * purity - windows.overlap)


def short_bouts(
    filled_s: Mapping[str, list[float]], windows: WindowsConfig
) -> tuple[list[Finding], float]:
    """Activities of which most bouts give no window, and a length at which half of each do.

    Parameters
    ----------
    filled_s : mapping
        `fills_s` of each bout of each activity.
    windows : WindowsConfig
    """
    half = {label: sorted(bouts)[len(bouts) // 2] for label, bouts in filled_s.items() if bouts}
    short = sorted((s, label) for label, s in half.items() if s < windows.length_s)
    if not short:
        return [], windows.length_s
    fitting_s = max(SHORTEST_S, np.floor(10 * short[0][0]) / 10)
    named = ", ".join(f"{label!r} (windows of up to {s:.2g} s)" for s, label in short[:4])
    message = (
        f"At least half of the bouts of {named}{' …' if len(short) > 4 else ''} are too short to "
        f"be sure of a window of {windows.length_s:g} s. windows.length_s: {fitting_s:g} suits "
        "half of all activities' bouts."
    )
    lost = [label for s, label in short if s < fitting_s]
    if lost:
        message += f" Except {', '.join(map(repr, lost))}: leave them out of activities."
    return [Finding("short-bouts", "warning", "kept", message, "labels", len(short))], fitting_s


def twins(hashes: Mapping[str, list[str]]) -> list[Finding]:
    """Recordings with the same samples under different names."""
    found = []
    for group in hashes.values():
        if len(group) > 1:
            message = (
                f"{', '.join(sorted(group)[:4])} contain the same samples: one recording "
                "under several names. In both training and test, it would inflate the score."
            )
            found.append(Finding("twin", "warning", "kept", message, "recordings", len(group)))
    return found


def near_copies(pairs: Mapping[tuple[str, str], int]) -> list[Finding]:
    """Recordings with the same movement: trimmed, rounded or resampled copies."""
    return [
        Finding(
            "near-copy", "warning", "kept",
            f"{a} and {b} contain the same movement ({n} peaks are alike): one recording under two "
            "names, trimmed, rounded or resampled. Leave one out: a run refuses to train on the "
            "one and test on the other.",
            "recordings", 2,
        )
        for (a, b), n in pairs.items()
    ]  # fmt: skip
