"""A report of the doctor as text, as a page, and as a pipeline file to go on from."""

from __future__ import annotations

import html
from collections import defaultdict
from pathlib import PurePosixPath

import yaml

from har.ingest.check import FILL_IN, UNKNOWN, Report
from har.ingest.raw import Finding

ORDER = {"error": 0, "warning": 1, "info": 2}
MAX_FILES = 20


def grouped(report: Report) -> list[tuple[Finding, int]]:
    """The first finding of each code, with how many there are; the worst first."""
    groups: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings():
        groups[finding.code, finding.severity, finding.action].append(finding)
    found = [(group[0], len(group)) for group in groups.values()]
    return sorted(found, key=lambda pair: (ORDER[pair[0].severity], pair[0].code))


def as_text(report: Report, *, strict: bool = False) -> str:
    w = report.whole
    lines = [_one_line(w.path, w.format, w.rate_hz, w.unit, w.gravity, w.convention)]
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in sorted(w.rejected.items()))
    lines.append(
        f"  {w.recordings} recordings, {w.samples_in:,} samples in = {w.kept:,} kept"
        + (f" + rejected: {rejected}" if rejected else "")
    )
    if report.subjects:
        lines.append(f"  {len(report.subjects)} subjects, {len(report.activities)} activities")
    if 1 < len(report.files) <= MAX_FILES:
        lines += ["", *("  " + _one_line(f.path, f.format, f.rate_hz, f.unit, f.gravity,
                                         f.convention) for f in report.files)]  # fmt: skip
    found = grouped(report)
    if found:
        lines.append("")
    for finding, times in found:
        severity = "error" if strict and finding.severity == "warning" else finding.severity
        more = f" (and {times - 1} more)" if times > 1 else ""
        done = "" if finding.action == "none" else f" [{finding.action}]"
        where = f"{finding.where}{more}: " if finding.where else ""
        lines.append(f"  {severity:<7}  {finding.code}{done}  {where}{finding.message}")
    errors = report.errors(strict=strict)
    lines += ["", f"  {errors} errors." if errors else "  No errors."]
    return "\n".join(lines)


def _one_line(
    path: str, form: str, rate: float | None, unit: str, gravity: str, convention: str
) -> str:
    hz = f"{rate:.4g} Hz" if rate else "rate unknown"
    return f"{path}: {form}, {hz}, {unit}, gravity {gravity}, sign {convention}"


def as_html(report: Report, *, strict: bool = False) -> str:
    """One self-contained page."""
    e = html.escape
    w = report.whole
    rows = []
    for finding in sorted(report.findings(), key=lambda f: (ORDER[f.severity], f.code, f.where)):
        severity = "error" if strict and finding.severity == "warning" else finding.severity
        rows.append(
            f'<tr class="{severity}"><td>{severity}</td><td>{e(finding.code)}</td>'
            f"<td>{e(finding.action)}</td><td>{e(finding.where)}</td>"
            f"<td>{e(finding.message)}</td></tr>"
        )
    files = [
        f"<tr><td>{e(f.path)}</td><td>{e(f.format)}</td>"
        f"<td>{f'{f.rate_hz:.4g}' if f.rate_hz else ''}</td><td>{e(f.unit)}</td>"
        f"<td>{e(f.gravity)}</td><td>{e(f.convention)}</td><td>{f.recordings}</td>"
        f"<td>{f.samples_in:,}</td><td>{f.kept:,}</td>"
        f"<td>{e(', '.join(f'{n:,} {r}' for r, n in sorted(f.rejected.items())))}</td></tr>"
        for f in report.files
    ]
    unused = "".join(f"<li>{e(f)}: {e(r)}</li>" for f, r in report.not_used)
    errors = report.errors(strict=strict)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Check of {e(w.path)}</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem;
  padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd;
  vertical-align: top; overflow-wrap: anywhere }}
