"""Send a comparison if it is not there yet; a store that cannot be reached costs no results."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from har.errors import TrackingError
from har.files import digest, read_json, replace_file
from har.stages import Context
from har.tracking.client import Experiment
from har.tracking.material import material
from har.tracking.send import LoadModel, Sender
from har.tracking.where import sqlite_file, tracking_uri

STORE = {"mlflow", "requests", "urllib3", "sqlalchemy"}
"""Packages whose exceptions are trouble of the store."""


@dataclass(frozen=True)
class Sent:
    """What went to MLflow: where, how many runs were new, how long it took."""

    uri: str
    added: int
    seconds: float


def track(
    context: Context, *, load_model: LoadModel | None = None, required: bool = False
) -> Sent | None:
    """Send a comparison to MLflow, if it is not there yet.

    Parameters
    ----------
    context : Context
        With the outputs of the stages that are done.
    load_model : callable, optional
        From the path of a saved model to a Keras model; without it no model is logged.
    required : bool
        Raise where the store cannot be reached. Otherwise it is a warning: results are on disk,
        and `har track` sends them later.

    Returns
    -------
    Sent or None
        None if there was nothing to do.

    Raises
    ------
    TrackingError
        If `required`, and there is nothing to send or nobody takes it.
    """
    found = material(context)
    if found is None:
        if required:
            raise TrackingError(
                f"Nothing stored for {context.pipeline.name} with these settings and this code. "
                f"Run: har run {context.pipeline.name}"
            )
        return None
    uri = tracking_uri(context.workspace)
    marker = _marker(context, uri)
    wanted = {"uri": uri, "comparison": found.comparison, "additions": found.additions}
    if _is_sent(marker, wanted, uri):
        return None
    begin = time.monotonic()
    try:
        with taken_by(uri):
            experiment = Experiment(context.workspace, context.pipeline.name, uri)
            sender = Sender(experiment, found, load_model)
            run_id = sender.send()
    except TrackingError as e:
        message = (
            f"{e}. They are kept in {context.workspace.reports / context.pipeline.name}; when it "
            f"is back, run: har track {context.pipeline.name}"
        )
        if required:
            raise TrackingError(message) from e
        context.console.print(f"[yellow]Warning[/yellow]: {message}")
        return None
    replace_file(marker, json.dumps({**wanted, "run_id": run_id}, indent=1).encode())
    return Sent(uri, sender.added, time.monotonic() - begin)


def _marker(context: Context, uri: str) -> Path:
    name = digest([uri, context.pipeline.name])
    return context.workspace.cache / "tracked" / f"{name}.json"


def _is_sent(marker: Path, wanted: Mapping[str, str], uri: str) -> bool:
    """Whether all of it is there already, found out without MLflow."""
    try:
        known = read_json(marker)
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    if {k: known.get(k) for k in wanted} != dict(wanted):
        return False
    file = sqlite_file(uri)
    if file is None:
        return True
    if not file.is_file():
        return False
    try:  # a new file of that name does not have the run
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT 1 FROM runs WHERE run_uuid = ?", (known["run_id"],))
            return row.fetchone() is not None
    except sqlite3.Error:
        return False


@contextlib.contextmanager
def taken_by(uri: str) -> Iterator[None]:
    """While results are sent: alone, where the store is a file.

    Raises
    ------
    TrackingError
        If the server is down or the store refuses; a mistake of ours is raised as it is.
    """
    try:
        with _alone(sqlite_file(uri)):
            yield
    except Exception as e:
        if not isinstance(e, OSError) and not STORE & {_package(c) for c in type(e).__mro__}:
            raise
        first, *_ = (str(e).strip() or type(e).__name__).splitlines()
        raise TrackingError(f"MLflow at {uri} did not take the results ({first[:200]})") from e


def _package(kind: type) -> str:
    return kind.__module__.split(".")[0]


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
        yield
