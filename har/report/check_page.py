"""The page of `har data check`: what is wrong with recordings, file by file."""

from __future__ import annotations

from har.ingest.check import Report
from har.ingest.raw import SEVERITIES
from har.report import rendering


def render(report: Report, *, strict: bool = False) -> str:
    """One self-contained page, the worst findings first.

    Parameters
    ----------
    strict : bool
        Warnings count as errors.
    """
    findings = sorted(
        report.findings(), key=lambda f: (SEVERITIES.index(f.severity), f.code, f.where)
    )
    return rendering.page(
        "check.html",
        report=report,
        findings=findings,
        errors=report.errors(strict=strict),
        strict=strict,
    )
