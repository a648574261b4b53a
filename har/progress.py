"""How far a stage is: a bar in a terminal, and lines now and then where the output is a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

CHANGES_NO_RESULT = True

EVERY_S = 10.0
"""Between two lines."""


@contextmanager
def advancing(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function that is told how many more are done.

    Parameters
    ----------
    what : str
        Such as `reading`.
    total : int
        Of all there are to do.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        begin = last = time.monotonic()
        done = 0

        def advance(n: int) -> None:
            nonlocal done, last
            done += n
            progress.advance(task, n)
            now = time.monotonic()
            if console.is_terminal or now - last < EVERY_S or done >= total:
                return
            last = now
            left = (now - begin) / done * (total - done)
            console.print(f"  {what}: {done} of {total}, about {roughly(left)} left")

        yield advance


def roughly(seconds: float) -> str:
    """`40 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 10):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
