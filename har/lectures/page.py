"""Run lectures, keep what they gave, and write the one page with all of it.

reports/lectures/README.md            every number, expected and obtained, and the figures
reports/lectures/<name>.json, .png    what the page is made of; a run replaces its own only
reports/lectures/quick/               the same of --quick runs, never mixed with the others
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from har import tracking
from har.code import versions
from har.errors import StoreError, TrackingError
from har.files import read_json, replace_file, write_json
from har.lectures import catalogue
from har.lectures.result import Lecture, Result, Row, Setting
from har.workspace import Workspace

QUICK = "quick run: small, short, on built-in or generated data; not the lecture's numbers"


def folder(root: Path, quick: bool) -> Path:
    """Where a lecture's figures and numbers go."""
    there = Workspace(root).reports / "lectures"
    return there / "quick" if quick else there


def run(
    lecture: Lecture, root: Path, *, quick: bool = False, say: Callable[[str], None] | None = None
) -> Result:
    """Run one lecture, keep its result, renew the page, and log it to MLflow if it is not quick.

    Parameters
    ----------
    root : Path
        The workspace.
    say : callable, optional
        Told of progress, a line at a time.
    """
    out = folder(root, quick)
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    tell = say or (lambda _line: None)
    result = lecture.run(Setting(out, quick, root, tell))
    record = {
        "lecture": lecture.name,
        "quick": quick,
        "seconds": round(time.monotonic() - begin, 1),
        "versions": versions(("tensorflow", "keras", "numpy")),
        **result.as_dict(),
    }
    write_json(out / f"{lecture.name}.json", record)
    replace_file(out / "README.md", render(out, quick).encode())
    if not quick:  # nobody wants to compare runs that only show that the code works
        files = [out / f"{lecture.name}.json", *(out / f for f in result.figures)]
        try:
            if tracking.track_lecture(Workspace(root), record, files):
                tell(f"sent to MLflow ({tracking.tracking_uri(Workspace(root))})")
        except TrackingError as e:  # the result is kept
            tell(f"{e}; the result is in {files[0]}")
    return result


def stored(out: Path, name: str) -> dict[str, Any] | None:
    """What the last run of a lecture gave, or None."""
    path = out / f"{name}.json"
    try:
        found: dict[str, Any] = read_json(path)
        return found
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as e:
        raise StoreError(f"{path} is damaged ({e}). Delete it and run that lecture again.") from e


def render(out: Path, quick: bool) -> str:
    """The page, from what is stored in its folder."""
    command = "har lecture all --quick" if quick else "har lecture all"
    parts = [
        "# The course's experiments",
        f"Made by one command: `{command}`"
        f"{f' ({QUICK})' if quick else ''}. `har lecture NAME` renews one of them. "
        "*ok* means that the obtained number keeps the rule beside it, *differs* that it does "
        "not, *not yet run* that data are missing here.",
    ]
    records = {x.name: stored(out, x.name) for x in catalogue.lectures()}
    parts.append(_contents(records))
    for lecture in catalogue.lectures():
        parts += [f"## {lecture.title}", f"`har lecture {lecture.name}`. {lecture.teaches}"]
        record = records[lecture.name]
        if record is None:
            parts.append("Not yet run.")
            continue
        result = Result.from_dict({k: record[k] for k in Result.__dataclass_fields__})
        if result.rows:
            parts.append(_table(result.rows))
        parts.append(result.explanation)
        if result.listing:
            parts.append(f"```\n{result.listing}\n```")
        parts += [f"![{lecture.title}]({name})" for name in result.figures]
        made_with = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
        parts.append(f"<sub>{record['seconds']:g} s; {made_with}</sub>")
    return "\n\n".join(parts) + "\n"


def _contents(records: dict[str, dict[str, Any] | None]) -> str:
    lines = ["| lecture | ok | differs | not yet run |", "| --- | --- | --- | --- |"]
    for name, record in records.items():
        title = catalogue.get(name).title
        anchor = "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")
        if record is None:
            lines.append(f"| [{name}](#{anchor}) | | | all |")
            continue
        verdicts = [row["verdict"] for row in record["rows"]]
        counts = (verdicts.count(v) or "" for v in ("ok", "differs", "not yet run"))
        lines.append(f"| [{name}](#{anchor}) | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines)


def _table(rows: Iterable[Row]) -> str:
    lines = ["| quantity | expected | obtained | rule | |", "| --- | --- | --- | --- | --- |"]
    for r in rows:
        verdict = r.verdict if r.verdict == "ok" else f"**{r.verdict}**"
        lines.append(f"| {r.quantity} | {r.expected} | {r.obtained} | {r.how} | {verdict} |")
    return "\n".join(lines)
