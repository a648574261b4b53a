"""The `export` stage: from trained folds to a bundle that is proven equal to what was scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from har.config import Pipeline
from har.stages import Context, Stage
from har.store import Writing

if TYPE_CHECKING:
    from pathlib import Path

    from har.evaluation.results import Cost, Results, Withheld
    from har.export.shipping import Shipped
    from har.runtime.likeness import Likeness
    from har.runtime.manifest import Manifest
    from har.signal.windows import Windows

FIGURES = "figures.json"
PLANE = "plane.{model}.npz"
"""Windows by a shipped model's features: `har.evaluation.plane.Plane`."""


def _config(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.model_dump(mode="json", include={"export"})


def _inputs(_: Context) -> dict[str, Any]:
    from har.export import templates

    return {"templates": templates.version()}


def _run(context: Context, writing: Writing) -> None:
    from har.evaluation.results import ExportFigures
    from har.evaluation.stage import scores
    from har.export import shipping
    from har.signal import window_files

    results = scores(context.outputs["compare"])
    windows = window_files.load(context.outputs["prepare"].path)
    shipped = _shipped(context, results, windows)
    manifests, costs = _bundles(context, shipped, results, windows, writing.path)
    found = {name: shipping.entries(manifest) for name, manifest in manifests.items()}
    ExportFigures(models=found, costs=costs).write(writing.path / FIGURES)
    keras = {m.name: [path.parent.name for path in m.keras_files] for m in shipped}
    writing.note(models=list(manifests), keras=keras)


def _seeds(pipeline: Pipeline) -> Sequence[int]:
    """Those that ship."""
    seeds = pipeline.training.seeds
    return seeds if pipeline.export.seeds == "all" else seeds[:1]


def _shipped(context: Context, results: Results, windows: Windows) -> list[Shipped]:
    """The models that ship, trained."""
    from har.export import shipping
    from har.training.job_files import Trained
    from har.training.tasks import TaskMaker

    pipeline = context.pipeline
    trained = Trained.read(context.outputs["train"])
    recipes = [
        shipping.recipe(config, trained, _seeds(pipeline))
        for config in shipping.choose(pipeline.export.models, pipeline.models, results)
    ]
    if pipeline.export.fit == "fold":
        return [shipping.first_fold(recipe) for recipe in recipes]
    return shipping.refitted(
        recipes,
        sorted({s for fold in trained.folds for part in fold.values() for s in part}),
        maker=TaskMaker(context.outputs["prepare"], context.store, pipeline.training),
        windows=windows,
        exclude=pipeline.split.exclude,
        crew=context.crew,
    )


def _bundles(
    context: Context, shipped: list[Shipped], results: Results, windows: Windows, into: Path
) -> tuple[dict[str, Manifest], dict[str, Cost | Withheld]]:
    """A bundle of each model in `bundle/<model>`, proven, and its `PLANE`; the manifests by model,
    and what the models cost that do not ship."""
    import functools
    import tempfile
    from pathlib import Path

    import numpy as np

    from har.export import (
        abstention,
        acquaintance,
        card,
        conformal,
        convert,
        cost,
        description,
        planting,
        proof,
        shipping,
        writer,
    )
    from har.files import read_json
    from har.training.job_files import Trained

    pipeline = context.pipeline
    known = np.flatnonzero(~np.isin(windows.subjects, pipeline.split.exclude))
    golden = known[writer.choose_golden(windows.labels[known])]
    ingested = context.outputs["ingest"].path
    ingest = read_json(ingested / card.SUMMARY)
    about_data = card.data_card(ingest, pipeline)

    @functools.cache  # of several models, the same people
    def like(subjects: tuple[str, ...]) -> Likeness | None:
        theirs = np.flatnonzero(np.isin(windows.subjects, subjects))
        return planting.likeness(windows, theirs, description.hop_of(pipeline, windows))

    manifests = {}
    # Beside the bundle, and not where temporary files go: a cluster's machines share this.
    with tempfile.TemporaryDirectory(prefix="converting-", dir=into) as scratch:
        prover = proof.Prover(
            windows,
            variants=[convert.VARIANTS[q] for q in pipeline.export.quantization],
            known=known,
            golden=golden,
            signal=pipeline.signal,
            prepared=context.outputs["prepare"].path,
            ingested=ingested,
            scratch=Path(scratch),
            crew=context.crew,
        )
        trained = Trained.read(context.outputs["train"])
        names = [m.name for m in shipped]
        others = cost.networks(trained, results, _seeds(pipeline), without=names)
        proofs, costs = prover.prove(shipped, others)
        for model, proven in zip(shipped, proofs, strict=True):
            predictions = [fold.predictions() for fold in model.folds]
            q = acquaintance.n_features(
                proven.files["float32"].stat().st_size, len(windows.activities)
            )
            ruler, measured = acquaintance.measured(
                model, predictions, windows, context.outputs["prepare"].path, q, context.crew
            )
            calibrated = pipeline.training.calibration == "temperature"
            unknown = abstention.choose(
                windows,
                [p.of("validation") for p in predictions],
                n_windows=description.SMOOTHED_WINDOWS,
                measured=measured,
                ruler=ruler,
            )
            answers = proven.keras._asdict()
            if ruler and unknown:
                answers["distances"] = ruler(proven.keras.features)
            about = description.describe(
                pipeline,
                model.config,
                model.trained_on,
                proven.withheld,
                windows,
                results,
                gravity=ingest["gravity"],
                calibration=shipping.calibration(model) if calibrated else None,
                abstention=unknown,
                sets=conformal.choose(windows, predictions, n_windows=description.SMOOTHED_WINDOWS),
                n_features=proven.keras.features.shape[1],
                raw_parity=proven.raw_parity,
                likeness=like(tuple(model.trained_on.subjects)),
            )
            manifests[model.name] = writer.write(
                into / "bundle" / model.name,
                about,
                proven.files,
                proven.figures,
                {
                    "windows": windows.gather(golden),
                    **answers,
                    "labels": windows.labels[golden],
                },
                step=proven.step,
                results=results,
                data_card=about_data,
            )
            proven.plane.write(into / PLANE.format(model=model.name))
    return manifests, costs


STAGE = Stage(
    name="export",
    summary="fit on everyone, convert, check against Keras, write the bundle",
    needs=("ingest", "prepare", "train", "compare"),
    modules=("har.export.stage",),
    config=_config,
    inputs=_inputs,
    run=_run,
    publish=("bundle",),
)
