"""A server that is killed in the middle: what it acknowledged is there, and nothing is half."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import ssl
import subprocess
import sys
import threading
import time

import pytest

from har.phone import certificates
from har.phone.uploads import Uploads
from tests import unshared
from tests.conftest import ROOT
from tests.phone import serving
from tests.phone.serving import to

ABOUT = {"name": "Ada", "activity": "walking", "placement": "wrist"}

SCRIPT = """
import sys
from pathlib import Path
from har.phone import certificates
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from tests.phone.serving import write_bundle, write_page
here = Path(sys.argv[1])
tls = None
if sys.argv[2] == "https":
    tls = certificates.make(here / "tls", addresses=["127.0.0.1"], names=["localhost"]).context()
site = build_site(write_bundle(here / "bundle"), web=write_page(here / "web"))
server = Server(("127.0.0.1", 0), site, Uploads(here / "raw"), tls=tls)
print(server.port, flush=True)
server.run()
"""


@pytest.mark.processes
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_kills_while_uploading_and_finishing_lose_nothing(tmp_path, scheme):
    trusting = None
    if scheme == "https":
        made = certificates.make(tmp_path / "tls", addresses=["127.0.0.1"], names=["localhost"])
        trusting = ssl.create_default_context(cafile=str(made.authority))

    def put(port: int, path: str, body: dict) -> int | None:
        """The status, or None where no answer came."""
        with contextlib.closing(to(port, trusting)) as phone:
            try:
                return serving.put(phone, path, body)[0]
            except (OSError, http.client.HTTPException):
                return None

    chance = random.Random(0)
    raw, landed, waiting = tmp_path / "raw", set(), [f"{i:032x}" for i in range(400)]
    acknowledged: dict[str, int] = {}
    steps_done: list[str] = []
    for _ in range(5):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), scheme]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as har:
            port = int(har.stdout.readline())

            def record(har=har, port=port) -> None:
                while har.poll() is None and waiting:
                    id_ = waiting.pop()
                    at = f"/api/recordings/{id_}"
                    steps = [(at, ABOUT)]
                    for n in range(3):
                        rows = [[n + i / 50, 1, 2, 3] for i in range(50)]
                        steps.append((f"{at}/chunks/{n}", {"samples": rows}))
                    steps.append((f"{at}/finish", {"chunks": 3}))
                    for done, (path, body) in enumerate(steps):
                        if put(port, path, body) not in (200, 201):
                            waiting.append(id_)  # the phone sends all of it again
                            break
                        steps_done.append(id_)
                        acknowledged[id_] = max(done, acknowledged.get(id_, 0))
                    else:
                        landed.add(id_)

            phones = [threading.Thread(target=record) for _ in range(4)]
            for phone in phones:
                phone.start()
            enough = len(steps_done) + chance.randrange(10, 60)
            while len(steps_done) < enough:
                time.sleep(0.001)  # pytest's time-out ends it
            har.kill()
            for phone in phones:
                phone.join()
        inbox = Uploads(raw)
        assert all(inbox.state(id_)[1]["state"] == "landed" for id_ in landed)
        for id_, done in acknowledged.items():
            state = inbox.state(id_)[1]
            assert state["state"] == "landed" or len(state["chunks"]) >= min(done, 3)
        for side in raw.glob("recorded/*/[!.]*.json"):
            about = json.loads(side.read_text())
            data = side.with_suffix(".csv").read_bytes()
            assert about["n_samples"] == 150
            assert about["sha256"] == hashlib.sha256(data).hexdigest()
    assert landed


@pytest.mark.processes
def test_a_disk_that_fills_while_phones_send_loses_nothing(tmp_path):
    """See `tests.phone.small_disk`."""
    came = json.loads(unshared.run("tests.phone.small_disk", str(tmp_path)))
    assert came["refused"] > 0
    assert "No space left" in came["said"]
    assert came["acknowledged"] > 10
    assert came["kept"] == came["acknowledged"], "what was acknowledged is there"
    assert came["unfinished"] == [], "no part of a file is left"
    assert came["landed"] == came["phones"], "with more space, all land"
    assert came["whole"] == came["phones"]
