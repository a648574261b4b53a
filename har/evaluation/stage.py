"""The `compare` stage: scores on unseen people, after the proof that nothing leaked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from har.code import code_version
from har.files import digest, write_json
from har.stages import Context, Stage
from har.store import Output, Writing

if TYPE_CHECKING:
    from har.evaluation.results import Results

SCORES = "scores.json"


def _run(context: Context, writing: Writing) -> None:
    from har.evaluation import assembly, leakage, predictions
    from har.evaluation.collect import artefacts, collect
    from har.signal import window_files
    from har.training.job_files import Trained

    windows = window_files.load(context.outputs["prepare"].path)
    trained = Trained.read(context.outputs["train"])
    models = collect(trained.jobs, [m.key for m in context.pipeline.models])
    proof = leakage.prove(
        windows,
        artefacts(windows, trained.folds, models),
        same_people=context.pipeline.split.scheme == "sessions",
    )
    leakage.require(proof)
    write_json(writing.path / "leakage.json", proof)
    # Of everything that had a hand in the numbers.
    code = {n: context.outputs[n].meta["parts"]["code"] for n in STAGE.needs}
    code["compare"] = code_version(*STAGE.modules)
    results = assembly.assemble(
        context.pipeline, windows, trained.folds, models, proof, code=digest(code)
    )
    results.write(writing.path / SCORES)
    predictions.write(writing.path / "windows.parquet", windows, models)
    writing.note(selected=results.selected)


def scores(output: Output) -> Results:
    """The results of a finished comparison, before an export and studies."""
    from har.evaluation.results import Results

    name = output.meta["parts"]["config"]["name"]
    return Results.read(output.path / SCORES, again=f"har compare {name} --force")


STAGE = Stage(
    name="compare",
    summary="score on held-out people, check for leakage, compare",
    needs=("prepare", "train"),
    modules=("har.evaluation.stage",),
    config=lambda pipeline: pipeline.model_dump(mode="json"),  # all of it is in the results
    run=_run,
    publish=("windows.parquet", "leakage.json"),
)
