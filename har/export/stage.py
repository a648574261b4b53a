"""The `export` stage: from trained folds to a bundle that is proven equal to what was scored."""

from __future__ import annotations

from typing import Any

from har.config import Pipeline
from har.stages import Context, Stage
from har.store import Output, Writing

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


def _summarise(context: Context, output: Output) -> str:
    from har.runtime.bundle import Bundle

    folder = context.workspace.reports / context.pipeline.name / "bundle"
    lines = []
    for name in output.meta["models"]:
        manifest = Bundle.open(output.path / "bundle" / name).manifest
        members = len(manifest["trained_on"].get("members", ()))
        lines.append(f"Bundle: {folder / name}" + (f" (mean of {members} seeds)" * (members > 0)))
        for variant, v in manifest["variants"].items():
            lines.append(
                f"  {variant:<8} {v['bytes'] / 1024:6.0f} kB  {v['latency_ms_p50']:.2f} ms  "
                f"macro-F1 {v['macro_f1']:.3f}  labels as Keras {v['label_agreement']:.2%} of "
                f"{v['n_windows']} windows"
            )
        if stream := manifest.get("streaming"):
            lines.append(
                f"  {'stream':<8} {stream['bytes'] / 1024:6.0f} kB  {stream['step_samples']} "
                "samples at a time"
            )
        lines += [f"  {v:<8} withheld: {why}" for v, why in manifest["withheld"].items()]
    return "\n".join(lines)


STAGE = Stage(
    name="export",
    summary="fit on everyone, convert, prove it equal, write the bundle",
    needs=("ingest", "prepare", "train", "compare"),
    modules=("har.export.stage",),
    config=_config,
    run=_run,
    summarise=_summarise,
    publish=("bundle",),
)
