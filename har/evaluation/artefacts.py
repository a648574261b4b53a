"""What the proof of no leakage looks at: what every finished job left on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from har.evaluation import scaler
from har.evaluation.collect import ModelJobs
from har.evaluation.leakage import PARTS, Evidence
from har.signal.windows import Windows
from har.training.leaky import is_leaky


def artefacts(
    windows: Windows,
    folds: Sequence[Mapping[str, Sequence[str]]],
    models: Mapping[str, ModelJobs],
) -> list[Evidence]:
    """Evidence for the proof, from every finished job.

    `folds` has the people who belong in each part: a job that used windows of others does not pass.
    """
    moments: dict[str, scaler.Moments] = {}
    k = len(windows.activities)
    out = []
    for model in models.values():
        for job in model.done:
            saved = scaler.saved_scaler(job.model_file) if job.model_file else None
            if saved is not None and saved.kind not in moments:
                moments[saved.kind] = scaler.moments(windows, saved.kind)
            stopping = None
            scores, best = job.history.get("val_macro_f1"), job.about.best_epoch
            if scores and best is not None:
                support = np.bincount(windows.labels[job.predictions.validation_index], minlength=k)
                present = support[support > 0]
                stopping = (
                    scores[best - 1],
                    job.validation_macro_f1(windows.labels),
                    2 / (len(present) * present.min()),  # it is missed once and wrong once
                )
            out.append(
                Evidence(
                    model=model.name,
                    fold=int(job.fold),
                    seed=job.seed,
                    subjects=folds[int(job.fold)],
                    record={p: getattr(job.about, p) for p in PARTS},
                    fitted=job.fitted_index,
                    train=job.predictions.train_index,
                    validation=job.predictions.validation_index,
                    test=job.predictions.test_index,
                    scaler=saved,
                    moments=moments[saved.kind] if saved else None,
                    early_stopping=stopping,
                    leaky=is_leaky(job.about.fold),
                )
            )
    return out
