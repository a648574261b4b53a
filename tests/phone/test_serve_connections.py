"""Connections: how many, how long, and what a client that goes away leaves behind: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from har.phone import certificates, connections
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from tests.conftest import ROOT
from tests.phone.serving import request, running, to, write_bundle, write_page

ABOUT = {"name": "Ada", "activity": "walking", "placement": "wrist"}
ASKS = b"GET /js/app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUTS = b"PUT /api/recordings/" + b"a" * 32 + b" HTTP/1.1\r\nHost: localhost\r\n"
PUTS += b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
BIG = b"GET /big.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n"
BIG_BYTES = 30_000_000


@pytest.fixture
def serve(tmp_path):
    """`serve()`: a server that does not run yet, with a file larger than any buffer."""

    def make(**options) -> Server:
        site = build_site(write_bundle(tmp_path / "b"), web=write_page(tmp_path / "w"))
        site.add("/big.wasm", bytes(BIG_BYTES))
        return Server(("127.0.0.1", 0), site, Uploads(tmp_path / "raw"), **options)

    return make


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    return certificates.make(folder, addresses=["127.0.0.1"], names=["localhost"])


@pytest.fixture(params=["http", "https"])
def trusting(request, tls):
    """What a client trusts, where the server is to speak TLS."""
    return (
        ssl.create_default_context(cafile=str(tls.authority)) if request.param == "https" else None
    )


def connect(
    server: Server, data: bytes = b"", trusting: ssl.SSLContext | None = None
) -> socket.socket:
    s = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    if trusting is not None:
        s = trusting.wrap_socket(s, server_hostname="localhost")
    s.sendall(data)
    return s


def reset(s: socket.socket) -> None:
    """Close as a phone does whose battery is empty: without reading, without a farewell."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def wait_for(condition) -> None:
    while not condition():
        time.sleep(0.01)  # pytest's time-out ends it


DRIPS = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "


@pytest.mark.parametrize("sent", [b"", DRIPS, PUTS, BIG], ids=["idle", "head", "body", "unread"])
def test_no_number_of_idle_or_slow_clients_shuts_out_a_phone(
    serve, tls, trusting, monkeypatch, caplog, sent
):
    """They keep at it: what is sent, or read, after a phone came in between."""
    monkeypatch.setattr(connections, "PLACES", 12)
    monkeypatch.setattr(connections, "ADDRESS_PLACES", 8)
    with running(serve(tls=trusting and tls.context())) as server, contextlib.ExitStack() as open_:
        slow = []
        for n in range(20):
            s = connect(server, sent, trusting)
            slow.append(open_.enter_context(contextlib.closing(s)))
            if n % 5 == 0:
                with connect(server, ASKS, trusting) as phone:
                    assert phone.recv(15) == b"HTTP/1.1 200 OK"
            for other in slow:
                with contextlib.suppress(OSError):
                    other.sendall(b"x")
        assert len(server._listener._taken) <= 8
    assert caplog.records == []


def test_seventy_that_drip_are_cheap(serve, tls, trusting):
    """As the limits are: nobody is put out, and a phone is answered as ever."""
    with running(serve(tls=trusting and tls.context())) as server, contextlib.ExitStack() as open_:
        for _ in range(70):
            open_.enter_context(contextlib.closing(connect(server, DRIPS, trusting)))
        began = time.monotonic()
        with connect(server, ASKS, trusting) as phone:
            assert phone.recv(15) == b"HTTP/1.1 200 OK"
        assert time.monotonic() - began < 5
        assert len(server._listener._taken) >= 70


def test_another_address_keeps_its_place(serve, monkeypatch):
    """The one with the most connections loses one."""
    monkeypatch.setattr(connections, "PLACES", 6)
    with running(serve()) as server, contextlib.ExitStack() as open_:
        here = ("127.0.0.1", server.port)
        phone = socket.create_connection(here, timeout=30, source_address=("127.0.0.2", 0))
        with phone:
            wait_for(lambda: server._listener._taken)
            many = [open_.enter_context(contextlib.closing(connect(server))) for _ in range(20)]
            assert many[0].recv(1) == b""
            phone.sendall(ASKS)
            assert phone.recv(15) == b"HTTP/1.1 200 OK"


