"""Physics Toolbox (Android and iOS): `time,gFx,gFy,gFz,TgF` in g, or `time,ax,ay,az,aT` in m/s².

`gF*` is the g-force meter, gravity present, in g. `ax ay az` with `aT` is the linear accelerometer:
m/s², gravity removed. iOS exports end the g-force header in `gFTotal` and write dates; they are
Core Motion's numbers as they are, and so negated.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from har.ingest.formats import cells, tables
from har.ingest.formats.format import Format, Head, Hints
from har.ingest.raw import Convention, Gravity, Raw, Source, Unit


def _axes(head: Head) -> tuple[list[str], Unit, Gravity] | None:
    names = {c.lower(): c for c in head.columns}
    if {"gfx", "gfy", "gfz"} <= set(names):
        return [names[f"gf{a}"] for a in "xyz"], "g", "present"
    if {"ax", "ay", "az"} <= set(names) and "at" in names:
        return [names[f"a{a}"] for a in "xyz"], "m/s2", "removed"
    return None


def recognise(head: Head) -> bool:
    return bool(head.columns) and head.columns[0].lower() == "time" and _axes(head) is not None


def read(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    found = _axes(head)
    assert found is not None
    axes, unit, gravity = found
    time = head.columns[0]
    columns, rejected = cells.columns_of(source, head, {time: "", **dict.fromkeys(axes, "float64")})
    time_s, learnt, findings = tables.seconds(columns[time], time, hints, source.name)
    ios = "gftotal" in {c.lower() for c in head.columns}
    convention: Convention | None = "ios" if ios else "android"
    yield from tables.stretches(
        source, hints, np.column_stack([columns[a] for a in axes]), time_s=time_s,
        learnt=learnt, unit=unit, convention=convention, gravity=gravity,
        rejected=rejected, findings=findings,
        provenance={"recorder": "Physics Toolbox"},
    )  # fmt: skip


FORMAT = Format(
    "physics-toolbox", "Physics Toolbox", recognise, read, in_parts=lambda _head, _hints: True
)
