"""The `export` stage: from trained folds to a bundle that is proven equal to what was scored."""

from __future__ import annotations

from typing import Any

from har.config import Pipeline
from har.stages import Context, Stage
from har.store import Writing

FIGURES = "figures.json"


def _config(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.model_dump(mode="json", include={"export"})


def _run(context: Context, writing: Writing) -> None:
    from har.evaluation.results import ExportFigures
    from har.evaluation.stage import scores
    from har.export import shipping
    from har.training.job_files import Trained

    results = scores(context.outputs["compare"])
    trained = Trained.read(context.outputs["train"], context.store)
    shipped = shipping.fit(context, trained, shipping.choose(context, results))
    manifests = shipping.build(context, shipped, results, writing.path / "bundle")
    found = {name: shipping.entries(manifest) for name, manifest in manifests.items()}
    ExportFigures(models=found).write(writing.path / FIGURES)
    writing.note(models=list(manifests))


STAGE = Stage(
    name="export",
    summary="fit on everyone, convert, prove it equal, write the bundle",
    needs=("ingest", "prepare", "train", "compare"),
    modules=("har.export.stage",),
    config=_config,
    run=_run,
    publish=("bundle",),
)
