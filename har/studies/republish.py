"""What `har study optimism` found, put into the published results, for as long as it is of them.

A stage publishes its own files as they are; a study comes after all stages and may come again.
So the study keeps its part in a file of its own, and after every run that part is put in anew, or
left out, with a word, where the honest score it stands beside is gone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from har import pipeline
from har.files import digest, replace_file
from har.stages import Context

NAME = "optimism"
RECORD = f"{NAME}.json"


def attach(context: Context) -> None:
    """Bring `optimism` of the published results and of the report up to date.

    Parameters
    ----------
    context : Context
        With the outputs of `train` and `report`; without them nothing was published.
    """
    folder = context.workspace.reports / context.pipeline.name
    record = folder / RECORD
    if "report" not in context.outputs or not record.is_file():
        return
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    section, gone = still_of(json.loads(record.read_text(encoding="utf-8")), results)
    if gone:
        context.console.print(
            f"[yellow]optimism[/yellow]: left out of the report for {', '.join(gone)}: it stood "
            f"beside another score. Again: har study optimism {context.pipeline.name}"
        )
        _keep(record, section)
    made_of = pipeline.published(folder)
    key = digest(section)
    places = [made_of.get(name, {}) for name in ("results.json", "index.html")]
    if all(place.get(NAME, digest(None)) == key for place in places):
        return
    results.pop(NAME, None)
    if section:
        results[NAME] = section
    replace_file(folder / "results.json", as_json(results))
    replace_file(folder / "index.html", _page(context, results).encode())
    for name in ("results.json", "index.html"):
        made_of.setdefault(name, {})[NAME] = key
    pipeline.mark(folder, made_of)


def still_of(
    record: dict[str, Any], results: dict[str, Any]
) -> tuple[dict[str, Any] | None, list[str]]:
    """The part of a study that belongs to some results, and the models for which it does not.

    Returns
    -------
    dict or None
        None if nothing is left.
    list of str
    """
    from har.report.gap import belongs_to

    scores = {
        name: s
        for name, s in record["scores"].items()
        if name in results["models"] and s["of"] == belongs_to(results, name)
    }
    gone = [name for name in record["scores"] if name not in scores]
    return ({**record, "scores": scores} if scores else None), gone


def as_json(value: Any) -> bytes:
    """The form of `har.store.write_json`, for a file that is replaced at once."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _keep(record: Path, section: dict[str, Any] | None) -> None:
    if section:
        replace_file(record, as_json(section))
        return
    for path in (record, record.with_suffix(".png")):
        path.unlink(missing_ok=True)


def _page(context: Context, results: dict[str, Any]) -> str:
    from har.evaluation.collect import collect
    from har.report import comparison_page
    from har.training.job_files import Trained

    trained = Trained.read(context.outputs["train"], context.store)
    models = collect(trained.jobs, [m.key for m in context.pipeline.models])
    return comparison_page.render(results, comparison_page.histories(models))
