"""A server that is killed in the middle: what it acknowledged is there, and nothing is half."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time

from har.phone.uploads import Uploads
from tests.conftest import ROOT

ABOUT = {"name": "Ada", "activity": "walking", "placement": "wrist"}

SCRIPT = """
import sys
from pathlib import Path
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from tests.phone.serving import write_bundle, write_page
here = Path(sys.argv[1])
site = build_site(write_bundle(here / "bundle"), web=write_page(here / "web"))
server = Server(("127.0.0.1", 0), site, Uploads(here / "raw"))
print(server.port, flush=True)
server.run()
"""


def put(port: int, path: str, body: dict) -> int | None:
    """The status, or None where no answer came."""
    phone = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        phone.request("PUT", path, json.dumps(body), {"Content-Type": "application/json"})
        return phone.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        phone.close()


def test_kills_while_uploading_and_finishing_lose_nothing(tmp_path):
    chance = random.Random(0)
    raw, landed, waiting = tmp_path / "raw", set(), [f"{i:032x}" for i in range(400)]
    acknowledged: dict[str, int] = {}
    for _ in range(5):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
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
                        acknowledged[id_] = max(done, acknowledged.get(id_, 0))
                    else:
                        landed.add(id_)

            phones = [threading.Thread(target=record) for _ in range(4)]
            for phone in phones:
                phone.start()
            time.sleep(chance.uniform(0.2, 0.6))
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
