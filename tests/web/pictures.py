"""Pictures of the phone page for the reports, with a real recording as the sensor.

    python -m tests.web.pictures reports/motionsense/bundle/cnn walk.csv reports/figures

`walk.csv` has the columns time_s, x, y, z (m/s², Android's sign). Needs Chromium and `make web`. Of
a model that wants its samples turned upright, only what asks the wearer to walk is taken.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from har.runtime.bundle import Bundle
from tests.phone.serving import running
from tests.web.conftest import CHROMIUM, FLAGS, Phone

WALKED_S = 12.0
"""Of a walk, when the picture of calibrating is taken."""


def take(bundle: Path, recording: Path, out: Path) -> None:
    rows = np.loadtxt(recording, delimiter=",", skiprows=1)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as raw, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        server = Server(("127.0.0.1", 0), build_site(bundle), Uploads(Path(raw)))
        with running(server):
            for scheme in ("light", "dark"):
                phone = Phone(browser, server, color_scheme=scheme)
                page = phone.open()
                page.wait_for_selector("#offline:visible")
                phone.start_sensor()
                if Bundle.open(bundle).aligner():
                    first = rows[: np.searchsorted(rows[:, 0], WALKED_S)]
                    phone.move(first[:, 0], first[:, 1:])
                    page.wait_for_timeout(600)
                    page.screenshot(path=out / f"phone-calibrating-{scheme}.png")
                    phone.context.close()
                    continue
                phone.move(rows[:, 0], rows[:, 1:])
                page.evaluate("() => har.live.classifier.settled()")
                page.wait_for_timeout(600)
                page.screenshot(path=out / f"phone-live-{scheme}.png")
                page.click("#start-sensor")
                page.click("#tab-record")
                page.fill("#who", "Ada")
                page.fill("#what", "Walking upstairs")
                page.fill("#where", "trouser pocket")
                page.select_option("#hands", "0")
                page.click("#record-form button[type=submit]")
                phone.move(rows[:900, 0], rows[:900, 1:])
                page.wait_for_timeout(600)
                page.screenshot(path=out / f"phone-record-{scheme}.png")
                page.click("#stop-recording")
                page.wait_for_selector("#landed table")
                page.click("#tab-about")
                page.screenshot(path=out / f"phone-about-{scheme}.png")
                phone.context.close()
        browser.close()
    for path in out.glob("phone-*.png"):  # few colours: a third of the size
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(200).save(path, optimize=True)


if __name__ == "__main__":
    take(*map(Path, sys.argv[1:4]))
