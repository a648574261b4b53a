"""Files of labelled intervals: which there are, whose they are, and what they hold."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

import numpy as np

from har.errors import ConfigError, DataError
from har.ingest import clock, content, fields, time_columns
from har.ingest.archives import check_zip
from har.ingest.dates import DAY_S
from har.ingest.formats import cells, headers
from har.ingest.formats.format import HEAD_BYTES, Head, decode, look
from har.ingest.raw import Raw, Source
from har.own_recordings import LabelColumns, Labels

_WORDS = {
    "start": {"start", "started", "begin", "beginning", "onset", "from", "tmin"},
    "end": {"end", "ended", "stop", "offset", "to", "until", "finish", "tmax"},
    "duration": {"duration", "dur"},
    "label": {"label", "activity", "annotation", "class", "event", "type", "text", "behaviour",
              "behavior", "posture", "state"},
    "recording": {"recording", "file", "filename"},
    "subject": {"subject", "participant", "person", "user", "who"},
}  # fmt: skip
_NO_SECONDS = re.compile(r"(?<![:\d+-])(\d{1,2}:\d{2})(?=(\s*[AaPp]\.?[Mm]\.?)?\s*$)")

Kind = Literal["elapsed", "day", "date"]
"""Times count from a recording's start, from midnight, or from 1970."""


class Labelled(NamedTuple):
    """A file of intervals, or a member of an archive, and how messages call it."""

    path: Path
    shown: str
    member: str = ""

    @property
    def source(self) -> Source:
        return Source(self.path, self.member)


@dataclass(frozen=True)
class Book:
    """The intervals of one file.

    Parameters
    ----------
    kind : str
    start_s, end_s : ndarray of float64, shape (n,)
    label : ndarray of str, shape (n,)
    subject : ndarray of str, shape (n,), optional
    by_recording : dict, optional
        Rows by the name that stands in the column for the recording.
    valid : ndarray of bool, shape (n,)
        Which have a start, an end after it and a label.
    malformed : int
        Lines with another number of fields.
    """

    kind: Kind
    start_s: np.ndarray
    end_s: np.ndarray
    label: np.ndarray
    subject: np.ndarray | None
    by_recording: Mapping[str, np.ndarray] | None
    valid: np.ndarray
    malformed: int

    def rows_of(self, raw: Raw, shown: str) -> np.ndarray:
        """The intervals that may be of a recording, in the order of the file."""
        mine = self.valid.copy()
        if self.by_recording is not None:
            named = fields.entry(self.by_recording, shown)
            mine &= np.isin(np.arange(len(mine)), [] if named is None else named)
        if self.subject is not None:
            mine &= self.subject == raw.subject
        return np.flatnonzero(mine)

    def shown(self, row: np.integer[Any]) -> str:
        start, end = (time_shown(self.kind, t[row]) for t in (self.start_s, self.end_s))
        return f"{self.label[row]!r} from {start} to {end}"


def columns(head: Head, said: LabelColumns) -> LabelColumns:
    """Which columns of a table of intervals hold what: as the user says, else by their names."""
    names = [n for n in head.names if n not in said.model_dump().values()]
    words = {n: _words(n) for n in names}
    told: dict[str, str | None] = {}
    for what, known in _WORDS.items():
        free = [n for n in names if n not in told.values()]
        told[what] = next((n for n in free if words[n] & known), None)
    if told["start"] is None and told["end"] is None:
        told["start"] = time_columns.column(names)
    if not head.columns:  # as Audacity exports them
        told |= dict(zip(("start", "end", "label"), names, strict=False))
    return LabelColumns(**(told | said.model_dump(exclude_none=True)))


def holds(head: Head) -> bool:
    """Whether a table's header is that of labelled intervals."""
    c = columns(head, LabelColumns())
    begins = bool(c.start and _words(c.start) & _WORDS["start"])  # a table of readings has a time
    return bool(head.columns and begins and (c.end or c.duration) and c.label)


