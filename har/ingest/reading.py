"""Sources to stored recordings: one at a time, over processes where it is worth it."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har import fanout
from har.errors import DataError
from har.files import write_json
from har.ingest import datasets, discovery, earlier, intervals, recording_files, resolution, summary
from har.ingest.raw import Finding, Source
from har.ingest.repair import gravity_of, is_problem, mixed_gravity, refuse, repair_source
from har.own_recordings import Table
from har.progress import advancing
from har.recording import Recording
from har.workspace import Workspace

# Below this many bytes of raw files, starting processes costs more than it saves.
WORTH_PROCESSES_BYTES = 64 << 20
# Sources that a process reads before it hands over: enough to make the handing over cheap.
BATCH = 16


@dataclass(frozen=True)
class Part:
    """What a source gave."""

    recordings: Iterable[Recording]
    accounts: list[dict[str, Any]]
    failed: list[dict[str, str]]


# A published data set by name, or a user's own files with what was found out of them.
Spec = str | resolution.Resolved


def ingest(
    dataset: str | Table, folder: Path, *, workspace: Workspace, placement: str | None = None,
    crew: fanout.Crew, files: Mapping[str, str] | None = None,
    before: earlier.Earlier | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Read every source of a data set into a folder.

    Parameters
    ----------
    dataset : str or Table
        The name of a published set, or the user's own files.
    folder : Path
        Where the recordings are stored.
    workspace : Workspace
        Has the published files in its `raw`; paths of one's own start from its root.
    placement : str, optional
        The only one to be read.
    crew : Crew
    files : mapping of str, optional
        SHA-256 of one's own files, by path from the workspace's root.
    before : Earlier, optional
        What is not read again.

    Returns
    -------
    dict
        The summary, as written to `summary.json`.

    Raises
    ------
    DataError
        If nothing at all could be read, or something has to be set first.
    """
    spec, sources, account = _plan(dataset, placement, workspace)
    tally, used, pieces = summary.Tally(), [], []
    keys = [""] * len(sources)
    if files is not None and not isinstance(spec, str):
        keys = [*map(earlier.key_of(spec, sources, files, workspace.root), sources)]
    todo = [s for s, key in zip(sources, keys, strict=True) if before is None or key not in before]
    if len(todo) < len(sources):
        already = f"{len(sources) - len(todo)} of {len(sources)} files are read already"
        crew.console.print(f"  {already}")
    with (
        recording_files.Writer(folder) as writer,
        advancing(crew.console, "reading", len(todo)) as advance,
    ):
        fresh = _parts(spec, todo, crew, folder / "parts", advance)
        for key in keys:
            known = before is not None and key in before
            part = Part(*before.get(key), []) if known and before else next(fresh)
            first, at = writer.n_recordings, len(account["sources"])
            for recording in part.recordings:
                writer.add(recording)
                tally.add(recording)
                used += [recording.provenance["labels"]] if "labels" in recording.provenance else []
            account["sources"] += part.accounts
            account["files_rejected"] += part.failed
            if key and not part.failed:
                n = writer.n_recordings - first
                pieces.append((key, (first, n, at, len(part.accounts))))
        shutil.rmtree(folder / "parts", ignore_errors=True)
        over_all = _over_all(dataset, sources, used, tally.gravity)
        _settled(account, over_all)
        writer.finish(account)
    if pieces:
        earlier.write(folder, pieces)
    name = dataset if isinstance(dataset, str) else dataset.name
    where = placement or sources[0].placement
    digests = recording_files.digests(folder)
    result = summary.make(name, where, tally, account, digests, over_all)
    write_json(folder / "summary.json", result)
    if not result["recordings"]:
        raise DataError(f"No recording of {name} could be read. {_first(account)}")
    return result


def gather(
    dataset: str | Table, *, workspace: Workspace, placement: str | None = None
) -> tuple[list[Recording], list[Finding]]:
    """What `ingest` stores of a data set, in memory: its recordings, and what was found in them.

    Raises
    ------
    DataError
        As `ingest`.
    """
    spec, sources, account = _plan(dataset, placement, workspace)
    recordings: list[Recording] = []
    for source in sources:
        part = read_source(spec, source)
        recordings += part.recordings
        account["sources"] += part.accounts
        account["files_rejected"] += part.failed
    used = [r.provenance["labels"] for r in recordings if "labels" in r.provenance]
    gravity = {gravity_of(r) for r in recordings}
    found = _settled(account, _over_all(dataset, sources, used, gravity))
    if not recordings:
        name = dataset if isinstance(dataset, str) else dataset.path
        raise DataError(f"No recording of {name} could be read. {_first(account)}")
    return recordings, found


def _over_all(
    dataset: str | Table, sources: list[Source], used: list[Any], gravity: set[str]
) -> list[Finding]:
    """What no single source tells: labels that no recording took, gravity in some files only."""
    if isinstance(dataset, str):
        return []
    found = [mixed_gravity(dataset.path)] if len(gravity) > 1 else []
    if dataset.labels:
        found += intervals.left_over([s.extra["labels"] for s in sources], dataset.labels, used)
    return found


