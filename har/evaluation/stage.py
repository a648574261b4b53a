"""The `compare` stage: scores on unseen people, after the proof that nothing leaked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from har.code import code_version
from har.config import Pipeline
from har.files import digest, write_json
from har.stages import Context, Stage
from har.store import Output, Writing

if TYPE_CHECKING:
    from har.evaluation.results import Results

SCORES = "scores.json"


def _config(pipeline: Pipeline) -> dict[str, Any]:
    # The results hold the whole configuration.
    return pipeline.model_dump(mode="json")


def _run(context: Context, writing: Writing) -> None:
    from har.evaluation import assembly, leakage, predictions
    from har.evaluation.artefacts import artefacts
    from har.evaluation.collect import collect
    from har.signal import window_files
    from har.training.job_files import Trained

    windows = window_files.load(context.outputs["prepare"].path)
    trained = Trained.read(context.outputs["train"], context.store)
    models = collect(trained.jobs, [m.key for m in context.pipeline.models])
    proof = leakage.prove(
        windows,
        artefacts(windows, trained.folds, models),
        same_people=context.pipeline.split.scheme == "sessions",
    )
    leakage.require(proof)
    write_json(writing.path / "leakage.json", proof)
    results = assembly.assemble(
        context.pipeline, windows, trained.folds, models, proof, code=_code(context)
    )
    results.write(writing.path / SCORES)
    predictions.write(writing.path / "windows.parquet", windows, models)
    writing.note(selected=results.selected)


def _code(context: Context) -> str:
    """Of everything that had a hand in the numbers."""
    before = {n: context.outputs[n].meta["parts"]["code"] for n in STAGE.needs}
    return digest({**before, "compare": code_version(*STAGE.modules)})


def scores(output: Output) -> Results:
    """The results of a finished comparison, before an export and studies."""
    from har.evaluation.results import Results

    name = output.meta["parts"]["config"]["name"]
    return Results.read(output.path / SCORES, again=f"har compare {name} --force")


STAGE = Stage(
    name="compare",
    summary="score on unseen people, prove that nothing leaked, compare",
    needs=("prepare", "train"),
    modules=("har.evaluation.stage",),
    config=_config,
    run=_run,
    publish=("windows.parquet", "leakage.json"),
)
