"""What lies below HTTP: 64 connections at a time, none of them kept by a client that is silent.

uvicorn alone accepts any number of connections. It has a time limit between two requests, but none
for a client that stops in the middle of one or does not read its answer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

PLACES = 64
SILENCE_S = 30.0


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1; closed if its client neither sends nor reads for `SILENCE_S`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lost = asyncio.Event()
        self._moved_s = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self.lost.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._moved_s = self.loop.time()
        super().data_received(data)

    def resume_writing(self) -> None:
        self._moved_s = self.loop.time()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, unless another answer has begun."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # its own answer, if it comes, has nowhere to go
            if self.conn.our_state is not h11.SEND_RESPONSE:
                self.transport.abort()
                return
        super().send_400_response(msg)

    def shutdown(self) -> None:
        """Give the answer that is owed, and wait for no client."""
        if self._owes_an_answer():
            super().shutdown()
        else:
            self.transport.abort()

    def _owes_an_answer(self) -> bool:
        """A whole request is here, and its answer does not wait for the client to read."""
        c = self.cycle
        return c is not None and not (c.more_body or c.response_complete or self.flow.write_paused)

    def _watch(self) -> None:
        if self._owes_an_answer():
            self._moved_s = self.loop.time()
        left_s = self._moved_s + SILENCE_S - self.loop.time()
        if left_s <= 0:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(left_s, self._watch)


class Listener(uvicorn.Server):
    """uvicorn on a socket that is listening already, with `PLACES` connections at a time.

    A TLS handshake takes a place too. Those who find none wait in the system's queue.

    Parameters
    ----------
    app : ASGIApp
    listening : socket.socket
    tls : ssl.SSLContext, optional
    headers : dict of str
        Sent with every answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        tls: ssl.SSLContext | None,
        headers: dict[str, str],
    ) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            workers=1,
            log_config=None,
            log_level="error",
            access_log=False,  # names of people and activities do not belong in a log
            proxy_headers=False,
            server_header=False,
            headers=list(headers.items()),
            timeout_keep_alive=int(SILENCE_S),
        )
        super().__init__(config)
        self._listening, self._tls = listening, tls
        listening.setblocking(False)
        self._places = asyncio.Semaphore(PLACES)
        self._taken: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets or [])
        self._accepting = asyncio.create_task(self._accept())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._accepting.cancel()
        self._listening.close()
        await super().shutdown(sockets)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                client, _ = await loop.sock_accept(self._listening)
            except OSError as e:  # such as too many open files
                logging.getLogger(__name__).error("Cannot accept a connection: %s", e)
                self._places.release()
                await asyncio.sleep(1)
                continue
            task = loop.create_task(self._see_through(client))
            self._taken.add(task)
            task.add_done_callback(self._taken.discard)

    async def _see_through(self, client: socket.socket) -> None:
        try:
            _, connection = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self.config, self.server_state, {}),
                client,
                ssl=self._tls,
                ssl_handshake_timeout=SILENCE_S if self._tls else None,
            )
            await connection.lost.wait()
        except OSError:
            pass  # the client went away, or does not speak TLS
        finally:
            self._places.release()
