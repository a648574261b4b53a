"""The stages, in order; runs those that are not up to date."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from har.errors import ChangedError, ConfigError, DamagedError, StoreError
from har.files import digest, replace_file, sha256_file
from har.stages import Context, Stage
from har.store import Output

# Where each stage is, in order. Imported one by one: a stage's module is light, its work is not.
STAGES: tuple[tuple[str, str], ...] = (
    ("har.ingest.stage", "STAGE"),
    ("har.signal.stage", "STAGE"),
    ("har.training.stage", "STAGE"),
    ("har.evaluation.stage", "STAGE"),
    ("har.export.stage", "STAGE"),
    ("har.report.stage", "STAGE"),
)

TRIES = 3
"""A run gives up when one thing is damaged, or changed while it is read, so many times."""


def stages() -> tuple[Stage, ...]:
    return tuple(getattr(importlib.import_module(m), name) for m, name in STAGES)


@dataclass(frozen=True)
class Step:
    """What a run did, or would do, for one stage."""

    stage: Stage
    state: str  # up to date | ran | would run
    why: str
    seconds: float
    output: Output | None


def run(
    context: Context,
    *,
    until: str = "report",
    without: Collection[str] = (),
    force: Collection[str] = (),
    dry_run: bool = False,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> Context:
    """Bring the stages up to one of them up to date, in order.

    Parameters
    ----------
    until : str
        The last stage.
    without : collection of str
        Stages that are not run: where one is up to date its output is used, otherwise it is left
        out. Only what no later stage needs can be left out.
    force : collection of str
        Stages that run even if they are up to date.
    dry_run : bool
        Run nothing; say what would be.
    on_step : callable
        Told of each step when it is finished; its `output` is None only in a dry run.

    Returns
    -------
    Context
        The same with the output of each of these stages; in a dry run of those that are finished.
    """
    context = replace(context, dry_run=dry_run, outputs={})
    names = [s.name for s in stages()]
    if until not in names:
        raise ConfigError(f"No stage {until!r}. Stages: {', '.join(names)}.")
    to_force = set(force)
    seen: Counter[str] = Counter()
    while True:
        try:
            return _through(context, until, without, to_force, on_step)
        except (DamagedError, ChangedError) as e:  # what it made is gone over, and mostly found
            seen[str(e)] += 1
            if dry_run or seen[str(e)] == TRIES:
                raise
            context.console.print(f"[yellow]Warning[/yellow]: {e}", soft_wrap=True)


def _through(
    context: Context,
    until: str,
    without: Collection[str],
    force: set[str],
    on_step: Callable[[Step], None],
) -> Context:
    """The stages, once. Of those to be forced, what was run is taken out."""
    stale = False
    for stage in stages():
        if stage.name in without:
            step = None if stale else _bring_up_to_date(context, stage, dry_run=True)
        elif stale:  # dry run: what is before this one would change first
            step = Step(stage, "would run", "a stage before it would run", 0.0, None)
        else:
            forced = stage.name in force
            step = _bring_up_to_date(context, stage, force=forced, dry_run=context.dry_run)
            stale = step.output is None
            force.discard(stage.name)
        if step is not None and step.output is not None:
            context = context.with_output(stage.name, step.output)
            if not context.dry_run:
                publish(context, stage, step.output)
        if step is not None and (step.output is not None or stage.name not in without):
            on_step(step)
        if stage.name == until:
            break
    return context


def _bring_up_to_date(
    context: Context, stage: Stage, *, force: bool = False, dry_run: bool
) -> Step:
    parts = stage.parts(context)
    key = digest(parts)
    found = context.store.find(stage.name, key)
    if found and not force and stage.complete(found):
        return Step(stage, "up to date", "", 0.0, found)
    why = _why(context, stage, parts, found, force)
    if dry_run:
        return Step(stage, "would run", why, 0.0, None)
    context.console.print(f"[bold]{stage.name}[/bold]: {stage.summary} [dim]({why})[/dim]")
    begin = time.monotonic()
    with _alone(context, stage, key) as waited:
        if waited or found is None:
            other = context.store.find(stage.name, key)  # by a run beside this one
            if other is not None:
                return Step(stage, "up to date", "", 0.0, other)
        again = found is not None
        with context.store.writing(stage.name, key, parts, replace=again) as writing:
            stage.run(context, writing)
    output = context.store.find(stage.name, key)
    if output is None:
        raise StoreError(f"{stage.name}: output {key} vanished after it was written.")
    return Step(stage, "ran", why, time.monotonic() - begin, output)


def _why(
    context: Context, stage: Stage, parts: Mapping[str, Any], found: Output | None, force: bool
) -> str:
    if force:
        return "forced"
    if found:
        return "some of it failed and is tried again"
    return context.store.why_missing(stage.name, parts)


@contextlib.contextmanager
def _alone(context: Context, stage: Stage, key: str) -> Iterator[bool]:
    """While one run makes an output, others wait for it; whether this one had to. Runs share the
    work of a stage whose items are claimed one by one."""
    if stage.shared:
        yield False
        return
    with context.store.claimed(stage.name, key, wait=False) as mine:
        if mine:
            yield False
            return
    context.console.print("  waiting for another run that makes the same")
    with context.store.claimed(stage.name, key, wait=True):
        yield True


# Publishing ----------------------------------------------------------------------------------


def publish(context: Context, stage: Stage, output: Output) -> None:
    """Copy what users look for into `reports/<pipeline>/`, file by file, each atomically.

    What is there already is compared by its contents. One run at a time writes.
    """
    if not stage.publish:
        return
    folder = context.workspace.reports / context.pipeline.name
    pairs = [(output.path / name, folder / name) for name in stage.publish]
    if not any(_to_copy(*pair) or _to_remove(*pair) for pair in pairs):
        return
    with context.store.claimed("published", digest(str(folder)), wait=True):
        for pair in pairs:
            for source, target in _to_copy(*pair):
                _replace(source, target)
            for old in _to_remove(*pair):  # last: a reader never misses a file that should exist
                shutil.rmtree(old) if old.is_dir() else old.unlink()


def _to_copy(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Files whose copies are missing or differ."""
    pairs = [(path, target / path.relative_to(source)) for path in _files(source)]
    return [
        (path, copy)
        for path, copy in pairs
        if not (copy.is_file() and sha256_file(copy) == sha256_file(path))
    ]


def _to_remove(source: Path, target: Path) -> list[Path]:
    """Copies of what is no longer there, and folders without a file."""
    if not source.exists():
        return [target] if target.exists() else []
    wanted = {target / path.relative_to(source) for path in _files(source)}
    folders = {parent for path in wanted for parent in path.parents}
    found = sorted(target.rglob("*"), reverse=True)
    return [path for path in found if path not in (folders if path.is_dir() else wanted)]


def _files(path: Path) -> list[Path]:
    """A file, or those below a folder."""
    return sorted(p for p in (path, *path.rglob("*")) if p.is_file())


def _replace(source: Path, target: Path) -> None:
    """A copy has the time stamp of what it was copied from."""
    if target.is_dir():
        shutil.rmtree(target)
    replace_file(target, source.read_bytes())
    stat = source.stat()
    os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))