def _settled(account: dict[str, Any], over_all: list[Finding]) -> list[Finding]:
    """All findings; refuses those that must be settled before the recordings are used."""
    found = [Finding(**f) for source in account["sources"] for f in source["findings"]]
    found += over_all
    if problems := [f for f in found if is_problem(f)]:
        refuse(problems)
    unread = account["files_rejected"]
    return found + [
        Finding("unreadable-file", "warning", "rejected", f["reason"], f["file"]) for f in unread
    ]


def _plan(
    dataset: str | Table, wanted: str | None, workspace: Workspace
) -> tuple[Spec, list[Source], dict[str, Any]]:
    """What there is to read, and the account as far as it is known before reading."""
    account: dict[str, Any] = {"sources": [], "files_rejected": [], "not_used": [], "missing": []}
    if isinstance(dataset, str):
        known = datasets.get(dataset)
        placement = known.placement(wanted)
        sources = known.sources(known.folder(workspace.raw), placement)
        if not sources:
            raise DataError(
                f"{dataset} has no recordings for placement {placement!r} in its files."
            )
        account["missing"] = known.missing(sources)
        return dataset, sources, account
    found = discovery.find(dataset, workspace.root)
    account["files_rejected"] = [{"file": f, "reason": r} for f, r in found.rejected]
    account["not_used"] = [{"file": f, "reason": r} for f, r in found.not_used]
    sources = [s for s in found.sources if not wanted or s.placement in (wanted, "")]
    if not sources:
        raise DataError(f"{dataset.path}: nothing readable. {_first(account)}")
    return resolution.resolve(dataset, sources), sources, account


def _first(account: dict[str, Any]) -> str:
    return "; ".join(f"{f['file']}: {f['reason']}" for f in account["files_rejected"][:3])


def read_source(spec: Spec, source: Source) -> Part:
    """Read one source; a source that cannot be read is an entry in `failed`."""
    recordings: list[Recording] = []
    accounts: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    try:
        raws = datasets.get(spec).read(source) if isinstance(spec, str) else spec.read(source)
        for repaired in repair_source(raws):
            recordings += repaired.recordings
            accounts.append(repaired.account.as_dict())
    except DataError as e:
        failed.append({"file": source.extra.get("shown", source.name), "reason": str(e)})
    return Part(recordings, accounts, failed)


def _parts(
    spec: Spec,
    sources: list[Source],
    crew: fanout.Crew,
    folder: Path,
    advance: Callable[[int], None],
) -> Iterator[Part]:
    """What the sources give, in their order, whatever order they finish in."""
    if not sources:
        return
    size = sum(p.stat().st_size for p in {s.path for s in sources})
    alone = crew.jobs == 1 or len(sources) == 1 or size < WORTH_PROCESSES_BYTES
    if alone and crew.dask is None:
        for source in sources:
            yield read_source(spec, source)
            advance(1)
        return
    folder.mkdir()
    batch = min(BATCH, -(-len(sources) // crew.slots()))
    batches = [sources[i : i + batch] for i in range(0, len(sources), batch)]
    items = [(spec, group, folder) for group in batches]
    ready: dict[int, fanout.Done | fanout.Failed] = {}
    following = 0
    for index, outcome in crew.run(read_batch, items, shared=folder):
        ready[index] = outcome
        advance(len(batches[index]))
        while following in ready:
            outcome = ready.pop(following)
            if isinstance(outcome, fanout.Done):
                yield from _load(outcome.value)
            else:  # a process that died takes only one source with it
                _require_death(outcome)
                yield from _one_by_one(spec, batches[following], crew, folder)
            following += 1


def _one_by_one(
    spec: Spec, sources: list[Source], crew: fanout.Crew, folder: Path
) -> Iterator[Part]:
    items = [(spec, [s], folder) for s in sources]
    outcomes = dict(crew.run(read_batch, items, shared=folder))
    for i, source in enumerate(sources):
        if isinstance(outcome := outcomes[i], fanout.Done):
            yield from _load(outcome.value)
        else:
            _require_death(outcome)
            shown = source.extra.get("shown", source.name)
            yield Part((), [], [{"file": shown, "reason": outcome.reason}])


def _require_death(outcome: fanout.Failed) -> None:
    """Only a file that ends its reader is left out: a full disk, or one that a machine does not
    see, has nothing to do with the file."""
    if not outcome.died:
        raise DataError(f"{outcome.reason}\n{outcome.details}".rstrip())


def read_batch(item: tuple[Spec, list[Source], Path], _report: Any = None) -> Path:
    """Read some sources into a new folder in a folder; runs in a process of its own."""
    spec, sources, parent = item
    folder = Path(tempfile.mkdtemp(prefix="batch-", dir=parent))  # an earlier try may have left one
    accounts: list[dict[str, Any]] = []
    with recording_files.Writer(folder) as writer:
        for source in sources:
            part = read_source(spec, source)
            before = writer.n_recordings
            for recording in part.recordings:
                writer.add(recording)
            of = writer.n_recordings - before
            accounts.append({"recordings": of, "sources": part.accounts, "failed": part.failed})
        writer.finish(accounts)
    return folder


def _load(folder: Path) -> Iterator[Part]:
    """What each source of a batch gave; the folder is gone then."""
    recordings = recording_files.iterate(folder)
    for account in json.loads((folder / "account.json").read_text(encoding="utf-8")):
        mine = list(itertools.islice(recordings, account["recordings"]))
        yield Part(mine, account["sources"], account["failed"])
    shutil.rmtree(folder)
