"""Run lectures, keep what they gave, and write the one page with all of it.

reports/lectures/README.md            every number, expected and obtained, and the figures
reports/lectures/<name>.json, .png    what the page is made of; a run replaces its own only
reports/lectures/quick/               the same of --quick runs, never mixed with the others
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from har import tracking
from har.code import versions
from har.errors import StoreError, TrackingError
from har.files import read_json, replace_file, write_json
from har.lectures import catalogue
from har.lectures.result import Lecture, Result, Setting
from har.report import rendering
from har.workspace import Workspace

QUICK = "quick run: small, short, on built-in or generated data; not the lecture's numbers"


def folder(workspace: Workspace, quick: bool) -> Path:
    """Where a lecture's figures and numbers go."""
    there = workspace.reports / "lectures"
    return there / "quick" if quick else there


def run(
    lecture: Lecture,
    workspace: Workspace,
    *,
    quick: bool = False,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Run one lecture, keep its result, renew the page, and log it to MLflow if it is not quick.

    Parameters
    ----------
    say : callable, optional
        Told of progress, a line at a time.
    """
    out = folder(workspace, quick)
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    tell = say or (lambda _line: None)
    result = lecture.run(Setting(out, quick, workspace.root, tell))
    record = {
        "lecture": lecture.name,
        "quick": quick,
        "seconds": round(time.monotonic() - begin, 1),
        "versions": versions(("tensorflow", "keras", "numpy")),
        **dataclasses.asdict(result),
    }
    write_json(out / f"{lecture.name}.json", record)
    replace_file(out / "README.md", render(out, quick).encode())
    if not quick:  # nobody wants to compare runs that only show that the code works
        files = [out / f"{lecture.name}.json", *(out / f for f in result.figures)]
        try:
            if tracking.track_lecture(workspace, record, files):
                tell(f"sent to MLflow ({tracking.tracking_uri(workspace)})")
        except TrackingError as e:  # the result is kept
            tell(f"{e}; the result is in {files[0]}")
    return result


def stored(out: Path, name: str) -> dict[str, Any] | None:
    """What the last run of a lecture gave, or None."""
    path = out / f"{name}.json"
    try:
        return dict(read_json(path))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as e:
        raise StoreError(f"{path} is damaged ({e}). Delete it and run that lecture again.") from e


def render(out: Path, quick: bool) -> str:
    """The page, from what is stored in its folder."""
    lectures = [(lecture, stored(out, lecture.name)) for lecture in catalogue.lectures()]
    return rendering.page("lectures.md", lectures=lectures, quick=QUICK if quick else "")
