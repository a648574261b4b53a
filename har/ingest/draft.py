"""A pipeline file drafted from what was found in a user's recordings."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import yaml

from har.ingest.check import MIXED, UNKNOWN, Report
from har.ingest.formats import guess
from har.pipeline_file import FILL_IN

SAID = (
    "name", "pattern", "sidecar", "time_unit", "rate_hz", "counts_per_g", "zero", "six_positions",
    "autocalibrate", "subject", "activity",
)  # fmt: skip
"""What a pipeline file that was examined may say, and goes on in the draft as it is."""

_STAMPED = re.compile(r"([^\W\d][^\d]*?)([-_ ]+)\d")
_STAMP = re.compile(r"(\D*\d){6}")
"""As many digits as a date has."""


def pipeline(report: Report, *, path: str) -> str:
    """A pipeline file for what was found, complete but for what says `FILL_IN`."""
    w = report.whole
    dataset = f"dataset: {w.format}\n" if report.table is None else _table_lines(report, path)
    people, activities = len(report.subjects), sorted(report.activities)
    rate = min(50, int(w.rate_hz)) if w.rate_hz and w.rate_hz >= 10 else 50
    if any(f.code == "subject" for f in report.findings()):
        split = (
            "split: {scheme: subject-folds, folds: 3}   # fewer than 3 people: "
            "{scheme: sessions, folds: 3}"
        )
    elif people >= 3:
        split = f"split: {{scheme: subject-folds, folds: {min(5, people)}}}"
    else:
        split = "split: {scheme: sessions, folds: 3}   # fewer than 3 people: no score for others"
    known = f"   # found: {', '.join(activities)}" if activities else ""
    short = any(f.code == "short-bouts" for f in report.findings())
    why = "   # shortened for short bouts" if short else ""
    cut = f"{{length_s: {report.window_s:g}, overlap: 0.5, within: recording, label: majority, "
    return f"""# Written by `har data check`. Replace each {FILL_IN}, then: har run FILE
{dataset}activities: all{known}
signal:
  rate_hz: {rate}
windows: {cut}min_purity: 0.8}}{why}
{split}
models:   # recurrent networks start with convolutions; options: har models lstm
  - lstm: {{channels: magnitude}}
  - bilstm: {{channels: magnitude}}
  - gru: {{channels: magnitude}}
  - cnn: {{channels: magnitude}}
  - rocket: {{channels: magnitude}}
  - extra_trees
training:
  steps: 2000
  seeds: [0]
  augment: {{rotate_deg: 15, scale: 0.1, warp: 0.1}}   # turn: 0.75 if worn in any orientation
