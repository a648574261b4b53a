"""The `compare` and `report` stages."""

from __future__ import annotations

import json
from typing import Any

from har.code import code_version
from har.config import Pipeline
from har.files import digest, write_json
from har.stages import Context, Stage
from har.store import Output, Writing


def _config(pipeline: Pipeline) -> dict[str, Any]:
    # results.json holds the whole configuration.
    return pipeline.model_dump(mode="json")


def _compare(context: Context, writing: Writing) -> None:
    from har.evaluation import leakage, predictions, results
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
    made = results.assemble(
        context.pipeline, windows, trained.folds, models, proof, code=_code(context)
    )
    write_json(writing.path / "results.json", made)
    predictions.write(writing.path / "windows.parquet", windows, models)
    writing.note(selected=made["selected"])


def _code(context: Context) -> str:
    """Of everything that had a hand in the numbers."""
    before = {n: context.outputs[n].meta["parts"]["code"] for n in COMPARE.needs}
    return digest({**before, "compare": code_version(*COMPARE.modules)})


def _report(context: Context, writing: Writing) -> None:
    from har.evaluation.collect import collect
    from har.report import comparison_page
    from har.training.job_files import Trained

    trained = Trained.read(context.outputs["train"], context.store)
    models = collect(trained.jobs, [m.key for m in context.pipeline.models])
    comparison_page.write(
        writing.path, read_results(context.outputs["compare"]), comparison_page.histories(models)
    )


def read_results(output: Output) -> dict[str, Any]:
    """`results.json` of a finished `compare` (or `export`)."""
    found: dict[str, Any] = json.loads((output.path / "results.json").read_text(encoding="utf-8"))
    return found


def _table(_: Context, output: Output) -> str:
    from har.report.table import comparison_table

    return comparison_table(read_results(output))


def _where(context: Context, _: Output) -> str:
    return f"Report: {context.workspace.reports / context.pipeline.name / 'index.html'}"


COMPARE = Stage(
    name="compare",
    summary="score on unseen people, prove that nothing leaked, compare",
    needs=("prepare", "train"),
    modules=("har.evaluation.stage",),
    config=_config,
    run=_compare,
    summarise=_table,
    publish=("results.json", "windows.parquet", "leakage.json"),
)
REPORT = Stage(
    name="report",
    summary="draw the report",
    needs=("train", "compare"),
    modules=("har.report.comparison_page",),
    run=_report,
    summarise=_where,
    publish=("index.html", "confusion"),
)
