"""Recordings of a path, as a run takes them in."""

from __future__ import annotations

from pathlib import Path

from har.ingest import reading
from har.own_recordings import Table
from har.recording import Recording
from har.workspace import Workspace


def read(path: Path, said: Table) -> list[Recording]:
    of = said.model_copy(update={"path": str(path.absolute())})
    return reading.gather(of, workspace=Workspace(path.parent))[0]
