"""What a request must be before it reaches a route: one middleware for each thing that is guarded.

All of them, and the routes after them, see the same parsed request (`scope`). What needs the key is
decided by where a route is mounted, never by a second look at the request's target.
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


def answer(status: int, value: Any, *, close: bool = False) -> JSONResponse:
    """JSON that nobody keeps; with `close`, the last answer on its connection."""
    headers = {"Cache-Control": "no-store"} | ({"Connection": "close"} if close else {})
    return JSONResponse(value, status, headers)


async def refusal(request: Request, refused: Any) -> JSONResponse:
    """Say what is wrong. Part of a body may be unread, so nothing may follow it."""
    return answer(refused.status, refused.body, close=request.method not in {"GET", "HEAD"})


class Guard:
    """Middleware: a request passes `check`, or is answered with what is wrong with it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def check(self, request: Request) -> None:
        """Raise `Refused`, or let it pass."""
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
    """Look, put, discard."""

    async def check(self, request: Request) -> None:
        if request.method not in {"GET", "HEAD", "PUT", "DELETE"}:
            raise Refused(501, f"This server does not know {request.method!r:.80}.")


class PlainTarget(Guard):
    """A path, and no whole address (`http://host/path`), authority or asterisk (RFC 9112, 3.2)."""

    async def check(self, request: Request) -> None:
        if not request.scope["raw_path"].startswith(b"/"):
            raise Refused(400, "Ask for a path that begins with a slash.")


class KnownHost(Guard):
    """No web site can reach the server by pointing a name of its own here (DNS rebinding).

    Parameters
    ----------
    names : set of str
        Host names that the server answers to, besides all addresses.
    """

    def __init__(self, app: ASGIApp, names: set[str]) -> None:
        super().__init__(app)
        self.names = names

    async def check(self, request: Request) -> None:
        found = _HOST.fullmatch(request.headers.get("Host", ""))
        if found is None:
            raise Refused(400, "The Host header is missing or not a name or an address.")
        name = found[1].strip("[]").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if name not in self.names:
                raise Refused(421, f"This server is not {name!r:.80}.") from None


class OwnOrigin(Guard):
    """No other web site can send a recording or discard one through somebody's browser."""

    async def check(self, request: Request) -> None:
        if request.method not in {"PUT", "DELETE"}:
            return
        own = f"{request.scope['scheme']}://{request.headers['Host']}"
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if request.headers.get("Origin", own) != own or site not in {"same-origin", "none"}:
            raise Refused(403, "Only this server's own page may send recordings.")


class AccessKey(Guard):
    """Others on the network cannot see who was recorded, or add to it.

    Parameters
    ----------
    key : str or None
        None on a server that only this machine reaches.
    """

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        super().__init__(app)
        self.key = key

    async def check(self, request: Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key is not None and not hmac.compare_digest(given.encode(), self.key.encode()):
            raise Refused(401, "Open the address that `har serve` shows: it holds a new key.")


class JsonBody(Guard):
    """What is put is JSON of a length that is said before it is sent; read into `state.body`.

    Parameters
    ----------
    most_bytes : int
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        super().__init__(app)
        self.most_bytes = most_bytes

    async def check(self, request: Request) -> None:
        if request.method != "PUT":
            return
        length = request.headers.get("Content-Length")
        if length is None or "Transfer-Encoding" in request.headers:
            raise Refused(411, "Say how long the body is (Content-Length).")
        if int(length) > self.most_bytes:
            raise Refused(413, f"{length} bytes at once; the most is {self.most_bytes}.")
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, f"The body must be application/json, got {kind!r:.80}.")
        try:
            request.state.body = await request.body()
        except ClientDisconnect:
            raise Refused(400, "The body ended early.") from None
