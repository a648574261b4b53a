"""A small server: the phone page, the bundle, and the recordings' inbox.

Python's own `http.server` is enough: a fixed table of files and five requests for recordings.
Nothing of a request's path ever reaches the file system. Why not a web framework: it would bring a
dozen packages to a page that one person opens on one phone.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from har.errors import HarError
from har.phone.intake import Limits, Refused, finite_json
from har.phone.site import Site
from har.phone.uploads import Uploads

_API = re.compile(r"/api/recordings/([0-9a-f]{32})(?:/(chunks/(\d{1,8})|finish))?")


class Server(ThreadingHTTPServer):
    """One site and its inbox.

    Parameters
    ----------
    address : (str, int)
        Port 0 takes a free one.
    site : Site
    uploads : Uploads
    tls : ssl.SSLContext, optional
    key : str, optional
        What the page must know to read or send recordings; it stands in the address that is shown.
    names : tuple of str
        Host names that it answers to, besides addresses. Others are refused, so that no web site
        can reach it by pointing a name of its own here (DNS rebinding).
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

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
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.key = key
        self.site, self.uploads, self.names = site, uploads, {n.lower() for n in names}
        self.scheme = "https" if tls else "http"
        self._places = threading.BoundedSemaphore(64)
        try:
            super().__init__(address, Handler)
        except OSError as e:
            raise HarError(
                f"Cannot listen on {address[0]}:{address[1]}: {e.strerror}. Choose another --port "
                "(0 takes a free one) or --host."
            ) from None
        if tls is not None:
            # The handshake belongs to the connection's own thread, not to the one that accepts.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(timeout=5):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A phone that walks away is no error."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError, ssl.SSLError, OSError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Routes, and the headers that keep a page to its own origin."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "har"
    sys_version = ""
    timeout = 30

    def setup(self) -> None:
        self.request.settimeout(self.timeout)
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_HEAD(self) -> None:
        self._answer(self._get)

    def do_PUT(self) -> None:
        self._answer(self._put)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: names of people and activities do not belong in a log."""

    # Routes ------------------------------------------------------------------------------------

    def _get(self, path: str) -> None:
        if path == "/api/recordings":
            return self._json(200, self.server.uploads.summary())
        if (match := _API.fullmatch(path)) and match[2] is None:
            return self._json(*self.server.uploads.state(match[1]))
        asset = self.server.site.assets.get(path)
        if asset is None:
            raise Refused(404, "Not here.")
        if self.headers.get("If-None-Match") == asset.etag:
            return self._send(304, b"", asset.type, etag=asset.etag)
        return self._send(200, asset.data, asset.type, etag=asset.etag)

    def _put(self, path: str) -> None:
        match = _API.fullmatch(path)
        if match is None:
            known = path in self.server.site.assets or path == "/api/recordings"
            raise Refused(405 if known else 404, "Nothing can be put there.")
        body = finite_json(self._body(self.server.uploads.limits))
        if match[2] is None:
            return self._json(*self.server.uploads.begin(match[1], body))
        if match[3] is not None:
            return self._json(*self.server.uploads.put(match[1], int(match[3]), body))
        return self._json(*self.server.uploads.finish(match[1], body))

    def _delete(self, path: str) -> None:
        match = _API.fullmatch(path)
        if match is None or match[2] is not None:
            raise Refused(405, "Only a recording under way can be discarded.")
        self._json(*self.server.uploads.discard(match[1]))

    # Guards ------------------------------------------------------------------------------------

    def _answer(self, route: Callable[[str], None]) -> None:
        try:
            try:
                path = urlsplit(self.path).path
                self._check_origin()
            except ValueError:  # such as an address with one bracket
                raise Refused(400, "That is no address.") from None
            route(path)
        except Refused as refused:
            if self.command == "PUT":  # part of the body may be unread
                self.close_connection = True
            self._json(refused.status, refused.body)
        except (ConnectionError, TimeoutError, ssl.SSLError):
            raise
        except OSError as e:  # the disk is full: the page waits and tries again
            self.close_connection = True
            self._json(507, {"error": f"The computer cannot store this: {e.strerror}."})

    def _check_origin(self) -> None:
        host = self.headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname or ""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if name.lower() not in self.server.names:
                raise Refused(421, f"This server is not {name!r:.80}.") from None
        if self.server.key is not None and self.path.startswith("/api/"):
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.server.key.encode()):
                raise Refused(401, "Open the address that `har serve` shows: it holds a new key.")
        if self.command in {"PUT", "DELETE"}:
            origin = self.headers.get("Origin")
            if origin is not None and origin != f"{self.server.scheme}://{host}":
                raise Refused(403, "Only this server's own page may send recordings.")
            if self.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
                raise Refused(403, "Only this server's own page may send recordings.")

    def _body(self, limits: Limits) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            raise Refused(411, "Say how long the body is (Content-Length).")
        text = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,12}", text):
            raise Refused(411, "Say how long the body is (Content-Length).")
        if int(text) > limits.chunk_bytes:
            raise Refused(413, f"{text} bytes at once; the most is {limits.chunk_bytes}.")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, f"The body must be application/json, got {kind!r:.80}.")
        data = self.rfile.read(int(text))
        if len(data) != int(text):
            raise Refused(400, "The body ended early.")
        return data

    # Answers -----------------------------------------------------------------------------------

    def _json(self, status: int, value: Any) -> None:
        data = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        self._send(status, data, "application/json")

    def _send(self, status: int, data: bytes, kind: str, etag: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-cache" if etag else "no-store")
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Security-Policy", self.server.site.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(data)