"""


def _table_lines(report: Report, path: str) -> str:
    w, table = report.whole, report.table
    assert table is not None
    lines = ["dataset:", f"  path: {_yaml(path)}"]
    lines += _columns(report)
    formats = {f.format for f in report.files} - {UNKNOWN}
    if formats:
        lines.append(f"  # recognised: {', '.join(sorted(formats))}")
    if table.labels:
        lines.append(f"  labels: {_yaml(table.labels.model_dump(exclude_defaults=True))}")
    elif report.labels:
        lines.append(f"  labels: {_yaml({'path': report.labels})}")
    said = table.model_dump(exclude_defaults=True, include=set(SAID))
    lines += [f"  {name}: {_yaml(value)}" for name, value in said.items()]
    codes = {f.code for f in report.findings() if f.action == "none"}
    if folders := _folders(report):
        lines.append(folders)
    if "subject" in codes and "subject" not in said:
        lines.append(f"  subject: {FILL_IN}   # or pattern: \"{{subject}}/{{activity}}.csv\", or a "
                     "column, or a sidecar")  # fmt: skip
    if not (report.activities or report.labels):
        lines.append(
            '  # activities: a label column, pattern: "{activity}/…", a sidecar, or activity: NAME'
        )
    if "rate" in codes and "rate_hz" not in said:
        lines.append(f"  rate_hz: {FILL_IN}")
    for name, choices, value in (
        ("unit", "m/s2, g or mg", w.unit),
        ("gravity", "present or removed", w.gravity),
        ("convention", "android or ios", w.convention),
    ):
        if value == MIXED and UNKNOWN in {getattr(f, name) for f in report.files if f.recordings}:
            lines.append(f"  {name}: {FILL_IN}   # {choices}; only some files say which")
        elif value == MIXED:
            lines.append(f"  # {name}: differs between files, and each file says which")
        elif name == "unit" and table.scale:
            continue
        elif value == UNKNOWN:
            lines.append(f"  {name}: {FILL_IN}   # {choices}")
        else:
            lines.append(f"  {name}: {value}")
    lines.append(f"  placement: {table.placement or FILL_IN}   # where it was worn")
    return "\n".join(lines) + "\n"


def _columns(report: Report) -> list[str]:
    """What is read of plain tables as what, `FILL_IN` where that is not known.

    A comment where files are of several kinds: a mapping would be applied to all of them.
    """
    table, head = report.table, report.head
    assert table is not None
    if table.columns:
        return [f"  columns: {_yaml(table.columns.model_dump(exclude_none=True))}"]
    if head is None:
        return []
    known = guess.columns(head)
    columns = known.model_dump(exclude_none=True) if known else {}
    if known is None:
        columns = dict.fromkeys(("time", "x", "y", "z"), FILL_IN)
    if known and report.several_kinds:
        return [f"  # columns of most tables: {_yaml(columns)}; found in each file"]
    others = [c for c in head.names if c not in columns.values()]
    lines = [f"  columns: {_yaml(columns)}"]
    if others:
        lines.append(
            f"  # not used: {', '.join(others[:20])} (label and subject may be columns, too)"
        )
    return lines


def _folders(report: Report) -> str:
    """What the folders between the path and the files might say, as a comment."""
    paths = [PurePosixPath(f.path) for f in report.files if f.recordings]
    if len(paths) < 2 or len({len(p.parts) for p in paths}) > 1:
        return ""
    levels = [sorted(set(level)) for level in zip(*(p.parts for p in paths), strict=True)]
    first = next((i for i, level in enumerate(levels) if len(level) > 1), len(levels))
    said = [", ".join(level[:6]) + (" …" if len(level) > 6 else "") for level in levels[first:]]
    names = ["{subject}", "{activity}", "{session}"]
    parts = []
    for level in levels[first:]:
        name, suffix = level[0], PurePosixPath(level[0]).suffix
        if len(level) == 1:
            parts.append(name)
        elif len(names) == 3 and level is levels[-1] and (joined := _joined(level)):
            parts.append(joined)
        elif names[:1] == ["{activity}"] and (separator := _stamped(level)):
            parts.append(separator.join(names) + suffix)
            names = []
        else:
            parts.append((names.pop(0) if names else "*") + suffix)
    return f'  # paths differ in: {" / ".join(said)}; suggested pattern: "{"/".join(parts)}"'


def _joined(level: list[str]) -> str:
    """The pattern of file names that all have as many words, such as p1_walking.csv."""
    suffix = PurePosixPath(level[0]).suffix
    for separator in "_", "-", " ":
        rows = [name.removesuffix(suffix).split(separator) for name in level]
        if len({len(row) for row in rows}) > 1 or len(rows[0]) < 2:
            continue
        words = [sorted(set(column)) for column in zip(*rows, strict=True)]
        names = _fields([column for column in words if len(column) > 1])
        if len(names) < 2:
            continue
        return separator.join(w[0] if len(w) == 1 else names.pop(0) for w in words) + suffix
    return ""


def _fields(columns: list[list[str]]) -> list[str]:
    """What columns of words are: an activity has no digits, a date is a session's."""
    rest = [i for i, column in enumerate(columns) if not all(map(_STAMP.match, column))]
    plain = [i for i in rest if not any(c.isdigit() for c in "".join(columns[i]))]
    if len(columns) > 3 or len(rest) < 2 or not plain:
        return []
    names = ["{session}"] * len(columns)
    names[plain[-1]] = "{activity}"
    names[next(i for i in rest if i != plain[-1])] = "{subject}"
    return names


def _stamped(level: list[str]) -> str:
    """What separates a word from the number or date after it, where words repeat in all names."""
    found = [_STAMPED.match(name) for name in level]
    words = {m[1] for m in found if m}
    separators = {m[2] for m in found if m}
    repeat = None not in found and len(words) < len(level) and len(separators) == 1
    return separators.pop() if repeat else ""


def _yaml(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True)
        .strip()
        .removesuffix("\n...")
    )
