"""Bytes that no browser sends, over plain HTTP and over TLS: nothing is read, nothing lands.

Every attack runs against a server that has a recording and a key.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl

import pytest

from har.phone import certificates
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from tests.phone.serving import running, write_bundle, write_page

KEY = "the-key-of-this-server"
INBOX, NEW = "/api/recordings", "/api/recordings/" + "b" * 32
ABOUT = {"name": "Ada", "activity": "walking", "placement": "wrist"}


class Wire:
    """Sends bytes as they are and reads until the server closes or has nothing more to say."""

    def __init__(self, server: Server, trusting: ssl.SSLContext | None) -> None:
        self.server, self.trusting = server, trusting

    @contextlib.contextmanager
    def open(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as plain:
            if self.trusting is None:
                yield plain
            else:
                with self.trusting.wrap_socket(plain, server_hostname="localhost") as secure:
                    yield secure

    def say(self, data: bytes) -> bytes:
        """The whole of what comes back; `data` must make the server close."""
        got = b""
        with self.open() as s, contextlib.suppress(ConnectionError, ssl.SSLError):
            s.sendall(data)
            while part := s.recv(65536):
                got += part
        return got

    def files(self) -> list[str]:
        root = self.server.uploads.folder
        return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


@pytest.fixture(scope="module", params=["http", "https"])
def wire(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    tls = trusting = None
    if request.param == "https":
        made = certificates.make(folder / "tls", addresses=["127.0.0.1"], names=["localhost"])
        tls, trusting = made.context(), ssl.create_default_context(cafile=str(made.authority))
    site = build_site(write_bundle(folder / "bundle"), web=write_page(folder / "web"))
    uploads = Uploads(folder / "raw")
    uploads.begin("a" * 32, ABOUT)
    uploads.put("a" * 32, 0, {"samples": [[0, 1, 2, 3], [0.02, 1, 2, 3]]})
    uploads.finish("a" * 32, {"chunks": 1})
    with running(Server(("127.0.0.1", 0), site, uploads, tls=tls, key=KEY)) as server:
        yield Wire(server, trusting)


def head(start: str, *headers: str) -> bytes:
    lines = [start, "Host: localhost", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def put(target: str, *headers: str) -> bytes:
    body = json.dumps(ABOUT).encode()
    kind = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return head(f"PUT {target} HTTP/1.1", *kind, *headers) + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


RIGHT = f"Authorization: Bearer {KEY}"


def test_with_the_key_the_same_bytes_pass(wire):
    """The attacks below differ from these by what they are refused for."""
    got = wire.say(head(f"GET {INBOX} HTTP/1.1", RIGHT))
    assert (status(got), b"ada" in got) == (200, True)
    assert status(wire.say(put(NEW, RIGHT))) == 201
    assert status(wire.say(head(f"DELETE {NEW} HTTP/1.1", RIGHT))) == 200


# What may be written before or in place of "/api", and the status that is right for it.
SPELLINGS = {
    "/api": 401, "/%61pi": 401, "/ap%69": 401,
    "x:/api": 400, "http://evil/api": 400, "http://localhost/api": 400, "https:///api": 400,
    "localhost:80/api": 400, "*/api": 400, "api": 400, "\\api": 400, "?/api": 400, "%2fapi": 400,
    "//api": 404, "///api": 404, "/./api": 404, "/api/../api": 401, "/api/./": 401,
    "/js/../api": 404, "/%2e%2e/api": 404, "/js/..%2f..%2fapi": 404, "/%2fapi": 404,
    "/api%2f..": 401, "/%5capi": 404, "/API": 404, "/%00/api": 404, "/api%0a": 404,
    "/%2561pi": 404, "/localhost/api": 404, "/http://localhost/api": 404, "/;/api": 404,
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_target_gets_past_the_key(wire, spelling):
    before = wire.files()
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        target = (INBOX if method in {"GET", "HEAD"} else NEW).replace("/api", spelling, 1)
        data = put(target) if method == "PUT" else head(f"{method} {target} HTTP/1.1")
        got = wire.say(data)
        wanted = {SPELLINGS[spelling]} | ({405} if method in {"PUT", "DELETE"} else set())
        assert status(got) in wanted, (method, target)
        assert b"ada" not in got
    assert wire.files() == before


@pytest.mark.parametrize("end", ["%2f", "/", "%00", "%0a", "%23", "%3f", ";x", "?x", "#x", "?key="])
def test_no_end_of_a_target_gets_past_the_key(wire, end):
    before = wire.files()
    for data in (head(f"GET {INBOX}{end} HTTP/1.1"), put(f"{NEW}{end}")):
        got = wire.say(data)
        assert (status(got), b"ada" in got) in {(401, False), (404, False)}
    assert wire.files() == before


@pytest.mark.parametrize("method", ["OPTIONS", "CONNECT", "POST", "get", "GET\t"])
@pytest.mark.parametrize("target", ["*", "localhost:80", INBOX])
def test_other_methods_get_nothing(wire, method, target):
    got = wire.say(head(f"{method} {target} HTTP/1.1", RIGHT))
    assert (status(got), b"ada" in got) in {(501, False), (400, False)}


@pytest.mark.parametrize(
    "data",
    [
        head(f"GET {INBOX} x HTTP/1.1", RIGHT),
        head(f"GET  {INBOX} HTTP/1.1", RIGHT),
        head(f"GET {INBOX}\x01 HTTP/1.1", RIGHT),
        head(f"GET {INBOX}\x00 HTTP/1.1", RIGHT),
        head(f"GET {INBOX}\x0b HTTP/1.1", RIGHT),
        head(f"GET {INBOX}\xe9 HTTP/1.1", RIGHT),
        head(f"GET {INBOX}", RIGHT),
        head(f"GET {INBOX} HTTP/1.1", RIGHT, "Host: evil.example"),
        head(f"GET {INBOX} HTTP/1.1", RIGHT, "Host: localhost"),
        head(f"GET {INBOX} HTTP/1.1", RIGHT).replace(b"Host: localhost\r\n", b""),
        head(f"GET {INBOX} HTTP/1.0", RIGHT).replace(b"Host: localhost\r\n", b""),
        head(f"GET {INBOX} HTTP/1.1", RIGHT).replace(b"localhost", b"evil/@localhost"),
        head(f"GET {INBOX} HTTP/1.1", RIGHT).replace(b"localhost", b"evil@localhost"),
        head(f"GET {INBOX} HTTP/1.1", RIGHT).replace(b"localhost", b"localhost evil"),
        head(f"GET {INBOX} HTTP/1.1", RIGHT).replace(b"Host:", b"Host :"),
        put(NEW, RIGHT, "Transfer-Encoding: xchunked"),
        put(NEW, RIGHT, "Content-Length: 3"),
        put(NEW, RIGHT).replace(b"Content-Length: ", b"Content-Length: +"),
        put(NEW, RIGHT).replace(b"Content-Length: ", b"Content-Length: 0x"),
        put(NEW, RIGHT).replace(b"Content-Length: ", b"Content-Length: " + b"9" * 40),
    ],
)
def test_what_is_not_http_gets_400(wire, data):
    before = wire.files()
    got = wire.say(data)
    assert (status(got), b"ada" in got) == (400, False)
    assert wire.files() == before


def test_a_head_without_end_is_cut_off(wire):
    assert b" 200 " not in wire.say(head("GET / HTTP/1.1")[:-2] + b"X: " + b"x" * 2_000_000)


def test_another_name_gets_nothing_with_the_key(wire):
    for host in (b"evil.example", b"localhost.evil.example", b"2130706433", b"localhost."):
        data = head(f"GET {INBOX} HTTP/1.1", RIGHT).replace(b"localhost", host, 1)
        assert status(wire.say(data)) == 421


@pytest.mark.parametrize(
    "first",
    [
        put(NEW, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        put(NEW, RIGHT, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        put(NEW, RIGHT).replace(b"Content-Length: ", b"Content-Length: 9999999"),
        put(NEW),
        put("x:" + NEW),
        head(f"GET {INBOX} HTTP/1.1\x00"),
    ],
)
def test_nothing_is_smuggled_behind_a_refused_request(wire, first):
    """The connection ends with the refusal, whatever a proxy took the bytes after it for."""
    before = wire.files()
    hidden = head(f"GET {INBOX} HTTP/1.1", RIGHT)
    got = wire.say(first.replace(b"Connection: close\r\n", b"") + hidden)
    assert (got.count(b"HTTP/1.1 "), status(got) >= 400, b"ada" in got) == (1, True, False)
    assert wire.files() == before


def test_a_body_is_no_request(wire):
    """What a GET carries is skipped, and the next request is read after it."""
    hidden = head(f"GET {INBOX} HTTP/1.1", RIGHT)
    first = head("GET /js/app.js HTTP/1.1", f"Content-Length: {len(hidden)}")
    last = head("GET /js/app.js HTTP/1.1")
    got = wire.say(first.replace(b"Connection: close\r\n", b"") + hidden + last)
    assert (got.count(b"HTTP/1.1 200"), b"ada" in got) == (2, False)


def test_bytes_that_went_wrong_cost_their_connection_alone(wire, caplog):
    """Cut, flipped, doubled and shuffled requests: no traceback, nothing lands, others go on."""
    chance = random.Random(0)
    before = wire.files()
    good = [
        put(NEW),
        put(NEW, "Transfer-Encoding: chunked"),
        head("GET / HTTP/1.1") * 2,
        put(NEW).replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nX") + b"5\r\nhello\r\n",
        head("GET /js/app.js HTTP/1.1", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n",
        head("GET / HTTP/1.1", "Upgrade: websocket", "Connection: upgrade"),
        put(NEW, "Expect: 100-continue"),
    ]
    for _ in range(300):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(data))
            to = min(len(data), at + chance.randrange(1, 40))
            cut = chance.choice([b"", data[at:to] * 2, bytes([chance.randrange(256)]), b"\r\n"])
            data[at:to] = cut
            data = data or bytearray(b"x")
        with wire.open() as s, contextlib.suppress(OSError):
            half = chance.randrange(len(data))
            s.sendall(data[:half])
            s.sendall(data[half:])
            if chance.random() < 0.5:
                s.shutdown(socket.SHUT_WR)
                s.recv(1000)
    assert wire.files() == before
    assert status(wire.say(head(f"GET {INBOX} HTTP/1.1", RIGHT))) == 200
    assert caplog.records == []
