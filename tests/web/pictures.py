"""Pictures of the phone page for the reports, with a real recording as the sensor.

    python -m tests.web.pictures reports/motionsense/bundle/cnn walking.csv reports/figures

`walking.csv` has the columns time_s, x, y, z (m/s², Android's sign), 17 seconds or more, and is
named for its activity, which the page is taught. Needs Chromium and `make web`. Of a model that
wants its samples turned upright, only what asks the wearer to walk is taken.
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

TAUGHT_S = 16.0
"""Of a recording, its end: what the page is taught."""


def teach(phone: Phone, activity: str, rows: np.ndarray) -> None:
    """Teach the page what the rows are, and stop where the answer and what changed are seen."""
    page = phone.page
    page.select_option("#teach-what", label="something new …")
    page.fill("#teach-new", activity)
    page.click("#teach-hold")
    phone.move(rows[:, 0], rows[:, 1:])
    page.wait_for_selector("#teach-list li")
    page.evaluate(
        "() => scrollBy(0, document.getElementById('now').getBoundingClientRect().top - 80)"
    )
    page.wait_for_timeout(600)


def take(bundle: Path, recording: Path, out: Path) -> None:
    rows = np.loadtxt(recording, delimiter=",", skiprows=1)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as raw, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        server = Server(("127.0.0.1", 0), build_site(bundle), Uploads(Path(raw)))
        with running(server):
            for scheme in ("light", "dark"):
                phone = Phone(browser, server, offline=True, color_scheme=scheme)
                page = phone.open()
                phone.start_sensor()
                if Bundle.open(bundle).aligner():
                    first = rows[: np.searchsorted(rows[:, 0], WALKED_S)]
                    phone.move(first[:, 0], first[:, 1:])
                    page.wait_for_timeout(600)
                    page.screenshot(path=out / f"phone-calibrating-{scheme}.png")
                    phone.context.close()
                    continue
                first, rest = np.split(rows, [np.searchsorted(rows[:, 0], rows[-1, 0] - TAUGHT_S)])
                phone.move(first[:, 0], first[:, 1:])
                page.evaluate("() => har.live.classifier.settled()")
                page.wait_for_timeout(600)
                page.screenshot(path=out / f"phone-live-{scheme}.png")
                teach(phone, recording.stem, rest)
                page.screenshot(path=out / f"phone-teach-{scheme}.png")
                page.evaluate("() => scrollTo(0, 0)")
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
