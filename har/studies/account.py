"""Where every sample went: one table over data sets, folders and files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from har.ingest import datasets
from har.ingest.check import Checked, Report, check


def as_markdown(reports: list[Report], command: str) -> str:
    """A line for each data set, and for each file of one's own recordings."""
    lines = [
        "# Where every sample went",
        "",
        f"Made by `{command}`. Samples in = kept + rejected, to the sample, in every line; "
        "`Account.check` stops a run in which they do not add up.",
        "",
        "| source | format | recordings | samples in | kept | rejected by reason |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    total: Counter[str] = Counter()
    for report in reports:
        parts = [report.whole] if report.table is None else report.files
        for part in parts:
            lines.append(_line(part))
            total.update({"in": part.samples_in, "kept": part.kept, "n": part.recordings})
    lines += [
        f"| **together** | | {total['n']:,} | {total['in']:,} | {total['kept']:,} "
        f"| {total['in'] - total['kept']:,} in all |",
        "",
    ]
    return "\n".join(lines)


def _line(part: Checked) -> str:
    reasons = [f"{n:,} {reason}" for reason, n in sorted(part.rejected.items())]
    if not part.samples_in:
        reasons = [f.message for f in part.findings if f.code == "unreadable-file"][:1]
    name = "/".join(Path(part.path).parts[-2:])
    return (
        f"| {name} | {part.format} | {part.recordings:,} | {part.samples_in:,} | {part.kept:,} "
        f"| {'; '.join(reasons).replace('|', '/') or '-'} |"
    )


def gather(paths: list[str], root: Path) -> list[Report]:
    """Reports of paths and of data sets by name."""
    out = []
    for path in paths:
        if path in datasets.names():
            dataset = datasets.get(path)
            folder = dataset.folder(root / "data" / "raw")
            out.append(check(folder, root=root, dataset=dataset))
        else:
            out.append(check(Path(path), root=root))
    return out
