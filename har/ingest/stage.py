"""Ingest: raw files to recordings, every sample accounted for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from har.code import code_version
from har.config import Pipeline
from har.errors import ChangedError
from har.files import FileHashes
from har.ingest import datasets, formats
from har.own_recordings import Table
from har.stages import Context, Stage
from har.store import Writing


def config(pipeline: Pipeline) -> dict[str, Any]:
    """Which recordings; choosing and renaming activities is the next stage's."""
    dataset = pipeline.dataset
    return {
        "dataset": dataset if isinstance(dataset, str) else dataset.model_dump(mode="json"),
        "placement": pipeline.placement,
    }


def inputs(context: Context) -> dict[str, Any]:
    """Content hashes of the raw files, fetched if they are not there, and the reader's code."""
    from har.ingest import fetch

    dataset = context.pipeline.dataset
    raw = context.workspace.raw
    memory = _memory(context)
    if isinstance(dataset, Table):
        from har.ingest import discovery

        root = context.workspace.root
        found = discovery.find(dataset, root)
        files = {source.path for source in found.sources}
        # Sidecars and metadata beside a recording count too.
        files |= {p for d in {f.parent for f in files} for p in d.glob("*.csv") if p.is_file()}
        if dataset.sidecar:
            files.add(root / dataset.sidecar)
        files |= {p for s in found.sources if "labels" in s.extra
                  and (p := s.extra["labels"].path).is_file()}  # fmt: skip
        hashes = memory.of(files)
        return {
            "files": {os.path.relpath(path, root): digest for path, digest in hashes.items()},
            "unreadable files": found.rejected,
            "reader": code_version(*formats.MODULES),
        }
    known = datasets.get(dataset)
    known.placement(context.pipeline.placement)
    if context.dry_run and not known.at_hand(raw):
        return {"files": f"to be fetched from {known.page}"}
    paths = fetch.ensure(known, raw, console=context.console)
    hashes = memory.of(paths)
    return {
        "files": {Path(path).name: digest for path, digest in hashes.items()},
        "reader": code_version(datasets.module(dataset)),
    }


def run(context: Context, writing: Writing) -> None:
    from har.ingest import earlier, reading

    pipeline = context.pipeline
    own = not isinstance(pipeline.dataset, str)
    summary = reading.ingest(
        pipeline.dataset, writing.path, workspace=context.workspace, placement=pipeline.placement,
        crew=context.crew,
        files=writing.parts["inputs"]["files"] if own else None,
        before=earlier.Earlier(context.store, writing.parts) if own else None,
    )  # fmt: skip
    writing.note(samples=summary["samples"]["kept"])
    _still_the_same(context, writing.parts["inputs"]["files"])


def _still_the_same(context: Context, files: dict[str, str]) -> None:
    """Refuse what was read of raw files that were changed since their hashes were taken."""
    dataset, root = context.pipeline.dataset, context.workspace.root
    if isinstance(dataset, str):
        paths = {p.name: p for p in datasets.get(dataset).paths(context.workspace.raw)}
    else:
        paths = {name: root / name for name in files}
    if changed := _memory(context).changed({paths[name]: sha for name, sha in files.items()}):
        names = ", ".join(str(p) for p in changed[:3]) + (" …" if len(changed) > 3 else "")
        raise ChangedError(
            f"Changed while it was read: {names}. What was read is not kept. Stop the program "
            "that writes it, and run again."
        )


def _memory(context: Context) -> FileHashes:
    return FileHashes(context.workspace.cache / "file-hashes.json")


STAGE = Stage(
    name="ingest",
    summary="read recordings",
    needs=(),
    modules=("har.ingest.stage", "har.ingest.reading"),
    config=config,
    inputs=inputs,
    run=run,
)