def test_whoever_finds_all_being_answered_waits(serve, monkeypatch):
    monkeypatch.setattr(connections, "PLACES", 2)
    server, hangs, here = serve(), threading.Event(), threading.Semaphore(0)
    monkeypatch.setattr(server.uploads, "summary", lambda: (here.release(), hangs.wait(), {})[2])
    with running(server), ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(request, server, "GET", "/api/recordings") for _ in range(2)]
        for _ in asked:
            here.acquire()
        third = pool.submit(request, server, "GET", "/js/app.js")
        with pytest.raises(TimeoutError):
            third.result(timeout=0.3)
        hangs.set()
        assert [a.result()[0] for a in (*asked, third)] == [200] * 3


@pytest.mark.parametrize("sent", [DRIPS, PUTS, ASKS + DRIPS, PUTS.replace(b"PUT", b"GET")])
def test_a_request_that_comes_in_drops_is_cut_off(serve, tls, trusting, monkeypatch, sent):
    monkeypatch.setattr(connections, "REQUEST_S", 0.4)
    with running(serve(tls=trusting and tls.context())) as server:
        began = time.monotonic()
        with connect(server, sent, trusting) as s, contextlib.suppress(OSError):
            while True:
                s.sendall(b" ")
                time.sleep(0.05)
        assert 0.3 < time.monotonic() - began < 10


@pytest.mark.parametrize(
    "sent",
    [b"", ASKS[:20], PUTS, ASKS + ASKS[:20]],
    ids=["nothing", "half a head", "half a body", "half of a second head"],
)
def test_a_client_that_stops_in_the_middle_is_left(serve, tls, trusting, monkeypatch, caplog, sent):
    monkeypatch.setattr(connections, "SILENCE_S", 0.3)
    with running(serve(tls=trusting and tls.context())) as server:
        with connect(server, sent, trusting) as s:
            while s.recv(65536):
                pass
    assert caplog.records == []


def test_a_handshake_that_stops_in_the_middle_is_left(serve, tls, monkeypatch, caplog):
    monkeypatch.setattr(connections, "SILENCE_S", 0.3)
    with running(serve(tls=tls.context())) as server, connect(server, b"\x16\x03\x01") as s:
        assert s.recv(1) == b""
    assert caplog.records == []


def test_a_client_that_does_not_read_is_left(serve, monkeypatch, caplog):
    monkeypatch.setattr(connections, "SILENCE_S", 0.3)
    with running(serve()) as server, connect(server, BIG) as s:
        s.recv(1)
        wait_for(lambda: not server._listener.server_state.connections)
        got = 1
        with contextlib.suppress(ConnectionError):
            while part := s.recv(65536):
                got += len(part)
        assert got < BIG_BYTES
    assert caplog.records == []


def test_when_no_file_can_be_opened_it_says_so_and_goes_on(serve, monkeypatch, caplog):
    accept = asyncio.selector_events.BaseSelectorEventLoop.sock_accept
    errors = [OSError(errno.EMFILE, "Too many open files"), ConnectionAbortedError()]

    async def sometimes(loop, listening):
        if errors:
            raise errors.pop()
        return await accept(loop, listening)

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_accept", sometimes)
    with running(serve()) as server:
        assert request(server, "GET", "/js/app.js")[0] == 200
    assert ["Too many open files" in r.getMessage() for r in caplog.records] == [True]


def test_a_slow_disk_is_not_the_clients_silence(serve, monkeypatch):
    monkeypatch.setattr(connections, "SILENCE_S", 0.2)
    server = serve()
    monkeypatch.setattr(server.uploads, "summary", lambda: time.sleep(1) or {"recordings": 0})
    with running(server):
        assert request(server, "GET", "/api/recordings")[:2] == (200, {"recordings": 0})


def test_a_disk_that_hangs_holds_up_no_page(serve, monkeypatch):
    server, hangs, here = serve(), threading.Event(), threading.Semaphore(0)

    def begin(id_, about, client):
        here.release()
        hangs.wait()
        return 201, {}

    monkeypatch.setattr(server.uploads, "begin", begin)
    with running(server), ThreadPoolExecutor(20) as pool:
        paths = [f"/api/recordings/{i:032x}" for i in range(20)]
        begun = [pool.submit(request, server, "PUT", path, ABOUT) for path in paths]
        for _ in paths:
            here.acquire()
        assert request(server, "GET", "/bundle/model.tflite")[0] == 200
        hangs.set()
        assert {b.result()[0] for b in begun} == {201}