def _words(name: str) -> set[str]:
    return {w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def paths(said: Labels, root: Path) -> re.Pattern[str]:
    """Which paths are those of label files."""
    whole = said.path if said.path.startswith("{folder}") else _absolute(said.path, root)
    parts = re.split(r"\{(.*?)\}", whole)
    any_name = (".*" if part == "folder" else "[^/]*" for part in parts[1::2])
    return re.compile(
        "".join(re.escape(a) + b for a, b in zip(parts[::2], [*any_name, ""], strict=True))
    )


def file_for(said: Labels, source: Source, known: Mapping[str, str], root: Path) -> Source:
    """The label file of a recording; of a member of an archive, there or else beside the archive.

    Raises
    ------
    ConfigError
        If a field of its path is not known.
    """
    name = PurePosixPath(source.member or source.path.name.removesuffix(".gz")).stem
    values = {"folder": full(source).parent.as_posix(), "name": name, **known}

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(
                f"dataset.labels.path: {match[0]} is not known for {source.name}. Give it in "
                "dataset.pattern or a sidecar, or use {folder} and {name}."
            )
        return values[match[1]]

    found = _located(Path(_absolute(re.sub(r"\{(.*?)\}", value, said.path), root)))
    if source.member and found.member and not content.exists(found):
        return file_for(said, Source(source.path), {"name": name, **known}, root)
    return found


def full(source: Source) -> PurePosixPath:
    """A path as a label file's is said: of a member of an archive, as if that were a folder."""
    return PurePosixPath(source.path.as_posix(), source.member)


def _located(path: Path) -> Source:
    """A path that may lead into an archive."""
    path = path.resolve()
    for archive in path.parents:
        if archive.suffix.lower() == ".zip" and archive.is_file():
            return Source(archive, path.relative_to(archive).as_posix())
    return Source(path)


def suggest(files: Sequence[Source], recordings: Sequence[Source]) -> str:
    """`labels.path` for files of intervals that were found beside recordings."""
    for file in map(full, files):
        for near in map(full, recordings):
            if file.parent == near.parent and file.name.startswith(near.stem):
                return f"{{folder}}/{{name}}{file.name.removeprefix(near.stem)}"
    return full(files[0]).as_posix()


def _absolute(path: str, root: Path) -> str:
    return (root.resolve() / Path(path).expanduser()).as_posix()


@functools.lru_cache(maxsize=16)
def _read(file: Labelled, said: Labels, _changed: int) -> Book:
    source, path = file.source, file.shown
    if file.member:
        check_zip(file.path, file.path.name)
    data = content.head(source, HEAD_BYTES)
    head = look(source.name, data)
    first = headers.names_alone(decode(data).splitlines())
    if not any(map(headers.is_number, first.columns)):  # few numbers are in such a table
        head = replace(head, header=first)
    c = columns(head, said.columns)
    if "{" in said.path:  # the path says whose they are
        c = c.model_copy(update=said.columns.model_dump(include={"recording", "subject"}))
    table, malformed = cells.texts(source, head)
    given = {what: name for what, name in c.model_dump().items() if name is not None}
    lacking = [w for w in ("start", "label") if w not in given]
    unknown = [name for name in given.values() if name not in table]
    if lacking or unknown:
        what = f"no column {unknown[0]!r}" if unknown else f"no column for {lacking[0]}"
        raise DataError(
            f"dataset.labels: {path}: {what}; it has {', '.join(table) or 'no columns'}. Name its "
            "start, end and label in dataset.labels.columns."
        )
    told = {what: table[name] for what, name in given.items()}
    kind, start_s, end_s = _times(told, given, said, f"dataset.labels: {path}")
    label = told["label"]
    if kind == "day":
        end_s = np.where(end_s < start_s, end_s + DAY_S, end_s)
    by_recording = None
    if "recording" in told:
        rows: dict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(told["recording"]):
            rows[name.replace("\\", "/").removeprefix("./")].append(i)
        by_recording = {name: np.array(at) for name, at in rows.items()}
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(start_s) & (end_s > start_s) & (label != "")
    subject = told.get("subject")
    return Book(kind, start_s, end_s, label, subject, by_recording, valid, malformed)


def _times(
    table: Mapping[str, np.ndarray], names: Mapping[str, str], said: Labels, where: str
) -> tuple[Kind, np.ndarray, np.ndarray]:
    """What the times count from, and starts and ends in seconds."""
    import pandas as pd

    if not (n := len(table["start"])):
        return "elapsed", np.empty(0), np.empty(0)
    both = [table["start"], *([table["end"]] if "end" in table else [])]
    stamps = np.stack(both, axis=1).ravel()
    given = np.array([_NO_SECONDS.sub(r"\1:00", t) or None for t in stamps], dtype=object)
    values = clock.values_of(given, names["start"], where)[0]
    kind: Kind
    unit = "s"
    if np.issubdtype(values.dtype, np.datetime64):
        seconds = (values - np.datetime64(0, "ns")) / np.timedelta64(1, "s")
        kind = "day" if np.nanmax(seconds, initial=-np.inf) < 2 * DAY_S else "date"
        if kind == "day":
            seconds = seconds % DAY_S
    else:
        epoch = clock.epoch_unit(values[np.isfinite(values)])
        unit = said.time_unit or time_columns.unit_in(names["start"]) or epoch or "s"
        seconds, kind = values * clock.SECONDS[unit], "date" if epoch == unit else "elapsed"
    seconds = seconds.reshape(n, len(both)) + said.shift_s
    start_s = seconds[:, 0]
    if "duration" in table:
        lasts = clock.values_of(table["duration"], names["duration"], where)[0]
        unit = time_columns.unit_in(names["duration"]) or unit
        return kind, start_s, start_s + lasts * clock.SECONDS[unit]
    if len(both) == 2:
        return kind, start_s, seconds[:, 1]
    alone = np.zeros(n, int)
    groups = [table.get("recording", alone), table.get("subject", alone)]
    following = pd.Series(start_s).groupby(groups).shift(-1)
    return kind, start_s, following.fillna(np.inf).to_numpy()


def read(file: Labelled, said: Labels) -> Book:
    """The intervals of a file, which is read once."""
    return _read(file, said, file.path.stat().st_mtime_ns)


def time_shown(kind: Kind, seconds: float) -> str:
    if kind == "elapsed" or not np.isfinite(seconds):
        return f"{seconds:.1f} s"
    at = np.datetime64(round(seconds * 1000), "ms").astype(str)
    return at.partition("T")[2] if kind == "day" else at
