"""Many independent items over processes: the only package that knows processes and clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.errors import HarError
from har.fanout import gpus
from har.fanout.outcome import (
    ON_A_GPU,
    ONE_THREAD,
    Done,
    Environment,
    Failed,
    Kind,
    Work,
    cores,
)

if TYPE_CHECKING:
    from rich.console import Console

CHANGES_NO_RESULT = True

__all__ = [
    "ONE_THREAD", "ON_A_GPU", "Crew", "Done", "Failed", "alone", "cores", "gpus", "run", "values",
]  # fmt: skip


@dataclass(frozen=True)
class Crew:
    """Who works, and where progress is shown.

    Parameters
    ----------
    jobs : int
        Processes of this machine at a time.
    console : Console
        Writes to stderr.
    dask : str, optional
        Address of a Dask scheduler whose workers work in place of this machine; they see the same
        workspace.
    """

    jobs: int
    console: Console
    dask: str | None = None

    def slots(self) -> int:
        """How many items are worked on at a time; waits for a cluster's first worker."""
        if self.dask is None:
            return self.jobs
        from har.fanout import cluster

        return cluster.threads(self.dask, self.console.print)

    def run(
        self, function: Work, items: Sequence[Any], *, shared: Path, **how: Any
    ) -> Iterator[tuple[int, Done | Failed]]:
        """`run` by this crew; what is read and written is below `shared`, which all of it sees."""
        return run(function, items, jobs=self.jobs, dask=self.dask, shared=shared, **how)


def values(
    outcomes: Iterator[tuple[int, Done | Failed]], failed: Callable[[int, Failed], HarError]
) -> list[Any]:
    """What the items of `run` came to, in their order.

    Raises
    ------
    HarError
        What `failed` says of the first item that has no result.
    """
    found = {}
    for i, outcome in outcomes:
        if isinstance(outcome, Failed):
            raise failed(i, outcome)
        found[i] = outcome.value
    return [found[i] for i in sorted(found)]


def alone() -> Crew:
    """One process of this machine at a time, and nothing is shown."""
    from rich.console import Console

    return Crew(1, Console(quiet=True))


def run(
    function: Work,
    items: Sequence[Any],
    *,
    jobs: int,
    env: Environment = ONE_THREAD,
    on_report: Callable[[int, Any], None] | None = None,
    kind: Kind = lambda _item: None,
    per_gpu: int = 1,
    dask: str | None = None,
    shared: Path | None = None,
) -> Iterator[tuple[int, Done | Failed]]:
    """Call `function(item, report)` for each item, each in a process.

    Parameters
    ----------
    function : callable
        Importable by name. `report(message)` sends any picklable progress to `on_report`.
    items : sequence
        Picklable; handed out in order, as far as `kind` lets them.
    jobs : int
        How many processes at most; a cluster has as many as its workers have threads.
    env : mapping, or callable from an item to one
        Environment of the processes, set before they import anything. With `ON_A_GPU` a process
        waits for a GPU of its own; on a cluster it has the one that its worker has.
    on_report : callable, optional
        Called in this process with the item's index and the message.
    kind : callable, optional
        From an item to what makes the next of the same kind cheaper for a process, such as a
        network that it has compiled. A process goes on with the kind that it had while there are
        any, and then takes one that no other has. A cluster does not look at it.
    per_gpu : int
        How many processes share a GPU.
    dask : str, optional
        Address of a Dask scheduler: its workers start the processes. One that dies, its item is
        given to another: what an item writes must not depend on how far it came before.
    shared : Path, optional
        A folder that the workers of a cluster must see.

    Yields
    ------
    index, Done or Failed
        In the order in which they finish, exactly one for each item.

    Raises
    ------
    ClusterError
        If no scheduler answers at the address, or `distributed` is not installed; if a worker does
        not see `shared`, or has other code.

    Notes
    -----
    Closing the iterator early (also by Ctrl-C) ends the processes of this machine. On a cluster
    what waits is withdrawn, and what runs is finished.
    """
    if dask is not None:
        from har.fanout import cluster

        return cluster.run(
            function, items, address=dask, env=env, on_report=on_report, shared=shared
        )
    from har.fanout import local

    return local.run(
        function, items, jobs=jobs, env=env, on_report=on_report, kind=kind, per_gpu=per_gpu
    )
