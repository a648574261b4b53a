"""A user's own recordings: which files there are, who and what each is."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from har.errors import ConfigError, DataError
from har.ingest import content, fields, formats, label_files, unread, views
from har.ingest.archives import check_zip
from har.ingest.formats import tables
from har.ingest.formats.format import HEAD_BYTES, Format, Head, look
from har.ingest.raw import Source
from har.own_recordings import Table

# Folders that many loggers put in the way of a name that tells.
_VAGUE = {"", ".", "data", "raw", "csv", "export", "recordings"}


@dataclass
class Found:
    """What a path holds.

    Parameters
    ----------
    sources : list of Source
        To be read; each knows its format and fields in `extra`.
    not_used : list of (str, str)
        Files that are not read, with the reason.
    rejected : list of (str, str)
        Files that should have been read and cannot be.
    headers : Counter of (tuple of str or int)
        The columns of plain tables, read or not (without a header line their number), and how many
        files have them.
    heads : dict
        The first file with each of these.
    intervals : list of Source
        Files of labelled intervals that nothing was said of.
    """

    sources: list[Source] = field(default_factory=list)
    not_used: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    headers: Counter[tuple[str, ...] | int] = field(default_factory=Counter)
    heads: dict[tuple[str, ...] | int, Head] = field(default_factory=dict)
    intervals: list[Source] = field(default_factory=list)

    def add_table(self, head: Head) -> None:
        columns = head.columns or head.header.n_fields
        self.headers[columns] += 1
        self.heads.setdefault(columns, head)

    @property
    def commonest(self) -> Head | None:
        """The beginning of a plain table with the header that most of them have."""
        return next((self.heads[columns] for columns, _ in self.headers.most_common(1)), None)


def find(table: Table, root: Path) -> Found:
    """The sources that a pipeline's `dataset.path` names.

    Parameters
    ----------
    table : Table
    root : Path
        The workspace, which a relative path starts from.

    Raises
    ------
    ConfigError
        If the path names nothing, or a pattern or sidecar cannot be used.
    """
    files = _files(table.path, root)
    if not files:
        raise ConfigError(f"dataset.path: no file matches {table.path!r} in {root}.")
    pattern = fields.compile_pattern(table.pattern) if table.pattern else None
    sidecar = fields.read_sidecar(root / table.sidecar) if table.sidecar else {}
    skip = {(root / table.sidecar).resolve()} if table.sidecar else set()
    labels = label_files.paths(table.labels, root) if table.labels else None
    of_labels: list[Source] = []
    found = Found()
    folders: dict[str, list[Source]] = defaultdict(list)
    for path in files:
        if not path.exists():
            found.not_used.append((_shown(Source(path), root), "a broken link"))
            continue
        if path.resolve() in skip:
            continue
        try:
            for source in _members(path):
                if labels and labels.fullmatch(label_files.full(_resolved(source)).as_posix()):
                    of_labels.append(source)
                    continue
                inside = f"/{PurePosixPath(source.member).parent}" if source.member else ""
                folders[f"{path}{inside}" if inside else str(path.parent)].append(source)
        except (DataError, OSError) as e:
            found.rejected.append((_shown(Source(path), root), str(e)))
    for folder in sorted(folders):
        chosen = _chosen(_heads(folders[folder], root, found), table, root, found)
        _name(chosen, table, root, pattern, sidecar, found)
    used = {label_files.full(s.extra["labels"].source) for s in found.sources if table.labels}
    orphans = [s for s in of_labels if label_files.full(_resolved(s)) not in used]
    found.not_used += [(_shown(s, root), "labels of a recording that is not here") for s in orphans]
    return found


def _resolved(source: Source) -> Source:
    return Source(source.path.resolve(), source.member)


def _heads(sources: list[Source], root: Path, found: Found) -> Iterator[tuple[Source, Head]]:
    """The beginnings of files, one after the other: those of thousands would fill the memory."""
    for source in sources:
        try:
            head = head_of(source)
        except (DataError, OSError) as e:
            found.rejected.append((_shown(source, root), str(e)))
        else:
            yield source, head


def _chosen(
    entries: Iterable[tuple[Source, Head]], table: Table, root: Path, found: Found
) -> list[tuple[str, Source]]:
    """The recordings of one folder, with their formats: of several views of one movement, the best.

    What is not read is added to `found`.
    """
    ranked: dict[str, list[views.View]] = defaultdict(list)
    chosen: list[tuple[str, Source]] = []
    for source, head in entries:
        form = formats.recognise(head)
        if table.columns and tables.recognise_with(head, table.columns):
            form = tables.FORMAT
        if form is None or (form is tables.FORMAT and not table.columns
                            and formats.is_companion(head)):  # fmt: skip
            _not_read(source, head, form, table, root, found)
        elif form.rank is None:
            chosen.append((form.name, source))
        else:
            if form is tables.FORMAT:
                found.add_table(head)
            ranked[form.name].append(views.view(source, head, form.rank(head)))
    for name, group in ranked.items():
        for movement in views.movements(group):
            if name == tables.FORMAT.name and len({view.rank for view in movement}) == 1:
                chosen += [(name, view.source) for view in movement]  # nothing tells them apart
                continue
            movement.sort(key=lambda view: (view.rank, view.source.name))
            best, *others = movement[:: -1 if table.gravity == "removed" else 1]
            chosen.append((name, best.source))
            name_read = PurePosixPath(_shown(best.source, root)).name
            reason = f"another view of the same movement; {name_read} is read"
            found.not_used += [(_shown(view.source, root), reason) for view in others]
    return chosen


def _not_read(
    source: Source, head: Head, form: Format | None, table: Table, root: Path, found: Found
) -> None:
    """Say of a file why it is not read."""
    shown = _shown(source, root)
    if form is None and label_files.holds(head):
        found.not_used.append((shown, "labelled intervals"))
        found.intervals.append(source)
    elif form is not None or formats.is_companion(head):
        found.not_used.append((shown, "no acceleration in it"))
    elif unread.is_table(head) or table.columns:
        found.rejected.append((shown, unread.unknown(head)))
        found.add_table(head)
    else:
        found.not_used.append((shown, unread.no_table(head)))


def _name(
    chosen: list[tuple[str, Source]], table: Table, root: Path, pattern: re.Pattern[str] | None,
    sidecar: dict[str, dict[str, str]], found: Found,
) -> None:  # fmt: skip
    """Who, what and where the recordings of one folder are: as sources that are ready to read."""
    alone = len(chosen) == 1
    for name, source in chosen:
        shown = _shown(source, root)
        known = {k: v for k in ("subject", "activity", "placement") if (v := getattr(table, k))}
        if pattern is not None:
            match = pattern.fullmatch(shown)
            if match is None:
                found.rejected.append((shown, f"does not match dataset.pattern {table.pattern!r}"))
                continue
            known |= {k: v for k, v in match.groupdict().items() if v}
        known |= fields.entry(sidecar, shown) or {}
        if "session" in known and "activity" in known and not table.activity:
            # walk_1.csv and run_1.csv are two recordings.
            known["session"] = f"{known['activity']}-{known['session']}"
        a_logger = formats.get(name).rank is not None and name != tables.FORMAT.name
        known.setdefault("session", _session(shown, folder=alone and a_logger))
        extra: dict[str, Any] = {"format": name, "fields": known, "shown": shown}
        if table.labels:
            of = label_files.file_for(table.labels, source, known, root)
            extra["labels"] = label_files.Labelled(of.path, _shown(of, root), of.member)
        found.sources.append(Source(source.path, source.member, known.get("placement", ""), extra))


# Files -----------------------------------------------------------------------------------------


def _files(path: str, root: Path) -> list[Path]:
    wanted = Path(path).expanduser()
    full = wanted if wanted.is_absolute() else root / wanted
    if full.is_dir():
        found = list(_walked(full))
    elif full.is_file():
        found = [full]
    else:
        found = [Path(p) for p in glob.glob(str(full), recursive=True) if Path(p).is_file()]
    return sorted(p for p in found if not p.name.startswith((".", "~")))


def _walked(folder: Path) -> Iterator[Path]:
    """Files below a folder. Links are followed, but no folder is entered twice."""
    seen = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(here))
        folders[:] = [f for f in sorted(folders) if os.path.realpath(f"{here}/{f}") not in seen]
        yield from (p for f in files if (p := Path(here, f)).is_file() or not p.exists())


def _members(path: Path) -> Iterator[Source]:
    """A file, or the files in an archive."""
    if path.suffix.lower() != ".zip":
        yield Source(path)
        return
    check_zip(path, path.name)
    for member in content.members(path):
        if not PurePosixPath(member).name.startswith("."):
            yield Source(path, member)


def head_of(source: Source) -> Head:
    """The beginning of a source."""
    name = source.member or source.path.as_posix()
    return look(name.removesuffix(".gz"), content.head(source, HEAD_BYTES))


def _shown(source: Source, root: Path) -> str:
    """A path as the user would write it: relative to the workspace where it lies inside."""
    path, within = source.path.absolute(), root.absolute()
    if not path.is_relative_to(within):
        path, within = source.path.resolve(), root.resolve()
    inside = path.is_relative_to(within)
    shown = (path.relative_to(within) if inside else source.path).as_posix()
    return f"{shown}/{source.member}" if source.member else shown


def _session(shown: str, *, folder: bool) -> str:
    """A folder of a logger is a session; otherwise a file is."""
    pure = PurePosixPath(shown)
    parts = [p for p in pure.parent.parts if p not in ("/", ".")]
    if folder and parts and parts[-1].lower() not in _VAGUE:
        return "-".join(parts[-2:]) if len(parts) > 1 else parts[-1]
    near = [parts[-1]] if parts and parts[-1].lower() not in _VAGUE else []
    return "-".join([*near, pure.stem])
