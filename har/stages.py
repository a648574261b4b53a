"""The shape that every stage has: declared inputs, its own slice of the config, one `run`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console

from har.code import code_version
from har.config import Pipeline
from har.fanout import Crew
from har.store import Output, Store, Writing
from har.workspace import Workspace

CHANGES_NO_RESULT = True


def _nothing(_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Context:
    """What a stage is given.

    `outputs` holds the finished outputs of the stages before it, by name. `console` writes to
    stderr: results go to stdout, and only from the command line. `dask` is the address of a cluster
    that does the work. A stage hands on the values that its functions need, not all of this.
    """

    workspace: Workspace
    pipeline: Pipeline
    store: Store
    jobs: int
    console: Console
    dask: str | None = None
    dry_run: bool = False  # say what would be done: fetch nothing
    outputs: Mapping[str, Output] = field(default_factory=dict)

    @property
    def crew(self) -> Crew:
        """Who works, as one value."""
        return Crew(self.jobs, self.console, self.dask)

    def with_output(self, name: str, output: Output) -> Context:
        """The same with one more stage's output."""
        return replace(self, outputs={**self.outputs, name: output})


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline.

    Parameters
    ----------
    needs : tuple of str
        Stages whose outputs it reads; their fingerprints are part of its key.
    uses : tuple of str
        Stages whose outputs it reads as well if they are finished and up to date.
    shared : bool
        Runs side by side share its work, whose items are claimed one by one; of another stage the
        output is made by one of them.
    modules : tuple of str
        Where its code is. Their sources and those that they import make its code version.
    run : callable
        Writes files into `writing.path`. Heavy libraries are imported inside.
    config : callable
        Its slice of the pipeline file: what can change its result, and nothing else.
    inputs : callable
        What it reads besides, such as hashes of raw files.
    complete : callable
        False if some of the work failed and is to be tried again; a run then carries on with
        what there is.
    publish : tuple of str
        Files and folders of the output that users find in `reports/<pipeline>/`; no two stages
        have one name. What an output does not hold is removed there.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    modules: tuple[str, ...]
    run: Callable[[Context, Writing], None]
    config: Callable[[Pipeline], dict[str, Any]] = _nothing
    inputs: Callable[[Context], dict[str, Any]] = _nothing
    complete: Callable[[Output], bool] = lambda _output: True
    publish: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    shared: bool = False

    def parts(self, context: Context) -> dict[str, Any]:
        """What the key of its output is made of."""
        used = [name for name in self.uses if name in context.outputs]
        return {
            "config": self.config(context.pipeline),
            "inputs": {
                **{name: context.outputs[name].fingerprint for name in (*self.needs, *used)},
                **self.inputs(context),
            },
            "code": code_version(*self.modules),
        }
