"""Send a comparison if it is not there yet; a store that cannot be reached costs no results."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from har.errors import TrackingError
from har.files import digest, replace_file
from har.stages import Context
from har.tracking.material import material
from har.tracking.send import LoadModel, send
from har.tracking.where import sqlite_file, tracking_uri


def track(
    context: Context, *, load_model: LoadModel | None = None, required: bool = False
) -> str | None:
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
    str or None
        What was done, in a line; None if there was nothing to do.

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
        with one_at_a_time(sqlite_file(uri)):
            run_id, added = send(context, found, uri, load_model)
    except Exception as e:
        if not is_trouble_of_the_store(e):
            raise
        message = (
            f"MLflow at {uri} did not take the results ({first_line(e)}). They are kept in "
            f"{context.workspace.reports / context.pipeline.name}; when it is back, run: "
            f"har track {context.pipeline.name}"
        )
        if required:
            raise TrackingError(message) from e
        context.console.print(f"[yellow]Warning[/yellow]: {message}")
        return None
    replace_file(marker, json.dumps({**wanted, "run_id": run_id}, indent=1).encode())
    return f"{added} runs sent to MLflow ({uri}) in {time.monotonic() - begin:.0f} s"


def _marker(context: Context, uri: str) -> Path:
    name = digest([uri, context.pipeline.name])
    return context.workspace.cache / "tracked" / f"{name}.json"


def _is_sent(marker: Path, wanted: Mapping[str, str], uri: str) -> bool:
    """Whether all of it is there already, found out without MLflow."""
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
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
def one_at_a_time(file: Path | None) -> Iterator[None]:
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


def is_trouble_of_the_store(error: Exception) -> bool:
    """A server that is down or a store that refuses; not a mistake in here."""
    names = {c.__module__.split(".")[0] for c in type(error).__mro__}
    return isinstance(error, OSError) or bool(
        names & {"mlflow", "requests", "urllib3", "sqlalchemy"}
    )


def first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
