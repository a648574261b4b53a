"""The `report` stage: everything that is finished, put together and drawn once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from har.files import sha256_file
from har.stages import Context, Stage
from har.store import Output, Writing

if TYPE_CHECKING:
    from har.evaluation.results import Results
    from har.report.comparison_page import History
    from har.report.mistakes import Answered, Map
    from har.training.job_files import StoredJob

OPTIMISM = "optimism"
"""The study that leaves `optimism.json` in the pipeline's folder of reports. It comes after a run,
and may come again."""


def _inputs(context: Context) -> dict[str, Any]:
    from har.report import answers, rendering

    study = _folder(context) / f"{OPTIMISM}.json"
    found = {OPTIMISM: sha256_file(study)} if study.is_file() else {}
    found |= {name: sha256_file(path) for name, path in answers.files(_folder(context)).items()}
    return {"studies": found, "templates": rendering.version()}


def _run(context: Context, writing: Writing) -> None:
    from har.report import answers, comparison_page
    from har.report.mistakes import Answered
    from har.signal import window_files

    results = _assembled(context)
    results.write(writing.path / "results.json")
    jobs = _jobs(context)
    windows = window_files.load(context.outputs["prepare"].path)
    answered = Answered.by(jobs.get(results.selected or "", []), windows)
    said, others = answers.found(_folder(context), results)
    for study in others:
        context.console.print(
            f"[yellow]{study}[/yellow]: left out of the report: it was asked of another run. "
            f"Again: har study {study} {context.pipeline.name}"
        )
    comparison_page.write(
        writing.path,
        results,
        {name: [_curve(job.history) for job in mine] for name, mine in jobs.items()},
        answered=answered,
        plane=_plane(context, results.selected, answered) if answered else None,
        answers=said,
        links=_links(context),
    )


def _plane(context: Context, selected: str | None, answered: Answered) -> Map:
    """The map of the windows: by features, once the selected model was exported."""
    from har.evaluation.plane import Plane
    from har.export.stage import PLANE
    from har.report import mistakes

    if "export" in context.outputs:
        file = context.outputs["export"].path / PLANE.format(model=selected)
        if file.is_file():
            return mistakes.by_features(answered.windows, Plane.read(file))
    return mistakes.by_probabilities(answered)


def _links(context: Context) -> dict[str, str]:
    """Relative addresses of the recordings whose file, or archive, is in the workspace."""
    from har.ingest import recording_files

    if "ingest" not in context.outputs:
        return {}
    root, page = context.workspace.root.absolute(), _folder(context).absolute()
    links = {}
    for recording, source in recording_files.sources(context.outputs["ingest"].path).items():
        path = root / source
        file = next((p for p in (path, *path.parents) if p.is_file()), None)
        if file is not None and file.is_relative_to(root):
            links[recording] = quote(os.path.relpath(file, page).replace(os.sep, "/"))
    return links


def _assembled(context: Context) -> Results:
    """Scores, the figures of an export, and what studies found of the same scores."""
    from har.evaluation.results import ExportFigures, Optimism
    from har.evaluation.stage import scores
    from har.export.stage import FIGURES
    from har.report import gap

    name = context.pipeline.name
    results = scores(context.outputs["compare"])
    if "export" in context.outputs:
        path = context.outputs["export"].path / FIGURES
        results = results.with_export(
            ExportFigures.read(path, again=f"har export {name} --force")
        )  # fmt: skip
    study = _folder(context) / f"{OPTIMISM}.json"
    if study.is_file():
        found = Optimism.read(study, again=f"har study optimism {name}, when it is deleted")
        section, gone = gap.still_of(found, results)
        if gone:
            context.console.print(
                f"[yellow]optimism[/yellow]: left out of the report for {', '.join(gone)}: it was "
                f"measured against another score. Again: har study optimism {name}"
            )
        results = results.model_copy(update={"optimism": section})
    return results


def _jobs(context: Context) -> dict[str, list[StoredJob]]:
    """The finished jobs by model."""
    from har.training.job_files import Trained

    trained = Trained.read(context.outputs["train"])
    out: dict[str, list[StoredJob]] = {m.key: [] for m in context.pipeline.models}
    for job in sorted(trained.jobs, key=lambda j: (j.seed, j.fold)):
        if job.folder is not None:
            out[job.model].append(job.read())
    return out


def _curve(history: History) -> History:
    """One point, of a model that is solved and not trained by epochs, is no curve."""
    return history if len(history.get("loss", ())) > 1 else {}


def _folder(context: Context) -> Path:
    return context.workspace.reports / context.pipeline.name


def published(output: Output) -> Results:
    """The results that a finished report publishes."""
    from har.evaluation.results import FILE, Results

    return Results.read(output.path / FILE, again="har run --force")


STAGE = Stage(
    name="report",
    summary="draw the report",
    needs=("prepare", "train", "compare"),
    uses=("ingest", "export"),
    modules=("har.report.stage",),
    inputs=_inputs,
    run=_run,
    publish=("results.json", "index.html", "confusion", "figures"),
)
