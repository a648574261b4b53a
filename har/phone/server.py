"""A small server: the phone page, the bundle, and the recordings' inbox.

A Starlette app on uvicorn. Nothing of a request's path reaches the file system: files come from a
fixed table, and a recording's id is 32 hexadecimal digits. Recordings are stored by worker threads,
so a slow disk does not hold up other clients.

uvicorn parses HTTP with h11 and not with httptools, because h11 refuses requests with two Host
headers or none, on which the guard against DNS rebinding relies; it is also the parser that comes
with uvicorn. The odd requests that only httptools refuses (a target that is not a path, both
Content-Length and Transfer-Encoding) are refused by the guards.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, StringConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route, Router

from har.errors import HarError
from har.phone import guards
from har.phone.connections import PLACES, Listener
from har.phone.guards import answer
from har.phone.intake import Refused, finite_json
from har.phone.site import Site
from har.phone.uploads import Uploads

_PIECE_BYTES = 64 * 1024


class _RecordingId(StringConvertor):
    regex = "[0-9a-f]{32}"


class _PieceNumber(IntegerConvertor):
    regex = "[0-9]{1,8}"


register_url_convertor("recording", _RecordingId())
register_url_convertor("piece", _PieceNumber())


class Server:
    """One site and its inbox. It listens as soon as it is made and answers while `run` runs.

    Parameters
    ----------
    address : (str, int)
        Port 0 takes a free one.
    key : str, optional
        Required to read or send recordings. It is part of the address that the user opens.
    names : tuple of str
        Host names that the server answers to, besides IP addresses.

    Raises
    ------
    HarError
        If it cannot listen there.
    """

    def __init__(
        self,
        address: tuple[str, int],
        site: Site,
        uploads: Uploads,
        *,
        tls: ssl.SSLContext | None = None,
        key: str | None = None,
        names: tuple[str, ...] = ("localhost",),
    ) -> None:
        self.site, self.uploads, self.key = site, uploads, key
        self.scheme = "https" if tls else "http"
        self._socket = _listen(*address)
        self.host, self.port = self._socket.getsockname()[:2]
        headers = {
            "Content-Security-Policy": site.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        app = self._app({n.lower() for n in names})
        self._listener = Listener(app, self._socket, tls=tls, headers=headers)

    def run(self) -> None:
        """Answer until `stop` is called; in the main thread, Ctrl-C raises KeyboardInterrupt."""
        with contextlib.closing(self):
            self._listener.run()

    def stop(self) -> None:
        """End `run` after it has answered the requests that have arrived."""
        self._listener.should_exit = True

    def close(self) -> None:
        """Stop listening. Only needed if `run` was never called."""
        self._socket.close()

    # Routes ------------------------------------------------------------------------------------

    def _app(self, names: set[str]) -> Starlette:
        recordings = [
            Route("/recordings", self._summary),
            Route("/recordings/{id:recording}", self._state),
            Route("/recordings/{id:recording}", self._begin, methods=["PUT"]),
            Route("/recordings/{id:recording}", self._discard, methods=["DELETE"]),
            Route("/recordings/{id:recording}/chunks/{n:piece}", self._put, methods=["PUT"]),
            Route("/recordings/{id:recording}/finish", self._finish, methods=["PUT"]),
        ]
        inbox = Mount(
            "/api",
            Router(recordings, redirect_slashes=False),
            middleware=[
                Middleware(guards.AccessKey, self.key),
                Middleware(guards.JsonBody, self.uploads.limits.chunk_bytes),
            ],
        )
        return Starlette(
            routes=[inbox, Route("/{path:path}", self._asset)],
            middleware=[
                Middleware(guards.KnownMethod),
                Middleware(guards.PlainTarget),
                Middleware(guards.KnownHost, names),
                Middleware(guards.OwnOrigin),
            ],
            exception_handlers={
                404: _not_here,
                405: _not_here,
                Refused: guards.refusal,
                OSError: _cannot_store,
                Exception: _broken,
            },
        )

    async def _asset(self, request: Request) -> Response:
        asset = self.site.assets.get(request.scope["path"])
        if asset is None:
            raise Refused(404, "Not here.")
        headers = {"Cache-Control": "no-cache", "ETag": asset.etag, "Content-Type": asset.type}
        if request.headers.get("If-None-Match") == asset.etag:
            return Response(status_code=304, headers=headers)
        headers["Content-Length"] = str(len(asset.data))
        return StreamingResponse(_pieces(asset.data), headers=headers)

    # These use the disk and are not `async`, so Starlette runs them in threads.

    def _summary(self, _: Request) -> Response:
        return answer(200, self.uploads.summary())

    def _state(self, request: Request) -> Response:
        return answer(*self.uploads.state(request.path_params["id"]))

    def _begin(self, request: Request) -> Response:
        client = request.client.host if request.client else ""
        return answer(*self.uploads.begin(request.path_params["id"], _body(request), client))

    def _put(self, request: Request) -> Response:
        path = request.path_params
        return answer(*self.uploads.put(path["id"], path["n"], _body(request)))

    def _finish(self, request: Request) -> Response:
        return answer(*self.uploads.finish(request.path_params["id"], _body(request)))

    def _discard(self, request: Request) -> Response:
        return answer(*self.uploads.discard(request.path_params["id"]))


def _body(request: Request) -> Any:
    return finite_json(request.state.body)


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(PLACES)
    except OSError as e:
        listening.close()
        raise HarError(
            f"Cannot listen on {host}:{port}: {e.strerror}. Choose another --port "
            "(0 takes a free one) or --host."
        ) from None
    return listening


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    """The data in parts, each sent once the client has read most of the one before."""
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]
        await asyncio.sleep(0)


async def _not_here(request: Request, e: Any) -> Response:
    reason = "Not here." if e.status_code == 404 else "Nothing can be put or discarded there."
    return await guards.refusal(request, Refused(e.status_code, reason))


async def _cannot_store(_: Request, e: Any) -> Response:
    """The disk is full: the page waits and tries again."""
    return answer(507, {"error": f"The computer cannot store this: {e.strerror or e}."}, close=True)


async def _broken(_: Request, __: Exception) -> Response:
    """A bug in this program; uvicorn prints the traceback."""
    return answer(500, {"error": "The server failed; its terminal shows the error."}, close=True)
