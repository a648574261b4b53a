"""Limits below HTTP: how many connections, how many of them from one address, and for how long.

uvicorn by itself accepts any number of connections, and its only time limit is the one between two
requests: a client that stops in the middle of a request, or does not read the answer, would keep
its connection for ever.

Connections are cheap, and the place of one that asks for nothing, sends its request in drops or
does not read its answer goes to a newcomer when places run out, so that no number of such clients
shuts out a phone.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

PLACES = 512
ADDRESS_PLACES = 320
"""Of them for one address: a class of phones may be behind one router."""
SILENCE_S = 30.0
REQUEST_S = 60.0
"""From a request's first byte to its last: 512 kB at 70 kbit/s."""


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, closed if the client is silent for `SILENCE_S` or sends too slowly.

    A client is silent if it neither sends nor reads; a request must arrive within `REQUEST_S`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lost = asyncio.Event()
        self.answered_s = self._moved_s = self._began_s = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self.lost.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._moved_s = self.loop.time()
        if self._is_idle():
            self._began_s = self._moved_s
        super().data_received(data)

    def on_response_complete(self) -> None:
        self.answered_s = self.loop.time()
        super().on_response_complete()

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
        if self.owes_an_answer():
            super().shutdown()
        else:
            self.transport.abort()

    def owes_an_answer(self) -> bool:
        """Whether a whole request has arrived and its answer is not held up by the client."""
        c = self.cycle
        return c is not None and not (c.more_body or c.response_complete or self.flow.write_paused)

    def _is_idle(self) -> bool:
        """Whether nothing of the next request has arrived."""
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _watch(self) -> None:
        now_s = self.loop.time()
        if self.owes_an_answer():
            self._moved_s = now_s
        left_s = self._moved_s + SILENCE_S - now_s
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY} and not self._is_idle():
            left_s = min(left_s, self._began_s + REQUEST_S - now_s)
        if left_s <= 0:
            self.transport.abort()
        else:
            # A request that begins later is looked at in time.
            self._timer = self.loop.call_later(min(left_s, REQUEST_S / 4), self._watch)


@dataclass(eq=False)
class _Place:
    """A connection from before its TLS handshake."""

    address: str
    connection: Connection
    task: asyncio.Task[None] | None = None

    @property
    def may_go(self) -> bool:
        return not self.connection.owes_an_answer()


class Listener(uvicorn.Server):
    """uvicorn on a socket that already listens, with at most `PLACES` connections at a time.

    A newcomer beyond the limit takes the place of the connection that has been without an answer
    for longest, of the address that has the most; it waits if all are being answered.

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
        self._taken: set[_Place] = set()

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
            try:
                client, peer = await loop.sock_accept(self._listening)
            except OSError as e:
                if not isinstance(e, ConnectionError):  # too many open files, for example
                    logging.getLogger(__name__).error("Cannot accept a connection: %s", e)
                    await asyncio.sleep(0 if await self._free(self._most()) else 1)
                continue
            own = [p for p in self._taken if p.address == peer[0]]
            if len(own) >= ADDRESS_PLACES and not await self._free(own):
                client.close()
                continue
            while len(self._taken) >= PLACES and not await self._free(self._most()):
                tasks = [p.task for p in self._taken if p.task]
                await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            place = _Place(peer[0], Connection(self.config, self.server_state, {}))
            self._taken.add(place)
            place.task = loop.create_task(self._serve_one(client, place))
            await asyncio.sleep(0)  # a task that is cancelled before it began would never end

    def _most(self) -> list[_Place]:
        """The places that may go of the address that has the most of them."""
        free = sorted((p for p in self._taken if p.may_go), key=attrgetter("address"))
        each = [list(places) for _, places in groupby(free, key=attrgetter("address"))]
        return max(each, key=len, default=[])

    async def _free(self, places: list[_Place]) -> bool:
        """End the connection that has been without an answer for longest, if one may go."""
        free = [p for p in places if p.may_go and p.task]
        if not free:
            return False
        task = min(free, key=lambda p: p.connection.answered_s).task
        assert task is not None
        task.cancel()
        await asyncio.wait([task])
        return True

    async def _serve_one(self, client: socket.socket, place: _Place) -> None:
        connection = place.connection
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                client,
                ssl=self._tls,
                ssl_handshake_timeout=SILENCE_S if self._tls else None,
            )
            await connection.lost.wait()
        except asyncio.CancelledError:
            if connection.transport is not None:  # after the handshake
                connection.transport.abort()
        except OSError:
            pass  # the client left during the handshake, or does not speak TLS
        finally:
            self._taken.discard(place)
