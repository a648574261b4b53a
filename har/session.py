"""A run of the command line: the workspace, the pipeline file, the stages, what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from har import config, fanout, pipeline, tracking
from har.stages import Context
from har.store import Store, Workspace


def open_context(
    root: Path, name: str, *, overrides: tuple[str, ...] = (), jobs: int | None = None
) -> Context:
    """The context of a pipeline in a workspace."""
    workspace = Workspace(root.resolve())
    return Context(
        workspace=workspace,
        pipeline=config.load(name, overrides),
        store=Store(workspace.cache),
        jobs=jobs or fanout.cores(),
        console=Console(stderr=True, highlight=False),
    )


def run(
    root: Path,
    name: str,
    *,
    echo: Callable[[str], None],
    until: str = "export",
    overrides: tuple[str, ...] = (),
    jobs: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Context:
    """Run a pipeline up to a stage; results go to `echo`, progress to stderr."""
    context = open_context(root, name, overrides=overrides, jobs=jobs)

    def tell(step: pipeline.Step) -> None:
        if step.state == "would run":
            echo(f"{step.stage.name}: would run ({step.why})")
        elif step.state == "up to date":
            context.console.print(f"[bold]{step.stage.name}[/bold]: up to date")
        else:
            context.console.print(f"  [dim]done in {step.seconds:.1f} s[/dim]")
        if step.output and not dry_run:
            text = step.stage.summarise(context, step.output)
            if text and (step.state == "ran" or step is None):
                echo(text)

    pipeline.run(context, until=until, force=force, dry_run=dry_run, on_step=tell)
    if not dry_run and (sent := tracking.track(context, load_model=load_model)):
        context.console.print(f"[bold]track[/bold]: {sent}")
    return context


def track(root: Path, name: str, *, overrides: tuple[str, ...] = ()) -> str:
    """Send what is stored of a pipeline to MLflow; says what was sent. Runs no stage."""
    context = open_context(root, name, overrides=overrides)
    pipeline.run(context, dry_run=True)  # finds the finished outputs
    sent = tracking.track(context, load_model=load_model, required=True)
    return sent or "MLflow has all of it already."


def load_model(path: Path) -> Any:
    """A saved Keras model, with the layers of this package."""
    import importlib

    import keras

    importlib.import_module("har.models.conditioning")  # registers them
    return keras.saving.load_model(path, compile=False)
