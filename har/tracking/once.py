"""Send a comparison if it is not there yet; a store that cannot be reached costs no results."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from har.errors import TrackingError
from har.files import FileHashes, digest, read_json, replace_file
from har.store import Output
from har.tracking.deadline import within
from har.tracking.material import material
from har.tracking.where import check_file, rows, sqlite_file, tracking_uri
from har.workspace import Workspace

PATIENCE_S, PER_JOB_S = 60.0, 5.0
"""A server that takes longer, for a comparison and for each of its jobs, is given up. What it has
taken is not sent again."""

STORE = {"mlflow", "sqlite3", "requests", "urllib3", "sqlalchemy"}
"""Packages whose exceptions are trouble of the store."""


@dataclass(frozen=True)
class Sent:
    """What went to MLflow: where, how many runs were new, how long it took."""

    uri: str
    added: int
    seconds: float


def track(
    workspace: Workspace,
    name: str,
    outputs: Mapping[str, Output],
    *,
    console: Console,
    required: bool = False,
) -> Sent | None:
    """Send a comparison to MLflow; None if there was nothing to do.

    Parameters
    ----------
    workspace : Workspace
    name : str
        Of the pipeline.
    outputs : mapping of Output
        Of the stages that are done.
    console : Console
    required : bool
        Raise where the store cannot be reached. Otherwise it is a warning: results are on disk,
        and `har track` sends them later.

    Raises
    ------
    TrackingError
        If `required`, and there is nothing to send or nobody takes it.
    """
    found = material(outputs, FileHashes(workspace.cache / "tracked" / "file-hashes.json"))
    if found is None:
        if required:
            raise TrackingError(
                f"Nothing stored for {name} with these settings and this code. Run: har run {name}"
            )
        return None
    uri = tracking_uri(workspace)
    file = sqlite_file(uri)
    own = file is not None and file.parent == workspace.reports.resolve()
    store = "of this workspace" if own else uri  # a copy of a workspace has a copy of its store
    marker = workspace.cache / "tracked" / f"{digest([store, name])}.json"
    wanted = {"store": store, "comparison": found.comparison, "additions": found.additions}
    if _is_sent(marker, wanted, uri):
        return None
    from har.tracking.client import Experiment
    from har.tracking.send import Sender

    begin = time.monotonic()
    try:
        with taken_by(uri, PATIENCE_S + PER_JOB_S * len(found.jobs)):
            sender = Sender(Experiment(workspace, name, uri), found)
            run_id = sender.send()
    except TrackingError as e:
        message = (
            f"{e}. They are kept in {workspace.reports / name}; when it is back, run: "
            f"har track {name}"
        )
        if required:
            raise TrackingError(message) from e
        console.print(f"[yellow]Warning[/yellow]: {message}")
        return None
    replace_file(marker, json.dumps({**wanted, "run_id": run_id}, indent=1).encode())
    return Sent(uri, sender.added, time.monotonic() - begin)


def _is_sent(marker: Path, wanted: Mapping[str, str], uri: str) -> bool:
    """Whether all of it is there already, found out without MLflow."""
    try:
        known = read_json(marker)
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    if not wanted.items() <= known.items():
        return False
    if (file := sqlite_file(uri)) is None:
        return True
    # A new file of that name does not have the run.
    return bool(rows(file, "SELECT 1 FROM runs WHERE run_uuid = ?", known["run_id"]))


@contextlib.contextmanager
def taken_by(uri: str, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """While results are sent: alone, where the store is a file; to a server, not for ever.

    Raises
    ------
    TrackingError
        If the server is down or the store refuses; a mistake of ours is raised as it is.
    """
    try:
        with _alone(sqlite_file(uri)), within(patience_s):
            yield
    except Exception as e:
        packages = {kind.__module__.split(".")[0] for kind in type(e).__mro__}
        if not isinstance(e, OSError) and not STORE & packages:
            raise
        first, *_ = (str(e).strip() or type(e).__name__).splitlines()
        raise TrackingError(f"MLflow at {uri} did not take the results ({first[:200]})") from e


@contextlib.contextmanager
def _alone(file: Path | None) -> Iterator[None]:
    """Two processes that open a fresh SQLite store at once can crash each other."""
    if file is None:  # a server looks after itself
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(file.name + ".lock").open("w") as handle:
        try:
            import fcntl
        except ImportError:  # Windows: one user, one run at a time
            yield
            return
        fcntl.flock(handle, fcntl.LOCK_EX)
        check_file(file)
        yield
