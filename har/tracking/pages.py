"""MLflow's own pages on what was tracked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from har.errors import TrackingError
from har.tracking.where import quiet_environment, rows, sqlite_file, tracking_uri
from har.workspace import Workspace


@dataclass(frozen=True)
class Pages:
    """MLflow's pages on a workspace's store, not served yet.

    addresses : where the runs of each pipeline will be; none where the store is no file. command :
    the server.
    """

    addresses: Mapping[str, str]
    command: Sequence[str]

    @classmethod
    def of(cls, workspace: Workspace, *, host: str = "127.0.0.1", port: int = 5000) -> Pages:
        """Those of a workspace.

        Raises
        ------
        TrackingError
            If the store is a server (it has pages of its own), there is nothing in it yet, or the
            port is taken.
        """
        uri = tracking_uri(workspace)
        if uri.startswith(("http://", "https://", "databricks")):
            raise TrackingError(
                f"Results are tracked at {uri}, which has pages of its own: open it."
            )
        file = sqlite_file(uri)
        if file is not None and not file.is_file():
            raise TrackingError(f"No tracked results at {file}. Run: har run")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as e:
                raise TrackingError(
                    f"Cannot listen on {host}:{port} ({e.strerror}). Try: har ui --port {port + 1}"
                ) from e
        command = [
            sys.executable, "-m", "mlflow", "server",
            "--backend-store-uri", uri,
            "--default-artifact-root", (workspace.reports / "mlartifacts").resolve().as_uri(),
            "--host", host, "--port", str(port), "--workers", "1",
            "--uvicorn-opts", "--log-level warning",
        ]  # fmt: skip
        return cls({n: _address(host, port, e) for n, e in _experiments(file)}, command)

    def serve(self) -> int:
        """Until interrupted; the server's exit code, 0 when interrupted."""
        quiet_environment()
        env = {**os.environ, "PYTHONWARNINGS": "ignore"}  # of MLflow's own dependencies
        try:
            return subprocess.run(self.command, check=False, env=env).returncode
        except KeyboardInterrupt:
            return 0


def _experiments(file: Path | None) -> list[tuple[str, str]]:
    """Names and ids of the pipelines in a SQLite store."""
    query = (
        "SELECT name, experiment_id FROM experiments "
        "WHERE lifecycle_stage = 'active' AND experiment_id IN "
        "(SELECT experiment_id FROM runs) ORDER BY name"
    )
    return [(str(name), str(key)) for name, key in rows(file, query)] if file else []


def _address(host: str, port: int, experiment: str) -> str:
    """Of an experiment's runs; MLflow otherwise opens on tools for language models."""
    return f"http://{host}:{port}/#/experiments/{experiment}/runs?workflowType=machine_learning"
