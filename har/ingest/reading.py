"""Sources to stored recordings: one at a time, over processes where it is worth it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from har import fanout
from har.errors import DataError
from har.ingest import datasets, stored, summary
from har.ingest.clean import clean
from har.ingest.raw import Source
from har.recording import Recording
from har.stages import Context
from har.store import write_json

# Below this many bytes of raw files, starting processes costs more than it saves.
WORTH_PROCESSES_BYTES = 64 << 20
# Sources that a process reads before it hands over: enough to make the handing over cheap.
BATCH = 16


@dataclass(frozen=True)
class Part:
    """What one or more sources gave."""

    recordings: Iterator[Recording]
    accounts: list[dict[str, Any]]
    failed: list[dict[str, str]]


def ingest(context: Context, folder: Path) -> dict[str, Any]:
    """Read every source of the pipeline's data set into a folder.

    Returns
    -------
    dict
        The summary, as written to `summary.json`.

    Raises
    ------
    DataError
        If nothing at all could be read.
    """
    name = context.pipeline.dataset_name
    dataset = datasets.get(name)
    placement = dataset.placement(context.pipeline.placement)
    sources = dataset.sources(dataset.folder(context.workspace.raw), placement)
    if not sources:
        raise DataError(f"{name} has no recordings for placement {placement!r} in its files.")
    accounts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with stored.Writer(folder) as writer, _progress(context, len(sources)) as advance:
        for part in _parts(name, sources, context.jobs, folder / "parts", advance):
            for recording in part.recordings:
                writer.add(recording)
            accounts += part.accounts
            failed += part.failed
        account = {
            "sources": accounts,
            "files_rejected": failed,
            "missing": dataset.missing(sources),
        }
        writer.finish(account)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    result = summary.make(name, placement, stored.iterate(folder), account)
    write_json(folder / "summary.json", result)
    if not result["recordings"]:
        reasons = "; ".join(f"{f['file']}: {f['reason']}" for f in failed[:3])
        raise DataError(f"No recording of {name} could be read. {reasons}")
    return result


def read_source(name: str, source: Source) -> Part:
    """Read one source; a source that cannot be read is an entry in `failed`."""
    recordings: list[Recording] = []
    accounts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    try:
        for raw in datasets.get(name).read(source):
            good, account = clean(raw)
            recordings += good
            accounts.append(account.as_dict())
    except DataError as e:
        failed.append({"file": source.name, "reason": str(e)})
    return Part(iter(recordings), accounts, failed)


def _parts(
    name: str, sources: list[Source], jobs: int, folder: Path, advance: Callable[[int], None]
) -> Iterator[Part]:
    """What the sources give, in their order, whatever order they finish in."""
    size = sum(p.stat().st_size for p in {s.path for s in sources})
    if jobs == 1 or len(sources) == 1 or size < WORTH_PROCESSES_BYTES:
        for source in sources:
            yield read_source(name, source)
            advance(1)
        return
    batch = min(BATCH, -(-len(sources) // jobs))
    batches = [sources[i : i + batch] for i in range(0, len(sources), batch)]
    items = [(name, group, folder / str(i)) for i, group in enumerate(batches)]
    ready: dict[int, fanout.Done | fanout.Failed] = {}
    following = 0
    for index, outcome in fanout.run(read_batch, items, jobs=jobs):
        ready[index] = outcome
        advance(len(batches[index]))
        while following in ready:
            outcome = ready.pop(following)
            if isinstance(outcome, fanout.Done):
                yield _load(items[following][2])
            else:  # a process that died takes only one source with it
                yield from _one_by_one(name, batches[following], folder)
            following += 1


def _one_by_one(name: str, sources: list[Source], folder: Path) -> Iterator[Part]:
    items = [(name, [s], folder / f"again-{i}") for i, s in enumerate(sources)]
    outcomes = dict(fanout.run(read_batch, items, jobs=1))
    for i, source in enumerate(sources):
        outcome = outcomes[i]
        if isinstance(outcome, fanout.Done):
            yield _load(items[i][2])
        else:
            yield Part(iter(()), [], [{"file": source.name, "reason": outcome.reason}])


def read_batch(item: tuple[str, list[Source], Path], _report: Any = None) -> None:
    """Read some sources into a folder; runs in a process of its own."""
    name, sources, folder = item
    accounts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with stored.Writer(folder) as writer:
        for source in sources:
            part = read_source(name, source)
            for recording in part.recordings:
                writer.add(recording)
            accounts += part.accounts
            failed += part.failed
        writer.finish({"sources": accounts, "files_rejected": failed})


def _load(folder: Path) -> Part:
    account = json.loads((folder / "account.json").read_text(encoding="utf-8"))

    def recordings() -> Iterator[Recording]:
        yield from stored.iterate(folder)
        shutil.rmtree(folder)

    return Part(recordings(), account["sources"], account["files_rejected"])


@contextmanager
def _progress(context: Context, total: int) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=context.console, transient=True) as progress:
        task = progress.add_task("reading", total=total)
        yield lambda n: progress.advance(task, n)
