"""The stages, in order; runs those that are not up to date."""

from __future__ import annotations

import importlib
import json
import shutil
import time
from collections.abc import Callable
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
    ("har.evaluation.stage", "COMPARE"),
    ("har.evaluation.stage", "REPORT"),
    ("har.export.stage", "STAGE"),
)

MARKER = ".published.json"


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
    until: str = "export",
    force: bool = False,
    dry_run: bool = False,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> Context:
    """Bring every stage up to one of them up to date.

    Parameters
    ----------
    context : Context
    until : str
        The last stage.
    force : bool
        Run that last stage even if it is up to date.
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
    last = known[names.index(until)]
    needed = _needed(known, last)
    stale = False
    for stage in known:
        if stage.name not in needed:
            continue
        if stale:  # dry run: what is before this one would change first
            step = Step(stage, "would run", "a stage before it would run", 0.0, None)
        else:
            step = _bring_up_to_date(context, stage, force and stage is last, dry_run)
            stale = step.output is None
        if step.output is not None:
            context = context.with_output(stage.name, step.output)
            publish(context, stage, step.output)
        on_step(step)
    return context


def _needed(known: tuple[Stage, ...], last: Stage) -> set[str]:
    by_name = {s.name: s for s in known}
    needed, todo = set(), [last.name]
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += by_name[name].needs
    return needed


def _bring_up_to_date(context: Context, stage: Stage, force: bool, dry_run: bool) -> Step:
    parts = stage.parts(context)
    key = digest(parts)
    found = context.store.find(stage.name, key)
    if found and not force and stage.complete(found):
        return Step(stage, "up to date", "", 0.0, found)
    if force:
        why = "forced"
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
    """Copy what users look for into `reports/<pipeline>/`, file by file, each atomically.

    Two stages may publish one name: the later holds what the earlier one wrote and more. The
    marker keeps, for each name, the outputs that went into it, so that an earlier stage that has
    not changed leaves the later one's file alone.
    """
    folder = context.workspace.reports / context.pipeline.name
    made_of = published(folder)
    changed = False
    for name in stage.publish:
        source, target = output.path / name, folder / name
        if not source.exists():
            continue
        earlier = {
            s.name: context.outputs[s.name].fingerprint
            for s in stages()
            if name in s.publish and s.name in context.outputs
        }
        if target.exists() and made_of.get(name, {}).get(stage.name) == output.fingerprint:
            continue
        if source.is_dir():
            _replace_folder(source, target)
        else:
            replace_file(target, source.read_bytes())
        made_of[name] = {**earlier, stage.name: output.fingerprint}
        changed = True
    if changed:
        mark(folder, made_of)


def published(folder: Path) -> dict[str, dict[str, str]]:
    """For each published name, what went into it: fingerprints of outputs, keys of studies."""
    try:
        found: dict[str, dict[str, str]] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def mark(folder: Path, made_of: dict[str, dict[str, str]]) -> None:
    replace_file(folder / MARKER, json.dumps(made_of, indent=1).encode())


def _replace_folder(source: Path, target: Path) -> None:
    """Files first, then what is no longer there: a reader never misses a file that should exist."""
    names = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    for name in sorted(names):
        replace_file(target / name, (source / name).read_bytes())
    for old in sorted(target.rglob("*"), reverse=True):
        relative = old.relative_to(target)
        if old.is_file() and relative not in names:
            old.unlink()
        elif old.is_dir() and not any(old.iterdir()):
            shutil.rmtree(old)
