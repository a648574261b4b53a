"""Limits below HTTP: 64 connections at a time, and 30 seconds for a client that stops talking.

uvicorn by itself accepts any number of connections, and its only time limit is the one between two
requests: a client that stops in the middle of a request, or does not read the answer, would keep
its connection for ever.
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
    """uvicorn's HTTP/1.1, closed if the client neither sends nor reads for `SILENCE_S`."""

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
        """Answer bytes that are not HTTP, unless another answer has begun."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # drop the answer to the request before, if one comes
            if self.conn.our_state is not h11.SEND_RESPONSE:
                self.transport.abort()
                return
        super().send_400_response(msg)

    def shutdown(self) -> None:
        """Finish an answer that is being computed; do not wait for clients."""
        if self._owes_an_answer():
            super().shutdown()
        else:
            self.transport.abort()

    def _owes_an_answer(self) -> bool:
        """Whether a whole request has arrived and its answer is not held up by the client."""
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
    """uvicorn on a socket that already listens, with at most `PLACES` connections at a time.

    A connection counts from before its TLS handshake. Clients beyond the limit wait in the socket's
    own queue until a connection closes.

    Parameters
    ----------
    headers : dict of str
        Headers of every answer.
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
            access_log=False,  # paths and addresses of people do not belong in a log
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
            except OSError as e:
                self._places.release()
                if not isinstance(e, ConnectionError):  # too many open files, for example
                    logging.getLogger(__name__).error("Cannot accept a connection: %s", e)
                    await asyncio.sleep(1)
                continue
            task = loop.create_task(self._serve_one(client))
            self._taken.add(task)
            task.add_done_callback(self._taken.discard)

    async def _serve_one(self, client: socket.socket) -> None:
        try:
            _, connection = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self.config, self.server_state, {}),
                client,
                ssl=self._tls,
                ssl_handshake_timeout=SILENCE_S if self._tls else None,
            )
            await connection.lost.wait()
        except OSError:
            pass  # the client left during the handshake, or does not speak TLS
        finally:
            self._places.release()
