"""Checks that a request must pass before it reaches its route, one middleware for each.

The guards and the router see the same parsed request (`scope`). `AccessKey` and `JsonBody` wrap the
routes they protect (`/api`) and do not look at the path themselves, so a request that reaches such
a route has passed them however its target was spelled.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from har.phone.intake import Refused

_HOST = re.compile(r"([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)


def is_address(host: str) -> bool:
    """Whether a host is named by its IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def answer(status: int, value: Any, *, close: bool = False) -> JSONResponse:
    """A JSON answer that is not cached; `close` ends the connection after it."""
    headers = {"Cache-Control": "no-store"} | ({"Connection": "close"} if close else {})
    return JSONResponse(value, status, headers)


async def refusal(request: Request, refused: Any) -> JSONResponse:
    """The answer to a refused request.

    The connection ends unless the request had no body: an unread rest would be taken for the next
    request.
    """
    return answer(refused.status, refused.body, close=request.method not in {"GET", "HEAD"})


class Guard:
    """Middleware that answers a request itself if `check` refuses it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def check(self, request: Request) -> None:
        """Raise `Refused` to stop the request."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            await self.check(request)
        except Refused as refused:
            await (await refusal(request, refused))(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class KnownMethod(Guard):
    """Only the methods that the page uses."""

    async def check(self, request: Request) -> None:
        if request.method not in {"GET", "HEAD", "PUT", "DELETE"}:
            raise Refused(501, f"This server does not know {request.method!r:.80}.")


class PlainTarget(Guard):
    """Only targets that are a path: no `http://host/path`, `host:port` or `*` (RFC 9112, 3.2)."""

    async def check(self, request: Request) -> None:
        if not request.scope["raw_path"].startswith(b"/"):
            raise Refused(400, "The request's target must be a path that begins with a slash.")


class KnownHost(Guard):
    """Keeps out web sites that point a host name of their own at this server (DNS rebinding).

    Parameters
    ----------
    names : set of str
        Host names that the server answers to. IP addresses are always accepted.
    """

    def __init__(self, app: ASGIApp, names: set[str]) -> None:
        super().__init__(app)
        self.names = names

    async def check(self, request: Request) -> None:
        found = _HOST.fullmatch(request.headers.get("Host", ""))
        if found is None:
            raise Refused(400, "The Host header must be a host name or an address.")
        name = found[1].strip("[]").lower()
        if not is_address(name) and name not in self.names:
            raise Refused(421, f"This server is not {name!r:.80}.")


class OwnOrigin(Guard):
    """Keeps other web sites from sending or discarding recordings through a user's browser."""

    async def check(self, request: Request) -> None:
        if request.method not in {"PUT", "DELETE"}:
            return
        own = f"{request.scope['scheme']}://{request.headers['Host']}"
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if request.headers.get("Origin", own) != own or site not in {"same-origin", "none"}:
            raise Refused(403, "Only this server's own page may send recordings.")


class AccessKey(Guard):
    """Keeps others on the network from reading or adding recordings.

    Parameters
    ----------
    key : str or None
        None for a server that only this machine can reach.
    """

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        super().__init__(app)
        self.key = key

    async def check(self, request: Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key is not None and not hmac.compare_digest(given.encode(), self.key.encode()):
            raise Refused(401, "Open the address that `har serve` shows: it holds a new key.")


class JsonBody(Guard):
    """Reads the body of a PUT into `request.state.body` if it declares JSON of a permitted size."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        super().__init__(app)
        self.max_bytes = max_bytes

    async def check(self, request: Request) -> None:
        if request.method != "PUT":
            return
        length = request.headers.get("Content-Length")
        if length is None or "Transfer-Encoding" in request.headers:
            raise Refused(411, "Say how long the body is (Content-Length).")
        if int(length) > self.max_bytes:
            raise Refused(413, f"{length} bytes at once; the most is {self.max_bytes}.")
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, f"The body must be application/json, got {kind!r:.80}.")
        try:
            request.state.body = await request.body()
        except ClientDisconnect:
            raise Refused(400, "The body ended early.") from None
