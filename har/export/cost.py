"""Size and latency of the models that do not ship, without the proof that a shipped file has.

A fold's own network is converted to float32 and timed. Its size and its speed are those of one that
is fitted on everyone: both follow from its layers, and not from their weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from har.evaluation.results import Cost, Results, Withheld
from har.export import convert
from har.export.measure import measure
from har.training.job_files import MODEL, Trained

RUNS = 200
"""Of a file: half as many as of one that ships."""


def networks(
    trained: Trained, results: Results, seeds: Sequence[int], *, without: Sequence[str]
) -> dict[str, tuple[Path, ...]]:
    """Files of a fold that is finished, by model: one for each seed that would ship.

    Parameters
    ----------
    without : sequence of str
        Models that need none.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for name, model in results.models.items():
        if not model.exportable or name in without:
            continue
        by_fold: dict[int | str, list[Path]] = {}
        for job in trained.jobs:
            if job.model == name and job.seed in seeds and job.folder is not None:
                by_fold.setdefault(job.fold, []).append(job.path / MODEL)
        whole = (files for files in by_fold.values() if len(files) == len(seeds))
        if (files := next(whole, None)) is not None:
            found[name] = tuple(files)
    return found


def request(name: str, files: tuple[Path, ...], folder: Path) -> convert.Request:
    """To convert networks to one float32 file, in a folder of the model's own below `folder`."""
    (folder / name).mkdir(parents=True)
    return convert.Request(files, folder / name, ("float32",))


def measured(made: convert.Converted) -> Cost | Withheld:
    """What a converted model costs, or why it cannot be converted."""
    if (path := made.files.get("float32")) is None:
        return Withheld(withheld=made.failed["float32"])
    found = measure(path, runs=RUNS)
    return Cost(
        bytes=path.stat().st_size,
        latency_ms_p50=found["latency_ms_p50"],
        latency_ms_p99=found["latency_ms_p99"],
        proven=False,
    )
