"""A limit to how long a server may take for all that it is sent.

The time-outs of requests are for one read: a server that sends a byte now and then keeps them from
ever running out.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

CHANGES_NO_RESULT = True


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """End every connection that is opened in the block when the time is over, and refuse new ones.

    Raises
    ------
    TimeoutError
        If the time was over before the block was.

    Notes
    -----
    Connections made by urllib3, in whichever thread, which are those of MLflow.
    """
    from unittest import mock  # which imports asyncio

    from urllib3.util import connection

    really = connection.create_connection
    opened: list[socket.socket] = []
    over = threading.Event()

    def create(*args: Any, **kwargs: Any) -> socket.socket:
        if over.is_set():
            raise TimeoutError(f"it took longer than {seconds:g} s")
        made = really(*args, **kwargs)
        opened.append(made.dup())  # TLS takes the first one over
        return made

    def end() -> None:
        over.set()
        for handle in list(opened):
            with contextlib.suppress(OSError):  # it is closed already
                handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        with mock.patch.object(connection, "create_connection", create):
            yield
    except Exception as e:
        if over.is_set():
            raise TimeoutError(f"it took longer than {seconds:g} s") from e
        raise
    finally:
        timer.cancel()
        for handle in opened:
            handle.close()
