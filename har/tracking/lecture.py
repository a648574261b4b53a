"""What a lecture gave, in MLflow."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har.files import digest
from har.tracking.once import taken_by
from har.tracking.where import tracking_uri
from har.workspace import Workspace


def track_lecture(workspace: Workspace, record: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Send what a lecture gave to the experiment `lectures`; False if it was there already.

    Parameters
    ----------
    workspace : Workspace
    record : mapping
        `lecture`, `seconds`, `versions` and `rows`, as the lecture stored it.
    files : sequence of Path
        Kept as artefacts.

    Raises
    ------
    TrackingError
        If the store cannot be reached.
    """
    from har.tracking.client import Experiment

    uri = tracking_uri(workspace)
    key = digest({k: v for k, v in record.items() if k != "seconds"})
    with taken_by(uri):
        experiment = Experiment(workspace, "lectures", uri)
        if any(run.finished for run in experiment.runs("har.job_key", key)):
            return False
        tags = {"har.job_key": key, "har.kind": "lecture"}
        run = experiment.start(record["lecture"], tags)
        metrics = {"seconds": record["seconds"]}
        for row in record["rows"]:
            with contextlib.suppress(ValueError):  # some results are words
                metrics[row["quantity"]] = float(row["obtained"].replace(",", ""))
        run.log(record["versions"], metrics)
        for path in files:
            run.attach(path)
        run.finish()
    return True