.error td:first-child {{ color: #b00020; font-weight: 600 }}
.warning td:first-child {{ color: #8a5300; font-weight: 600 }}
</style>
<h1>Check of {e(w.path)}</h1>
<p>{e(_one_line(w.path, w.format, w.rate_hz, w.unit, w.gravity, w.convention))}</p>
<p>{w.recordings} recordings, {w.samples_in:,} samples in = {w.kept:,} kept +
{w.samples_in - w.kept:,} rejected. <strong>{errors} errors.</strong></p>
<h2>Findings</h2>
<table><thead><tr><th>severity<th>code<th>done<th>where<th>what</tr></thead>
<tbody>{"".join(rows) or "<tr><td colspan=5>none</td></tr>"}</tbody></table>
<h2>Files</h2>
<table><thead><tr><th>file<th>format<th>Hz<th>unit<th>gravity<th>sign<th>recordings
<th>samples in<th>kept<th>rejected</tr></thead><tbody>{"".join(files)}</tbody></table>
{f"<h2>Not used</h2><ul>{unused}</ul>" if unused else ""}
</html>
"""


def as_pipeline(report: Report, *, path: str) -> str:
    """A pipeline file for what was found, with `FILL_IN` where only the user knows."""
    w = report.whole
    if report.table is None:
        dataset: str = f"dataset: {w.format}\n"
        people, activities = len(report.subjects), sorted(report.activities)
    else:
        dataset = _table_lines(report, path)
        people, activities = len(report.subjects), sorted(report.activities)
    rate = min(50, int(w.rate_hz)) if w.rate_hz and w.rate_hz >= 10 else 50
    if any(f.code == "subject" for f in report.findings()):
        split = (
            "split: {scheme: subject-folds, folds: 3}   # fewer than 3 people: "
            "{scheme: sessions, folds: 2}"
        )
    elif people >= 3:
        split = f"split: {{scheme: subject-folds, folds: {min(5, people)}}}"
    else:
        split = (
            "split: {scheme: sessions, folds: 2}   # fewer than 3 people: says nothing of others"
        )
    known = f"   # found: {', '.join(activities)}" if activities else ""
    return f"""# Written by `har data check`. Complete what says {FILL_IN}; then: har run FILE
{dataset}activities: all{known}
signal:
  rate_hz: {rate}
windows: {{length_s: 2.56, overlap: 0.5, within: recording, label: majority, min_purity: 0.8}}
{split}
models: [lstm, bilstm, gru, cnn]
training: {{epochs: 15, batch_size: 64, seeds: [0], patience: 5}}
"""


def _table_lines(report: Report, path: str) -> str:
    w, table = report.whole, report.table
    assert table is not None
    lines = ["dataset:", f"  path: {_yaml(path)}"]
    if report.columns:
        lines.append(f"  columns: {_yaml(report.columns)}")
        if report.other_columns:
            others = ", ".join(report.other_columns[:20])
            lines.append(f"  # not used: {others} (label and subject may be columns, too)")
    formats = {f.format for f in report.files} - {UNKNOWN}
    if formats:
        lines.append(f"  # recognised: {', '.join(sorted(formats))}")
    codes = {f.code for f in report.findings() if f.action == "none"}
    if folders := _folders(report):
        lines.append(folders)
    if "subject" in codes:
        lines.append(f"  subject: {FILL_IN}   # or pattern: \"{{subject}}/{{activity}}.csv\", or a "
                     "column, or a sidecar")  # fmt: skip
    if not report.activities:
        lines.append(
            '  # activities: a label column, pattern: "{activity}/…", a sidecar, or activity: NAME'
        )
    if "rate" in codes:
        lines.append(f"  rate_hz: {FILL_IN}")
    for name, choices, value in (
        ("unit", "m/s2, g or mg", w.unit),
        ("gravity", "present or removed", w.gravity),
        ("convention", "android or ios", w.convention),
    ):
        if value == "mixed":
            lines.append(f"  # {name}: differs from file to file, and each file says which")
        elif value == UNKNOWN:
            lines.append(f"  {name}: {FILL_IN}   # {choices}")
        else:
            lines.append(f"  {name}: {value}")
    lines.append(f"  placement: {table.placement or FILL_IN}   # where it was worn")
    return "\n".join(lines) + "\n"


def _folders(report: Report) -> str:
    """What the folders between the path and the files might say, as a comment."""
    paths = [PurePosixPath(f.path) for f in report.files if f.recordings]
    if len(paths) < 2 or len({len(p.parts) for p in paths}) > 1:
        return ""
    levels = [sorted(set(level)) for level in zip(*(p.parts for p in paths), strict=True)]
    first = next((i for i, level in enumerate(levels) if len(level) > 1), len(levels))
    said = [", ".join(level[:6]) + (" …" if len(level) > 6 else "") for level in levels[first:]]
    names = ["{subject}", "{activity}", "{session}"]
    parts, k = [], 0
    for level in levels[first:]:
        name, suffix = level[0], PurePosixPath(level[0]).suffix
        if len(level) == 1 or k >= len(names):
            parts.append(name if len(level) == 1 else "*" + suffix)
        else:
            parts.append(names[k] + suffix)
            k += 1
    return f'  # paths differ in: {" / ".join(said)}; such as pattern: "{"/".join(parts)}"'


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix("\n...")
