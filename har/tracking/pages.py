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
from har.tracking import moved, view
from har.tracking.where import artifacts, quiet_environment, rows, sqlite_file, tracking_uri
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
            "--default-artifact-root", artifacts(workspace).as_uri(),
            "--host", host, "--port", str(port), "--workers", "1",
            "--uvicorn-opts", "--log-level warning",
        ]  # fmt: skip
        if file is not None:
            moved.settle(file, artifacts(workspace))
        at = f"http://{host}:{port}/#/experiments/"
        return cls({name: at + rest for name, rest in _views(file)}, command)

    def serve(self) -> int:
        """Until interrupted; the server's exit code, 0 when interrupted."""
        quiet_environment()
        env = {
            **os.environ,
            "PYTHONWARNINGS": "ignore",  # of MLflow's own dependencies
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # workers of 150 MB each, for evaluation
        }
        try:
            return subprocess.run(self.command, check=False, env=env).returncode
        except KeyboardInterrupt:
            return 0


def _views(file: Path | None) -> list[tuple[str, str]]:
    """Names of what a SQLite store has, and the ends of their addresses: each comparison's models,
    the newest first; of an experiment without comparisons its runs."""
    if file is None:
        return []
    experiments = rows(
        file,
        "SELECT experiment_id, name FROM experiments WHERE lifecycle_stage = 'active' AND "
        "experiment_id IN (SELECT experiment_id FROM runs) ORDER BY name",
    )
    found = []
    for experiment, name in experiments:
        comparisons = rows(
            file,
            "SELECT r.name, c.value FROM runs r JOIN tags k ON k.run_uuid = r.run_uuid "
            "JOIN tags c ON c.run_uuid = r.run_uuid WHERE r.experiment_id = ? "
            "AND r.lifecycle_stage = 'active' AND k.key = 'har.kind' AND k.value = 'comparison' "
            "AND c.key = 'har.comparison' ORDER BY r.end_time DESC",
            str(experiment),
        )
        # Without the last part the pages open on tools for language models.
        end = "workflowType=machine_learning"
        found += [
            (run, f"{experiment}/runs?viewStateShareKey={view.key_of(key)}&{end}")
            for run, key in comparisons
        ] or [(name, f"{experiment}/runs?{end}")]
    return found
