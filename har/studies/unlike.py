"""`har study unlike`: are defects noticed that were planted in recordings of people held out?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest

from har import session
from har.config import Pipeline
from har.export import planting
from har.export.description import hop_of
from har.fanout import Crew
from har.report.table import markdown
from har.runtime.likeness import Likeness
from har.signal import window_files
from har.signal.windows import Windows
from har.training import splits
from har.workspace import Workspace

AT_LEAST_S = 60.0
NAMES = {
    "none": "as recorded",
    "g": "g for m/s²",
    "no_gravity": "gravity removed",
    "sign": "sign flipped",
    "exchange_xy": "x and y exchanged",
    "exchange_yz": "y and z exchanged",
    "exchange_xz": "x and z exchanged",
    "half_rate": "read at twice its rate",
}


def run(of: Pipeline, *, workspace: Workspace, crew: Crew) -> list[dict[str, Any]]:
    """Fit what training recordings are like on each fold's training people, ask about its test
    people's recordings of a minute or more in which somebody walks.

    Returns
    -------
    list of dict
        For each defect: recordings, flagged, and of those in folds where it is looked for.
    """
    stored = session.outputs(workspace, of, crew, until="prepare")["prepare"]
    windows = window_files.load(stored.path)
    hop = hop_of(of, windows)
    counts: dict[str, list[tuple[bool, bool]]] = {name: [] for name in NAMES}
    for split in splits.make(windows, of.split):
        like = planting.likeness(windows, np.union1d(split.train, split.validation), hop)
        if like is None:
            continue
        tested = _recordings(windows, split.test, hop)
        for name, found in planting.counts(windows, like, tested).items():
            counts[name] += [(unlike, _looked_for(name, like)) for _, unlike in found]
    return [_row(name, found) for name, found in counts.items()]


def _recordings(windows: Windows, index: np.ndarray, hop: int) -> dict[str, np.ndarray]:
    """Windows of each recording that lasts a minute and has walking of some kind in it."""
    walks = [i for i, a in enumerate(windows.activities) if any(w in a for w in ("walk", "stairs"))]
    out = {}
    for mine in planting.groups(windows, index):
        lasts = (len(mine) * hop + windows.n_samples - hop) / windows.rate_hz
        if lasts >= AT_LEAST_S and np.isin(windows.labels[mine], walks).any():
            out[str(windows.recordings[mine[0]])] = mine
    return out


def _looked_for(name: str, like: Likeness) -> bool:
    return name not in planting.PLANTS or name in like.defects


def _row(name: str, found: list[tuple[bool, bool]]) -> dict[str, Any]:
    flagged, looked_for = sum(f for f, _ in found), [f for f, told in found if told]
    row: dict[str, Any] = {
        "planted": name,
        "recordings": len(found),
        "flagged": flagged,
        "looked_for": len(looked_for),
        "flagged_where_looked_for": sum(looked_for),
    }
    if looked_for:
        interval = binomtest(sum(looked_for), len(looked_for)).proportion_ci(method="wilson")
        row["ci95"] = [float(interval.low), float(interval.high)]
    return row


def as_markdown(rows: list[dict[str, Any]], name: str, command: str) -> str:
    """The page of one data set."""
    return "\n\n".join([f"## {name}", f"```sh\n{command}\n```", markdown(*table(rows))]) + "\n"


def table(rows: list[dict[str, Any]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Its head and its cells."""
    head = ("planted", "recordings", "flagged", "where it is looked for", "share", "95 %")
    return head, [_cells(row) for row in rows]


def _cells(row: Mapping[str, Any]) -> list[str]:
    n, flagged = row["looked_for"], row["flagged_where_looked_for"]
    share = f"{flagged / n:.1%}" if n else "not looked for"
    interval = "{:.1%} to {:.1%}".format(*row["ci95"]) if n else "–"
    where = f"{flagged} of {n}" if n else "–"
    return [
        NAMES[row["planted"]], str(row["recordings"]), str(row["flagged"]), where, share, interval
    ]  # fmt: skip
