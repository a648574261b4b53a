"""Send what a lecture gave, once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har.files import digest
from har.tracking.once import first_line, is_trouble_of_the_store, one_at_a_time
from har.tracking.send import metric_name, opened, user
from har.tracking.where import sqlite_file, tracking_uri
from har.workspace import Workspace


def track_lecture(
    workspace: Workspace, record: Mapping[str, Any], files: Sequence[Path]
) -> str | None:
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
    str or None
        What was done, or why it was not; None if it was there already.
    """
    uri = tracking_uri(workspace)
    key = digest({k: v for k, v in record.items() if k != "seconds"})
    tags = {"har.job_key": key, "har.kind": "lecture", "mlflow.user": user()}
    try:
        with one_at_a_time(sqlite_file(uri)):
            client, experiment = opened(workspace, "lectures", uri)
            sent = f"tags.`har.job_key` = '{key}' and attributes.status = 'FINISHED'"
            if client.search_runs([experiment], sent):
                return None
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
    except Exception as e:
        if not is_trouble_of_the_store(e):
            raise
        return f"MLflow at {uri} did not take it ({first_line(e)}); the result is in {files[0]}"
    return f"sent to MLflow ({uri})"
