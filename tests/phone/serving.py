"""A server on a free port, for tests: a bundle that is only bytes, and plain HTTP requests."""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from har.files import sha256_file, write_json
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from tests import manifests

EMPTY_MODEL = bytes.fromhex("0c000000 54464c33 04000400 04000000")
"""A `.tflite` file with nothing in it."""


def write_page(folder: Path) -> Path:
    """A page with the parts that the site asks for."""
    files = {
        "index.html": '<script type="importmap">{"imports": {}}</script>',
        "sw.js": 'const V = "__VERSION__"; const A = ["__ASSETS__"];',
        "js/app.js": "export const x = 1;",
        "vendor/litert/index.js": "export {};",
        "vendor/litert/wasm/a.wasm": "wasm",
        "package.json": "{}",
        "node_modules/secret.js": "no",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def write_bundle(folder: Path, model: bytes = EMPTY_MODEL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "golden.npz",
        windows=np.ones((2, 4, 3), np.float32),
        probabilities=np.full((2, 2), 0.5, np.float32),
        labels=np.array([0, 1]),
    )
    (folder / "model.tflite").write_bytes(model)
    about = copy.deepcopy(manifests.MODEL_JSON)
    for entry in (about["variants"]["float32"], about["golden"]):
        entry["sha256"] = sha256_file(folder / entry["file"])
    write_json(folder / "model.json", about)
    return folder


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


@contextlib.contextmanager
def small_server(folder: Path, **limits: Any) -> Iterator[Server]:
    from har.phone.intake import Limits

    site = build_site(write_bundle(folder / "bundle"), web=write_page(folder / "web"))
    uploads = Uploads(folder / "raw", Limits(**limits))
    with running(Server(("127.0.0.1", 0), site, uploads)) as server:
        yield server


def to(port: int, trusting: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """A connection of a phone, by TLS where it is told whom it trusts."""
    if trusting is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=trusting)


def put(phone: http.client.HTTPConnection, path: str, body: Any) -> tuple[int, Any]:
    """Status and answer."""
    phone.request("PUT", path, json.dumps(body), {"Content-Type": "application/json"})
    with phone.getresponse() as response:
        return response.status, json.loads(response.read())


def request(
    server: Server,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any, http.client.HTTPMessage]:
    """Status, body (parsed if it is JSON) and headers. Bytes are sent as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} if data is not None else {}
    try:
        connection.putrequest(method, path, skip_host="Host" in (headers or {}))
        every = {**sent, **(headers or {})}
        if data is not None and "Content-Length" not in every:
            every["Content-Length"] = str(len(data))
        for key, value in every.items():
            connection.putheader(key, value)
        connection.endheaders(data)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    kind = response.headers.get("Content-Type", "")
    found = json.loads(content) if kind.startswith("application/json") and content else content
    return response.status, found, response.headers
