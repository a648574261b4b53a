"""A workspace that was copied or moved: MLflow keeps absolute addresses of artefacts."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

ARTIFACTS = "mlartifacts"
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's store that hold them."""


def settle(file: Path, artifacts: Path) -> int:
    """Have a store's artefacts lie in this workspace, where they lay in another.

    A run in a copy would otherwise write into the original.

    Parameters
    ----------
    file : Path
        The SQLite store. Nothing happens where there is none.
    artifacts : Path
        This workspace's folder of artefacts.

    Returns
    -------
    int
        How many addresses were set anew.
    """
    if not file.is_file():
        return 0
    here = artifacts.resolve().as_uri()
    changed = 0
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        for table, column in ADDRESSES:
            if table not in tables:
                continue
            rows = db.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE ?",  # nosec B608
                (f"file:///%/{ARTIFACTS}/%",),
            ).fetchall()
            for (old,) in rows:
                new = f"{here}/{old.rpartition(f'/{ARTIFACTS}/')[2]}"
                if new != old:
                    db.execute(
                        f"UPDATE {table} SET {column} = ? WHERE {column} = ?",  # nosec B608
                        (new, old),
                    )
                    changed += 1
    return changed