@pytest.mark.processes
def test_two_hundred_phones_at_once_all_land(serve, tls, trusting):
    server = serve(tls=trusting and tls.context())
    together = threading.Barrier(200, timeout=60)

    def record(n: int) -> list[int]:
        at, statuses = f"/api/recordings/{n:032x}", []
        phone = to(server.port, trusting)
        samples = [[0.02 * i, 1, 2, 3] for i in range(50)]
        sent = [(at, ABOUT), (f"{at}/chunks/0", {"samples": samples})]
        together.wait()
        for path, body in [*sent, (f"{at}/finish", {"chunks": 1})]:
            if path.endswith("finish"):
                together.wait()
            headers = {"Content-Type": "application/json"}
            phone.request("PUT", path, json.dumps(body), headers)
            with phone.getresponse() as response:
                response.read()
                statuses.append(response.status)
        phone.close()
        return statuses

    with running(server), ThreadPoolExecutor(200) as pool:
        assert list(pool.map(record, range(200))) == [[201] * 3] * 200
        assert server.uploads.summary()["recordings"] == 200


@pytest.mark.parametrize(
    "sent",
    [b"", b"\x16\x03\x01", ASKS[:20], PUTS, ASKS, BIG, BIG + BIG],
    ids=["nothing", "half a handshake", "half a head", "half a body", "all", "much", "twice"],
)
def test_a_phone_that_walks_away_is_no_error(serve, tls, trusting, caplog, capfd, sent):
    with running(serve(tls=trusting and tls.context())) as server:
        for farewell in (socket.socket.close, reset):
            s = connect(server, sent, None if sent.startswith(b"\x16") else trusting)
            if sent.startswith(BIG):
                s.recv(100)
            farewell(s)
        with connect(server, ASKS, trusting) as s:  # taken after those
            assert s.recv(15) == b"HTTP/1.1 200 OK"
        wait_for(lambda: not server._listener._taken)
    assert caplog.records == []
    assert capfd.readouterr().err == ""


def test_a_mistake_of_the_program_is_shown(serve, monkeypatch, caplog):
    server = serve()
    monkeypatch.setattr(server.uploads, "summary", lambda: {}["no such key"])
    with running(server):
        status, body, headers = request(server, "GET", "/api/recordings")
        assert (status, headers["Content-Type"]) == (500, "application/json")
        assert "no such key" not in body["error"]
        assert request(server, "GET", "/js/app.js")[0] == 200
    (record,) = caplog.records
    assert record.exc_info[0] is KeyError


def test_what_was_asked_before_the_end_is_answered(serve, monkeypatch):
    server, hangs, here = serve(), threading.Event(), threading.Event()
    monkeypatch.setattr(server.uploads, "summary", lambda: (here.set(), hangs.wait(), {})[2])
    with ThreadPoolExecutor(1) as pool:
        with running(server), connect(server, PUTS), connect(server, BIG), connect(server):
            asked = pool.submit(request, server, "GET", "/api/recordings")
            here.wait()
            server.stop()
            hangs.set()
        assert asked.result()[:2] == (200, {})


def test_a_server_that_is_stopped_first_does_not_run(serve):
    server = serve()
    server.stop()
    # In a thread of its own: a browser's tests may have left an event loop in this one.
    run = threading.Thread(target=server.run)
    run.start()
    run.join(60)
    assert not run.is_alive()
    with pytest.raises(OSError):
        connect(server)


SCRIPT = """
import sys
from pathlib import Path
from har.cli.app import main
from har.phone import serve
from har.phone.site import build_site
from tests.phone.serving import write_bundle, write_page
here = Path(sys.argv[1])
web, bundle = write_page(here / "web"), write_bundle(here / "bundle")
serve.build_site = lambda bundle, authority: build_site(bundle, web=web)
serve.Uploads.summary = lambda self: 1 / 0
main(["--workspace", str(here), "serve", str(bundle), "--port", "0"])
"""


@pytest.mark.processes
def test_the_command_ends_at_ctrl_c(tmp_path):
    command = [sys.executable, "-u", "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as har:
        assert har.stdout is not None
        said = "".join(har.stdout.readline() for _ in range(3))
        url = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
        with urllib.request.urlopen(url[0], timeout=30) as page:
            assert page.status == 200
        with pytest.raises(urllib.error.HTTPError, match="500"):
            urllib.request.urlopen(f"{url[0]}api/recordings", timeout=30)
        with socket.create_connection(("127.0.0.1", int(url[1]))) as s:
            s.sendall(PUTS)  # and never the rest
            har.send_signal(signal.SIGINT)
            out, errors = har.communicate(timeout=60)
    assert har.returncode == 0
    assert said.endswith("Ctrl-C stops.\n")
    assert out == "Stopped.\n"
    assert errors.count("Traceback") == 1  # of the mistake, and none of Ctrl-C
    assert "ZeroDivisionError" in errors
