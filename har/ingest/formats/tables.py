"""Plain tables: CSV, TSV, semicolons, Parquet; columns named by the user or by their names."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from har.config import Columns, did_you_mean
from har.errors import DataError
from har.ingest import clock, text
from har.ingest.formats.format import Format, Head, Hints
from har.ingest.raw import Convention, Finding, Gravity, Raw, Source, Unit, runs

# Turns for each person from which on a table of several is taken to be interleaved.
MANY_TURNS = 20

_AXIS = re.compile(
    r"(?:.*?(?P<kind>acc(?:el)?(?:eration|erometer)?|gf|g-?force|lin(?:ear)?|a)?[\s_.-]*)?"
    r"\(?(?P<axis>[xyz])\)?[\s_]*(?P<unit>[(\[].*[)\]])?",
    re.IGNORECASE,
)
_OTHER_SENSOR = re.compile(r"gyr|mag|rot|grav|euler|quat|orient|baro|gps|pitch|roll|yaw", re.I)
_LABEL = re.compile(r"(label|activity|class|target|annotation)(_?name)?", re.IGNORECASE)
_SUBJECT = re.compile(r"(subject|participant|user|person|who)(_?(id|name|nr|no))?", re.IGNORECASE)


def guess_columns(head: Head) -> Columns | None:
    """The columns of a table whose header names them plainly, or None.

    Columns of other sensors (gyroscope, gravity) are left alone; of two acceleration triples the
    first is taken.
    """
    groups: dict[str, dict[str, str]] = {}
    for name in head.columns:
        match = _AXIS.fullmatch(name)
        if match and not _OTHER_SENSOR.search(name):
            axis = match["axis"].lower()
            base = (name[: match.start("axis")] + name[match.end("axis") :]).lower()
            groups.setdefault(base, {}).setdefault(axis, name)
    triple = next((g for g in groups.values() if len(g) == 3), None)
    if triple is None:
        return None

    def first(pattern: re.Pattern[str]) -> str | None:
        return next((c for c in head.columns if pattern.fullmatch(c)), None)

    return Columns(
        time=first(clock.NAME), x=triple["x"], y=triple["y"], z=triple["z"],
        label=first(_LABEL), subject=first(_SUBJECT),
    )  # fmt: skip


def unit_of(columns: Columns) -> Unit | None:
    """The unit that the header gives in brackets, if any."""
    match = re.search(r"[(\[](.+)[)\]]", columns.x)
    if not match:
        return None
    inside = match[1].replace(" ", "").lower()
    if re.search(r"m/s|ms-2|ms\^-2", inside):
        return "m/s2"
    return {"g": "g", "mg": "mg"}.get(inside)  # type: ignore[return-value]


def recognise(head: Head) -> bool:
    return head.data[:4] == b"PAR1" or guess_columns(head) is not None


def recognise_with(head: Head, columns: Columns) -> bool:
    """Whether a table has the columns that the user named."""
    if head.data[:4] == b"PAR1":
        return True
    return {columns.x, columns.y, columns.z} <= set(head.names)


def read(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    """One recording for each stretch of one subject."""
    parquet = head.data[:4] == b"PAR1"
    columns = hints.columns or (None if parquet else guess_columns(head))
    table, rejected = (_parquet if parquet else _delimited)(source, head, columns)
    if columns is None:
        columns = guess_columns(Head(head.name, b"", tuple(table)))
    if columns is None:
        raise DataError(
            f"{source.name}: no columns that are plainly x, y, z; it has {', '.join(table)}. "
            "Name them in dataset.columns."
        )
    axes = [columns.x, columns.y, columns.z]
    for wanted in (*axes, columns.time, columns.label, columns.subject):
        if wanted is not None and wanted not in table:
            raise DataError(
                f"{source.name}: no column {wanted!r}{did_you_mean(wanted, table)} "
                f"It has: {', '.join(table)}."
            )
    acceleration = np.column_stack([numbers(table[a]) for a in axes])
    time_s, learnt = None, None
    findings: list[Finding] = []
    if columns.time is not None and len(acceleration):
        time_s, learnt, findings = seconds(table[columns.time], columns.time, hints, source.name)
    order = [c for c in head.columns if c in axes]
    if order and order != axes:
        message = f"Columns run {', '.join(order)}: read by name, as x y z."
        findings.append(Finding("axis-order", "info", "fixed", message, source.name))
    label = _texts(table[columns.label]) if columns.label else None
    subject = _texts(table[columns.subject]) if columns.subject else None
    yield from stretches(
        source, hints, acceleration, time_s=time_s, learnt=learnt, label=label, subject=subject,
        unit=unit_of(columns), rejected=rejected, findings=findings,
    )  # fmt: skip


def stretches(
    source: Source,
    hints: Hints,
    acceleration: np.ndarray,
    *,
    time_s: np.ndarray | None,
    learnt: clock.Clock | None = None,
    label: np.ndarray | None = None,
    subject: np.ndarray | None = None,
    unit: Unit | None = None,
    convention: Convention | None = None,
    gravity: Gravity | None = None,
    rejected: Mapping[str, int] | None = None,
    findings: list[Finding] | None = None,
    provenance: Mapping[str, Any] | None = None,
    start_time: Any = None,
) -> Iterator[Raw]:
    """`Raw`s of a table: what the user said, over what the format knows, per subject."""
    table, fields = hints.table, source.extra.get("fields", {})
    provenance = dict(provenance or {})
    if table.counts_per_g is not None:
        acceleration, unit = acceleration / table.counts_per_g, "g"
        provenance["counts_per_g"] = table.counts_per_g
    findings = list(findings or [])
    bounds = [(0, len(acceleration))]
    if subject is not None:
        bounds = runs(subject)
        if len(bounds) > MANY_TURNS * len({str(subject[a]) for a, _ in bounds}):
            order = np.argsort(subject.astype(str), kind="stable")
            acceleration, subject = acceleration[order], subject[order]
            time_s = time_s[order] if time_s is not None else None
            label = label[order] if label is not None else None
            message = f"People take turns {len(bounds)} times: their rows are put together."
            findings.append(Finding("interleaved", "info", "fixed", message, source.name))
            bounds = runs(subject)
    seen: dict[str, int] = {}
    for number, (start, end) in enumerate(bounds):
        who = str(subject[start]) if subject is not None else fields.get("subject", "")
        seen[who] = seen.get(who, 0) + 1
        session = fields.get("session", "")
        if seen[who] > 1:
            session = f"{session}-{seen[who]}"
        notes = []
        if label is not None:
            part = label[start:end]
            for a, b in runs(part):
                if part[a]:
                    notes.append((str(part[a]), a, b))
                elif table.null_label == "keep":
                    notes.append(("null", a, b))
        elif fields.get("activity"):
            notes = [(fields["activity"], 0, end - start)]
        yield Raw(
            dataset=table.name,
            subject=who,
            session=session,
            placement=fields.get("placement", "") or "unknown",
            acceleration=acceleration[start:end],
            unit=table.unit or unit,
            convention=table.convention or convention,
            gravity=table.gravity or gravity,
            rate_hz=table.rate_hz,
            time_s=time_s[start:end] if time_s is not None else None,
            clock=learnt,
            notes=notes,
            start_time=start_time,
            source=source.name if len(bounds) == 1 else f"{source.name}#{number + 1}",
            rejected=dict(rejected or {}) if number == 0 else {},
            findings=findings if number == 0 else [],
            provenance=dict(provenance),
        )


def _delimited(
    source: Source, head: Head, columns: Columns | None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    names = head.names
    wanted, types = None, {}
    if columns is not None:
        wanted = [c for c in dict.fromkeys(columns.model_dump().values()) if c in names]
        types = dict.fromkeys((columns.x, columns.y, columns.z), "float64")
        types |= {c: "dictionary" for c in (columns.label, columns.subject) if c}
        types = {k: v for k, v in types.items() if k in names}
    table, skipped = text.read_columns(
        text.read_bytes(source),
        names=names,
        types=types,
        include=wanted,
        delimiter=head.delimiter,
        decimal=head.decimal,
        skip_rows=head.skip_rows,
        where=source.name,
    )
    return table, {"malformed line": skipped} if skipped else {}


def _parquet(
    source: Source, _head: Head, _columns: Columns | None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(text.read_bytes(source)), use_threads=False)
    except (pa.ArrowInvalid, OSError) as e:
        raise DataError(f"{source.name}: not a whole Parquet file ({e}).") from e
    return {n: table[n].to_numpy(zero_copy_only=False) for n in table.column_names}, {}


def numbers(column: np.ndarray) -> np.ndarray:
    """float64; what is no number becomes NaN."""
    if np.issubdtype(column.dtype, np.number):
        return column.astype(np.float64)
    import pandas as pd

    values = pd.to_numeric(pd.Series(column), errors="coerce")
    return np.asarray(values, np.float64)


def _texts(column: np.ndarray) -> np.ndarray:
    """Strings, stripped; a missing value is the empty string."""
    import pandas as pd

    codes, values = pd.factorize(pd.Series(column))
    if np.issubdtype(np.asarray(values).dtype, np.floating):  # 1.0 and so on: a nullable integer
        texts = [f"{v:g}" for v in values]
    else:
        texts = [str(v).strip() for v in values]
    out = np.array([*texts, ""], dtype=object)
    return out[codes]


def seconds(
    column: np.ndarray, name: str, hints: Hints, where: str
) -> tuple[np.ndarray, clock.Clock, list[Finding]]:
    """A time column in seconds, as the user said and as its earlier rows told."""
    unit = hints.table.time_unit
    time_s, learnt, why = clock.seconds(column, name, where, unit=unit, clock=hints.clock)
    found = [Finding("time-unit", "info", "fixed", why, where)] if why else []
    return time_s, learnt, found


def in_parts(head: Head, hints: Hints) -> bool:
    """With times to go by, and one person's rows."""
    if head.data[:4] == b"PAR1":
        return False
    columns = hints.columns or guess_columns(head)
    return columns is not None and columns.time is not None and columns.subject is None


FORMAT = Format("table", "plain table (CSV, TSV, Parquet)", recognise, read, in_parts=in_parts)
