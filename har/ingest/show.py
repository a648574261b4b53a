"""What a check found, as a page."""

from __future__ import annotations

import html

from har.ingest.check import Report

ORDER = {"error": 0, "warning": 1, "info": 2}


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
<p>{e(w.title)}</p>
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
