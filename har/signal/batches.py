"""The recordings of an output of `ingest`, prepared over processes; those that an earlier run
prepared in the same way are taken over from it.

pieces/<key>/pieces.parquet, beside the output of `prepare` with the same key: for each recording,
what it was prepared from and how, which rows of the samples and of the windows are its, which
windows were not made, and seconds of walking.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from har.errors import DamagedError, WindowError
from har.fanout import Crew, Failed
from har.files import digest
from har.ingest import recording_files
from har.ingest.recording_files import ArrayFile
from har.progress import advancing
from har.recording import Recording
from har.signal import window_files
from har.signal.prepare import Prepared, Recipe
from har.store import Output, Store

PIECES, TABLE = "pieces", "pieces.parquet"
WORTH_PROCESSES = 8 << 20
"""Below this many samples, starting processes costs more than it saves."""
BATCH = 16 << 20
"""Samples that a process prepares before it hands over, at most, but for a longer recording."""
WINDOW_COLUMNS = ["start", "label", "purity", "span_start", "span_end"]


def prepare(
    recipe: Recipe,
    recordings: Sequence[Recording],
    keys: Sequence[str],
    file: ArrayFile,
    *,
    ingested: Path,
    earlier: Earlier,
    crew: Crew,
) -> list[Prepared]:
    """What each recording of an output of `ingest` gave; its samples are added to a file.

    Parameters
    ----------
    recordings : sequence of Recording
        All of them, in order.
    keys : sequence of str
        What the windows of each depend on.
    file : ArrayFile
        Where the samples go, in a folder that all of the crew see.
    """
    todo = [i for i, key in enumerate(keys) if key not in earlier]
    if len(todo) < len(keys):
        crew.console.print(
            f"  {len(keys) - len(todo)} of {len(keys)} recordings are prepared already"
        )
    fresh = _fresh(recipe, recordings, todo, file, ingested, crew)
    out = []
    with advancing(crew.console, "cutting", len(todo)) as advance:
        for key in keys:
            if key in earlier:
                prepared, samples = earlier.get(key)
                file.append(samples)
                out.append(prepared)
            else:
                out.append(next(fresh))
                advance(1)
    return out


def _fresh(
    recipe: Recipe, recordings: Sequence[Recording], todo: Sequence[int], file: ArrayFile,
    ingested: Path, crew: Crew,
) -> Iterator[Prepared]:  # fmt: skip
    """Those that are to be prepared, in order, each written when it is asked for."""
    total = sum(recordings[i].n_samples for i in todo)
    alone = crew.jobs == 1 or len(todo) == 1 or total < WORTH_PROCESSES
    if alone and crew.dask is None:
        for i in todo:
            yield recipe.prepare(recordings[i], file)
        return
    if not todo:
        return
    with tempfile.TemporaryDirectory(prefix="batches-", dir=file.path.parent) as name:
        folder = Path(name)
        share = max(total // crew.slots(), WORTH_PROCESSES // 8)  # a cluster starts many for little
        rows = _batches([(i, recordings[i].n_samples) for i in todo], share)
        items = [(recipe, ingested, batch, folder) for batch in rows]
        ready: dict[int, tuple[Path, list[Prepared]]] = {}
        following = 0
        for index, outcome in crew.run(prepare_batch, items, shared=folder):
            if isinstance(outcome, Failed):
                who = ", ".join(recordings[i].id for i in rows[index][:3])
                died = f"Preparing {who} and others: " if outcome.died else ""
                raise WindowError(f"{died}{outcome.reason}\n{outcome.details}".rstrip())
            ready[index] = outcome.value
            while following in ready:
                path, each = ready.pop(following)
                samples, at = np.load(path / window_files.SAMPLES, mmap_mode="r"), 0
                for prepared in each:
                    file.append(samples[at : at + prepared.n_samples])
                    at += prepared.n_samples
                    yield prepared
                del samples
                shutil.rmtree(path)
                following += 1


def _batches(sized: Sequence[tuple[int, int]], share: int) -> list[list[int]]:
    """Recordings, by index, in batches: several for each process, so that all end together."""
    most = min(BATCH, max(share // 4, 1))
    out: list[list[int]] = []
    room = 0
    for i, n in sized:
        if room <= 0:
            out.append([])
            room = most
        out[-1].append(i)
        room -= n
    return out


def prepare_batch(
    item: tuple[Recipe, Path, list[int], Path], _report: Any = None
) -> tuple[Path, list[Prepared]]:
    """Some recordings of a folder, by index; runs in a process of its own.

    Returns
    -------
    Path, list of Prepared
        A new folder with the samples, and what each gave.
    """
    recipe, ingested, rows, parent = item
    folder = Path(tempfile.mkdtemp(prefix="batch-", dir=parent))  # an earlier try may have left one
    wanted = set(rows)
    with closing(ArrayFile(folder / window_files.SAMPLES, np.float32, (3,))) as file:
        recordings = itertools.islice(recording_files.iterate(ingested), rows[-1] + 1)
        each = [recipe.prepare(r, file) for i, r in enumerate(recordings) if i in wanted]
    return folder, each


def by_code(names: Sequence[str], counts: Sequence[int]) -> Any:
    """Names, each repeated so often, as they go into a table: a number for each row."""
    known = sorted({name for name, n in zip(names, counts, strict=True) if n})
    place = {name: i for i, name in enumerate(known)}
    codes = np.repeat(np.array([place.get(name, 0) for name in names], np.int32), counts)
    return pd.Categorical.from_codes(codes, categories=pd.Index(known))


# What an earlier run prepared ------------------------------------------------------------------


def keys_of(recipe: Recipe, ingested: Path) -> list[str]:
    """What the windows of each recording depend on: its contents, and how it is prepared."""
    how = recipe.key
    return [digest([how, content]) for content in recording_files.content_digests(ingested)]


class Earlier:
    """The newest output of `prepare` by the same code in which some of the recordings are.

    Parameters
    ----------
    store : Store
    parts : mapping
        What the key of the output that is being made is made of.
    wanted : sequence of str
        Keys of its recordings.
    """

    def __init__(self, store: Store, parts: Mapping[str, Any], wanted: Sequence[str]) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        alike = (o for o in store.newest("prepare") if o.meta["parts"]["code"] == parts["code"])
        for output in alike:
            with contextlib.suppress(DamagedError):  # is made again when it is needed
                if (rows := _rows_of(store, output)).keys() & set(wanted):
                    self._samples = np.load(output.path / window_files.SAMPLES, mmap_mode="r")
                    table = pd.read_parquet(output.path / "windows.parquet", columns=WINDOW_COLUMNS)
                    self._windows = {name: table[name].to_numpy() for name in WINDOW_COLUMNS}
                    self._rows = rows
                    return

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> tuple[Prepared, np.ndarray]:
        """What a recording gave, and its samples, memory-mapped."""
        row = self._rows[key]
        at, n = row["first_sample"], row["samples"]
        mine = slice(row["first_window"], row["first_window"] + row["windows"])
        start, label, purity, *span = (self._windows[name][mine] for name in WINDOW_COLUMNS)
        prepared = Prepared(
            n, start - at, label, purity, np.stack(span, axis=1), json.loads(row["rejected"]),
            None if row["walked_s"] < 0 else row["walked_s"],
        )  # fmt: skip
        return prepared, self._samples[at : at + n]


def _rows_of(store: Store, output: Output) -> dict[str, dict[str, Any]]:
    """A row for each recording of an output, by key."""
    if (found := store.find(PIECES, output.key)) is None:
        return {}
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(found.path / TABLE).to_pylist()
    return {row["key"]: row for row in rows}


def keep(
    store: Store, parts: Mapping[str, Any], keys: Sequence[str], each: Sequence[Prepared]
) -> None:
    """Keep what each recording gave, for the next run."""
    samples = np.array([p.n_samples for p in each])
    windows = np.array([len(p.starts) for p in each])
    table = pd.DataFrame(
        {
            "key": keys,
            "first_sample": samples.cumsum() - samples,
            "samples": samples,
            "first_window": windows.cumsum() - windows,
            "windows": windows,
            "rejected": [json.dumps(p.rejected) for p in each],
            "walked_s": [-1 if p.walked_s is None else p.walked_s for p in each],
        }
    )
    with store.writing(PIECES, digest(parts), parts, replace=True) as writing:
        table.to_parquet(writing.path / TABLE, index=False)
