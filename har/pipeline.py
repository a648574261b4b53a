"""The stages, in order; runs those that are not up to date."""

from __future__ import annotations

import filecmp
import importlib
import os
import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from har.errors import ConfigError, StoreError
from har.files import digest, replace_file
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
    known = stages()
    names = [s.name for s in known]
    if until not in names:
        raise ConfigError(f"No stage {until!r}. Stages: {', '.join(names)}.")
    stale = False
    for stage in known[: names.index(until) + 1]:
        if stage.name in without:
            if stale:
                continue
            step = _bring_up_to_date(context, stage, False, dry_run=True)
            if step.output is None:
                continue
        elif stale:  # dry run: what is before this one would change first
            step = Step(stage, "would run", "a stage before it would run", 0.0, None)
        else:
            step = _bring_up_to_date(context, stage, stage.name in force, dry_run)
            stale = step.output is None
        if step.output is not None:
            context = context.with_output(stage.name, step.output)
            publish(context, stage, step.output)
        on_step(step)
    return context


def _bring_up_to_date(context: Context, stage: Stage, force: bool, dry_run: bool) -> Step:
    parts = stage.parts(context)
    key = digest(parts)
    found = context.store.find(stage.name, key)
    if force:
        why = "forced"
    elif found and stage.complete(found):
        return Step(stage, "up to date", "", 0.0, found)
    elif found:
        why = "some of it failed and is tried again"
    else:
        why = context.store.why_missing(stage.name, parts)
    if dry_run:
        return Step(stage, "would run", why, 0.0, None)
    context.console.print(f"[bold]{stage.name}[/bold]: {stage.summary} [dim]({why})[/dim]")
    begin = time.monotonic()
    with context.store.writing(stage.name, key, parts, replace=found is not None) as writing:
        stage.run(context, writing)
    output = context.store.find(stage.name, key)
    if output is None:
        raise StoreError(f"{stage.name}: output {key} vanished after it was written.")
    return Step(stage, "ran", why, time.monotonic() - begin, output)


# Publishing ----------------------------------------------------------------------------------


def publish(context: Context, stage: Stage, output: Output) -> None:
    """Copy what users look for into `reports/<pipeline>/`, file by file, each atomically."""
    folder = context.workspace.reports / context.pipeline.name
    for name in stage.publish:
        source, target = output.path / name, folder / name
        if source.is_dir():
            _replace_folder(source, target)
        elif source.exists():
            _replace(source, target)
        elif target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    """A copy has the time stamp of what it was copied from, by which it is known again."""
    if not (target.is_file() and filecmp.cmp(source, target)):
        replace_file(target, source.read_bytes())
        stat = source.stat()
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _replace_folder(source: Path, target: Path) -> None:
    """Files first, then what is no longer there: a reader never misses a file that should exist."""
    names = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    for name in sorted(names):
        _replace(source / name, target / name)
    for old in sorted(target.rglob("*"), reverse=True):
        relative = old.relative_to(target)
        if old.is_file() and relative not in names:
            old.unlink()
        elif old.is_dir() and not any(old.iterdir()):
            shutil.rmtree(old)
