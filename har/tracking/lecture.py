"""Send what a lecture gave, once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har.files import digest
from har.tracking.once import taken_by
from har.tracking.send import metric_name, opened, user
from har.tracking.where import tracking_uri
from har.workspace import Workspace


def track_lecture(workspace: Workspace, record: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Send what a lecture gave to the experiment `lectures`, if it is not there yet.

    Parameters
    ----------
    workspace : Workspace
    record : mapping
        `lecture`, `seconds`, `versions` and `rows`, as the lecture stored it.
    files : sequence of Path
        Kept as artefacts.

    Returns
    -------
    bool
        False if it was there already.

    Raises
    ------
    TrackingError
        If the store cannot be reached.
    """
    uri = tracking_uri(workspace)
    key = digest({k: v for k, v in record.items() if k != "seconds"})
    tags = {"har.job_key": key, "har.kind": "lecture", "mlflow.user": user()}
    with taken_by(uri):
        client, experiment = opened(workspace, "lectures", uri)
        sent = f"tags.`har.job_key` = '{key}' and attributes.status = 'FINISHED'"
        if client.search_runs([experiment], sent):
            return False
        run = client.create_run(experiment, tags=tags, run_name=record["lecture"]).info.run_id
        for name, version in record["versions"].items():
            client.log_param(run, name, version)
        client.log_metric(run, "seconds", record["seconds"])
        for row in record["rows"]:
            with contextlib.suppress(ValueError):  # some results are words
                value = float(row["obtained"].replace(",", ""))
                client.log_metric(run, metric_name(row["quantity"])[:250], value)
        for path in files:
            client.log_artifact(run, str(path))
        client.set_terminated(run)
    return True
