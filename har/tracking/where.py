"""Where results are tracked."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sqlite3
from pathlib import Path
from typing import Any

from har.errors import TrackingError
from har.tracking import moved
from har.workspace import Workspace

DATABASES = {"mysql", "mssql", "postgresql", "oracle"}
PLUGINS = "mlflow.tracking_store"
"""Entry points of packages that bring a store of their own."""


def tracking_uri(workspace: Workspace) -> str:
    """`MLFLOW_TRACKING_URI`, or a SQLite file in the workspace."""
    default = f"sqlite:///{(workspace.reports / 'mlflow.db').resolve().as_posix()}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def check_address(workspace: Workspace) -> None:
    """Refuse, before anything is run, an address that nothing could be sent to.

    Raises
    ------
    TrackingError
        If MLflow knows no such store, or the driver of its database is not installed.
    """
    uri = tracking_uri(workspace)
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme in {"sqlite", "http", "https", "file", "databricks"}:
        return
    known = {entry.name for entry in importlib.metadata.entry_points(group=PLUGINS)}
    if scheme in known:
        return
    if scheme.partition("+")[0] not in DATABASES:
        raise TrackingError(
            f"MLFLOW_TRACKING_URI begins with {scheme}://, which MLflow knows no store for. It is "
            "such as http://host:5000 or sqlite:///mlflow.db; unset, results go to the workspace."
        )
    from sqlalchemy import exc
    from sqlalchemy.engine import make_url

    try:
        make_url(uri).get_dialect().import_dbapi()
    except (ImportError, exc.ArgumentError) as e:
        missing = getattr(e, "name", None)
        raise TrackingError(
            f"MLFLOW_TRACKING_URI is a {scheme} database, and its driver {missing or ''} cannot be "
            f"used here ({e}). Install it, name another as in postgresql+psycopg2://, or unset it: "
            "results then go to the workspace."
        ) from e


def check_file(file: Path) -> None:
    """Refuse a SQLite file that cannot be written, which MLflow would try for minutes.

    Raises
    ------
    sqlite3.Error
    """
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.rollback()


def artifacts(workspace: Workspace) -> Path:
    """Where a store that is a file has its artefacts."""
    return (workspace.reports / moved.ARTIFACTS).resolve()


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def rows(file: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """What a SQLite store answers; nothing where there is no such file, or no such table in it."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.Error:
        return []


def quiet_environment() -> None:
    """Before MLflow is imported: it reports nothing to its makers, and gives up on a dead server
    in seconds instead of minutes."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }.items():
        os.environ.setdefault(name, value)
