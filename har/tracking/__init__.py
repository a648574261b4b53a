"""Stored results to MLflow.

    experiment            the pipeline
      comparison          what was run, on whom; report, data set
        model             pooled scores under stable names, confusion matrix, the model, the bundle
          fold and seed   learning curves

What is sent is a function of what is stored. Every run carries `har.comparison` and `har.job_key`,
and what stands in the store already is not sent again: a rerun without changes adds nothing, a run
that was interrupted is finished, and a server that was down is caught up by `har track`.

`har.tracking.client` is the only module that imports MLflow, and only inside functions.
"""

from har.tracking.lecture import track_lecture
from har.tracking.once import Sent, track
from har.tracking.pages import Pages
from har.tracking.where import check_address, tracking_uri

__all__ = ["Pages", "Sent", "check_address", "track", "track_lecture", "tracking_uri"]
