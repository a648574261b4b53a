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
from har.files import write_json
from har.ingest import datasets, discovery, recording_files, summary
from har.ingest.clean import Account, clean
from har.ingest.examine.treat import treat
from har.ingest.raw import Raw, Source
from har.recording import Recording
from har.stages import Context

# Below this many bytes of raw files, starting processes costs more than it saves.
WORTH_PROCESSES_BYTES = 64 << 20
# Sources that a process reads before it hands over: enough to make the handing over cheap.
BATCH = 16
# Without these a recording cannot be converted or told from another person's.
MUST_KNOW = {"unit", "convention", "subject"}


@dataclass(frozen=True)
class Part:
    """What one or more sources gave."""

    recordings: Iterator[Recording]
    accounts: list[dict[str, Any]]
    failed: list[dict[str, str]]


# A published data set by name, or a user's own files with what was found out of them.
Spec = str | discovery.Resolved


def ingest(context: Context, folder: Path) -> dict[str, Any]:
    """Read every source of the pipeline's data set into a folder.

    Returns
    -------
    dict
        The summary, as written to `summary.json`.

    Raises
    ------
    DataError
        If nothing at all could be read, or something has to be set first.
    """
    name = context.pipeline.dataset_name
    spec, sources, account = _plan(context)
    tally = summary.Tally()
    with recording_files.Writer(folder) as writer, _progress(context, len(sources)) as advance:
        for part in _parts(spec, sources, context.jobs, folder / "parts", advance):
            for recording in part.recordings:
                writer.add(recording)
                tally.add(recording)
            account["sources"] += part.accounts
            account["files_rejected"] += part.failed
        shutil.rmtree(folder / "parts", ignore_errors=True)
        _stop_if_needed(account)
        writer.finish(account)
    placement = context.pipeline.placement or sources[0].placement
    result = summary.make(name, placement, tally, account, recording_files.digests(folder))
    write_json(folder / "summary.json", result)
    if not result["recordings"]:
        failed = account["files_rejected"]
        reasons = "; ".join(f"{f['file']}: {f['reason']}" for f in failed[:3])
        raise DataError(f"No recording of {name} could be read. {reasons}")
    return result


def _plan(context: Context) -> tuple[Spec, list[Source], dict[str, Any]]:
    """What there is to read, and the account as far as it is known before reading."""
    table = context.pipeline.dataset
    account: dict[str, Any] = {"sources": [], "files_rejected": [], "not_used": [], "missing": []}
    if isinstance(table, str):
        dataset = datasets.get(table)
        placement = dataset.placement(context.pipeline.placement)
        sources = dataset.sources(dataset.folder(context.workspace.raw), placement)
        if not sources:
            raise DataError(f"{table} has no recordings for placement {placement!r} in its files.")
        account["missing"] = dataset.missing(sources)
        return table, sources, account
    found = discovery.find(table, context.workspace.root)
    account["files_rejected"] = [{"file": f, "reason": r} for f, r in found.rejected]
    account["not_used"] = [{"file": f, "reason": r} for f, r in found.not_used]
    sources = found.sources
    if wanted := context.pipeline.placement:
        sources = [s for s in sources if s.placement in (wanted, "")]
    if not sources:
        reasons = "; ".join(f"{f}: {r}" for f, r in found.rejected[:3])
        raise DataError(f"{table.path}: nothing that can be read. {reasons}")
    return discovery.resolve(table, sources), sources, account


def _stop_if_needed(account: dict[str, Any]) -> None:
    """Stop where going on would mean to guess; every kind of problem is listed once."""
    problems: dict[str, list[dict[str, Any]]] = {}
    for source in account["sources"]:
        for finding in source["findings"]:
            if finding["action"] == "none" and (
                finding["severity"] == "error" or finding["code"] in MUST_KNOW
            ):
                problems.setdefault(finding["code"], []).append(finding)
    if not problems:
        return
    lines = ["These recordings cannot be used as they are:"]
    for code, found in problems.items():
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        lines.append(f"  {code}: {found[0]['where']}{more}: {found[0]['message']}")
    lines.append("See all of it: har data check PATH")
    raise DataError("\n".join(lines))


def read_source(spec: Spec, source: Source) -> Part:
    """Read one source; a source that cannot be read is an entry in `failed`."""
    recordings: list[Recording] = []
    accounts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    try:
        raws = datasets.get(spec).read(source) if isinstance(spec, str) else spec.read(source)
        for raw in raws:
            good, account = _treated(raw)
            recordings += good
            accounts.append(account.as_dict())
    except DataError as e:
        failed.append({"file": source.extra.get("shown", source.name), "reason": str(e)})
    return Part(iter(recordings), accounts, failed)


def _treated(raw: Raw) -> tuple[list[Recording], Account]:
    """Examined and cleaned; where something must be set first, only the account."""
    treat(raw)
    if any(f.action == "none" and f.code in MUST_KNOW for f in raw.findings):
        account = Account(raw.source, raw.n_in, findings=list(raw.findings))
        account.rejected["not read: something must be set first"] = raw.n_in
        return [], account
    return clean(raw)


def _parts(
    spec: Spec, sources: list[Source], jobs: int, folder: Path, advance: Callable[[int], None]
) -> Iterator[Part]:
    """What the sources give, in their order, whatever order they finish in."""
    size = sum(p.stat().st_size for p in {s.path for s in sources})
    if jobs == 1 or len(sources) == 1 or size < WORTH_PROCESSES_BYTES:
        for source in sources:
            yield read_source(spec, source)
            advance(1)
        return
    batch = min(BATCH, -(-len(sources) // jobs))
    batches = [sources[i : i + batch] for i in range(0, len(sources), batch)]
    items = [(spec, group, folder / str(i)) for i, group in enumerate(batches)]
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
                yield from _one_by_one(spec, batches[following], folder)
            following += 1


def _one_by_one(spec: Spec, sources: list[Source], folder: Path) -> Iterator[Part]:
    items = [(spec, [s], folder / f"again-{i}") for i, s in enumerate(sources)]
    outcomes = dict(fanout.run(read_batch, items, jobs=1))
    for i, source in enumerate(sources):
        outcome = outcomes[i]
        if isinstance(outcome, fanout.Done):
            yield _load(items[i][2])
        else:
            yield Part(
                iter(()),
                [],
                [{"file": source.extra.get("shown", source.name), "reason": outcome.reason}],
            )


def read_batch(item: tuple[Spec, list[Source], Path], _report: Any = None) -> None:
    """Read some sources into a folder; runs in a process of its own."""
    spec, sources, folder = item
    accounts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with recording_files.Writer(folder) as writer:
        for source in sources:
            part = read_source(spec, source)
            for recording in part.recordings:
                writer.add(recording)
            accounts += part.accounts
            failed += part.failed
        writer.finish({"sources": accounts, "files_rejected": failed})


def _load(folder: Path) -> Part:
    account = json.loads((folder / "account.json").read_text(encoding="utf-8"))

    def recordings() -> Iterator[Recording]:
        yield from recording_files.iterate(folder)
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
