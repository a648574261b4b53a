"""The server: what it gives, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import subprocess
import sys

import pytest

from har.cli.serve import announcement, qr_code
from har.errors import HarError
from har.files import read_json, write_json
from har.phone import serve
from har.phone.site import WEB, build_site, content_policy
from har.runtime.bundle import find_bundle
from har.workspace import Workspace
from tests.phone.serving import (
    EMPTY_MODEL,
    request,
    running,
    small_server,
    write_bundle,
    write_page,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with small_server(tmp_path_factory.mktemp("serve")) as s:
        yield s


def test_page_bundle_and_runtime_are_served(server):
    for path, start in {
        "/": b"<script",
        "/js/app.js": b"export",
        "/vendor/litert/index.js": b"export",
        "/bundle/model.tflite": EMPTY_MODEL,
    }.items():
        status, body, headers = request(server, "GET", path)
        assert (status, body[: len(start)]) == (200, start), path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert request(server, "GET", "/vendor/litert/wasm/a.wasm")[2]["Content-Type"] == (
        "application/wasm"
    )
    sample = request(server, "GET", "/bundle/sample.json")[1]
    assert sample["labels"] == [0, 1]
    assert sample["windows"][0][0] == [1, 1, 1]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "cached"),
    [
        ("GET", "/", {}, 200, "no-cache"),
        ("HEAD", "/js/app.js", {}, 200, "no-cache"),
        ("GET", "/nothing", {}, 404, "no-store"),
        ("GET", "/api/recordings", {}, 200, "no-store"),
        ("GET", "/api/nothing", {}, 404, "no-store"),
        ("PUT", "/", {}, 405, "no-store"),
        ("POST", "/", {}, 501, "no-store"),
        ("GET", "/", {"Host": "evil.example"}, 421, "no-store"),
    ],
)
def test_every_answer_keeps_the_page_to_its_own_origin(
    server, method, path, headers, status, cached
):
    got, _, sent = request(server, method, path, headers=headers)
    assert (got, sent["Cache-Control"]) == (status, cached)
    assert sent["Content-Security-Policy"] == server.site.policy
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert sent["Referrer-Policy"] == "no-referrer"
    assert sent["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ("Server" in sent, "Access-Control-Allow-Origin" in sent) == (False, False)


def test_head_says_the_length_and_sends_nothing(server):
    status, body, headers = request(server, "HEAD", "/bundle/model.tflite")
    assert (status, body, headers["Content-Length"]) == (200, b"", "16")


def test_unchanged_files_are_not_sent_again(server):
    tag = request(server, "GET", "/js/app.js")[2]["ETag"]
    status, body, _ = request(server, "GET", "/js/app.js", headers={"If-None-Match": tag})
    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../serve.py", "/js/../../serve.py", "/%2e%2e/serve.py", "/js/..%2f..%2fserve.py",
        "//etc/passwd", "/vendor/", "/node_modules/secret.js", "/package.json", "/index.html/",
        "/bundle/../../raw", "/js/app.js%00.png", "/api/recordings/..", "/api/nothing",
        "/api/recordings/" + "0" * 31, "/api/recordings/" + "G" * 32, "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_else_is_served(server, path):
    assert request(server, "GET", path)[0] == 404


def test_raw_bytes_that_climb_are_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as s:
        s.sendall(b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "head",
    [b"GET http://[/ HTTP/1.1\r\nHost: localhost", b"GET / HTTP/1.1\r\nHost: [", b"GET / HTTP/1.1"],
)
def test_addresses_that_are_none(server, head, capfd):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as s:
        s.sendall(head + b"\r\n\r\n")
        assert s.recv(100)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 421")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(server, method):
    assert request(server, method, "/api/recordings/" + "0" * 32)[0] == 501


def test_a_foreign_name_does_not_reach_it(server):
    """A web site may point a name of its own at 127.0.0.1 (DNS rebinding)."""
    assert request(server, "GET", "/", headers={"Host": "evil.example:80"})[0] == 421
    assert request(server, "GET", "/", headers={"Host": f"localhost:{server.port}"})[0] == 200
    assert request(server, "GET", "/", headers={"Host": "192.168.1.7:8000"})[0] == 200


def test_a_foreign_page_cannot_send(server):
    path, about = "/api/recordings/" + "a" * 32, {"name": "a", "activity": "b", "placement": "c"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert request(server, "PUT", path, about, headers)[0] == 403
        assert request(server, "DELETE", path, None, headers)[0] == 403


def test_the_import_map_is_allowed_by_its_hash():
    page = (WEB / "index.html").read_text()
    inline = re.search(r'type="importmap">(.*?)</script>', page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in content_policy(page)
    assert "unsafe-inline" not in content_policy(page)


def test_the_worker_lists_every_module_of_the_page(tmp_path):
    site = build_site(write_bundle(tmp_path / "b"), web=write_page(tmp_path / "w"))
    text = site.assets["/sw.js"].data.decode()
    assert "__" not in text
    for path in ("/", "/js/app.js", "/bundle/model.tflite", "/bundle/sample.json"):
        assert f'"{path}"' in text
    write_bundle(tmp_path / "b", EMPTY_MODEL + b"another")
    other = build_site(tmp_path / "b", web=tmp_path / "w")
    assert other.assets["/sw.js"].data != site.assets["/sw.js"].data  # so browsers fetch it anew


def test_without_the_runtime_the_command_is_named(tmp_path):
    web = write_page(tmp_path / "w")
    (web / "vendor" / "litert" / "index.js").unlink()
    with pytest.raises(HarError, match="make web"):
        build_site(write_bundle(tmp_path / "b"), web=web)


def test_a_folder_that_is_no_bundle(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(HarError, match=r"no model\.json"):
        build_site(tmp_path / "b", web=write_page(tmp_path / "w"))


def test_a_bundle_whose_model_was_exchanged_is_not_served(tmp_path):
    bundle = write_bundle(tmp_path / "b")
    (bundle / "model.tflite").write_bytes(EMPTY_MODEL + b"another")
    with pytest.raises(HarError, match=r"model\.tflite is missing or not the file"):
        build_site(bundle, web=write_page(tmp_path / "w"))


def test_a_bundle_is_found_by_its_pipelines_name(tmp_path):
    reports = tmp_path / "reports"
    one = write_bundle(reports / "watch" / "bundle" / "cnn")
    assert find_bundle("watch", reports) == one
    assert find_bundle(str(one), reports) == one
    assert find_bundle(str(reports / "watch"), reports) == one
    for name, said in (("watch", ""), ("mine", "name: watch\n")):
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"{said}dataset: watch\nmodels: [cnn]\n")
        assert find_bundle(str(file), reports) == one
    write_bundle(reports / "watch" / "bundle" / "gru")
    with pytest.raises(HarError, match=r"2 bundles; name one: watch/cnn, watch/gru"):
        find_bundle("watch", reports)
    (tmp_path / "mine.yaml").write_text("name: watch\ndataset: watch\nmodels: [cnn]\n")
    with pytest.raises(HarError, match=r"name one: watch/cnn, watch/gru"):
        find_bundle(str(tmp_path / "mine.yaml"), reports)
    assert find_bundle("watch/cnn", reports) == one
    with pytest.raises(HarError, match=re.escape(f"name one: {one}, ")):
        find_bundle(str(reports / "watch"), reports)
    with pytest.raises(HarError, match="har export watch"):
        find_bundle("nowhere", reports)
    with pytest.raises(HarError, match=r"No pipeline file at nowhere\.yaml"):
        find_bundle("nowhere.yaml", reports)


def test_of_a_pipelines_bundles_the_selected_one_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(
        serve, "build_site", lambda *b, authority=None: build_site(*b, web=tmp_path / "w")
    )
    write_page(tmp_path / "w")
    watch, keys = tmp_path / "reports" / "watch", tmp_path / "keys"
    for name in ("cnn", "gru", "rocket"):
        folder = write_bundle(watch / "bundle" / name)
        about = {**read_json(folder / "model.json"), "model": name}
        write_json(folder / "model.json", about)
    for selected, order in (
        (None, ["cnn", "gru", "rocket"]),
        ("gru", ["gru", "cnn", "rocket"]),
    ):
        if selected:
            write_json(watch / "results.json", {"selected": selected})
        server, _ = serve.make("watch", Workspace(tmp_path), port=0, authority_folder=keys)
        with running(server):
            bundles = request(server, "GET", "/bundles.json")[1]
            assert [b["name"] for b in bundles] == order
            for bundle in bundles:
                about = request(server, "GET", bundle["at"] + "/model.json")[1]
                assert about["model"] == bundle["name"]
                assert request(server, "GET", bundle["at"] + "/model.tflite")[0] == 200
            worker = request(server, "GET", "/sw.js")[1].decode()
            assert all(f'"{b["at"]}/model.tflite"' in worker for b in bundles)  # kept offline


def test_a_port_that_is_taken(server, tmp_path, monkeypatch):
    from har.phone import site

    monkeypatch.setattr(site, "WEB", write_page(tmp_path / "w"))
    monkeypatch.setattr(
        serve, "build_site", lambda b, authority=None: build_site(b, web=tmp_path / "w")
    )
    bundle, keys = write_bundle(tmp_path / "b"), tmp_path / "keys"
    # SO_REUSEADDR lets a second socket bind on some systems, but not to one that listens.
    with pytest.raises(HarError, match=rf"127\.0\.0\.1:{server.port}.*--port"):
        serve.make(str(bundle), Workspace(tmp_path), port=server.port, authority_folder=keys)
    made, tls = serve.make(str(bundle), Workspace(tmp_path), port=0, authority_folder=keys)
    with running(made):
        assert request(made, "GET", "/")[0] == 200
    said = announcement(made, tls).splitlines()
    assert f"http://127.0.0.1:{made.port}/" in said[0]


def test_on_a_network_recordings_need_the_key(tmp_path, monkeypatch):
    monkeypatch.setattr(
        serve, "build_site", lambda b, authority=None: build_site(b, web=tmp_path / "w")
    )
    write_page(tmp_path / "w")
    bundle, keys = write_bundle(tmp_path / "b"), tmp_path / "keys"
    open_, _ = serve.make(str(bundle), Workspace(tmp_path), port=0, authority_folder=keys)
    assert open_.key is None
    open_.close()
    server, _ = serve.make(
        str(bundle), Workspace(tmp_path), host="0.0.0.0", port=0, authority_folder=keys
    )
    path, about = "/api/recordings/" + "a" * 32, {"name": "a", "activity": "b", "placement": "c"}
    with running(server):
        assert all(url.endswith(f"/#key={server.key}") for url in serve.urls(server))
        assert request(server, "GET", "/")[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer ké"}):
            assert request(server, "GET", "/api/recordings", None, headers)[0] == 401
            assert request(server, "PUT", path, about, headers)[0] == 401
        assert not (tmp_path / "data").exists()
        right = {"Authorization": f"Bearer {server.key}"}
        assert request(server, "PUT", path, about, right)[0] == 201
        assert "Without --https" in announcement(server, None).splitlines()[-2]
        assert request(server, "GET", "/api/recordings", None, right)[0] == 200
    assert serve.access_key(keys) == server.key  # a phone keeps it
    assert (keys / "access-key").stat().st_mode & 0o077 == 0


def test_other_commands_do_not_import_the_server():
    code = (
        "import sys\nfrom har.cli.app import main\n"
        "try: main(['serve', '-h'])\nexcept SystemExit: pass\n"
        "print({'starlette', 'uvicorn', 'har.phone.serve'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.endswith("set()\n")


def test_the_code_for_the_camera_is_the_address():
    assert len(qr_code("https://192.168.1.7:8000/").splitlines()) > 10


def test_an_ipv6_address(tmp_path):
    import socket

    from har.phone.server import Server
    from har.phone.uploads import Uploads

    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    site = build_site(write_bundle(tmp_path / "b"), web=write_page(tmp_path / "w"))
    try:
        server = Server(("::1", 0), site, Uploads(tmp_path))
    except HarError:
        pytest.skip("no IPv6 address here")
    with running(server):
        assert serve.urls(server) == [f"http://[::1]:{server.port}/"]
