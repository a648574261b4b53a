"""A browser, a bundle and a server. Chromium is looked for as `HAR_CHROMIUM`, then by name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.export import convert, writer
from har.ingest import datasets
from har.phone.server import Server
from har.phone.site import WEB, build_site
from har.phone.uploads import Uploads
from har.recording import Recording
from har.runtime.bundle import Bundle
from har.runtime.chain import Abstention, Alignment
from har.runtime.familiarity import Familiarity, Ruler
from tests import in_process, manifests
from tests import small_bundles as small
from tests.phone.serving import running

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
NAMES = (os.environ.get("HAR_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if name and (found := shutil.which(name))), None)
PATIENCE_MS = 300_000
"""A busy machine is no failure."""

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's `chromium`, or set HAR_CHROMIUM")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> Callable[[Any], list[str]]:
    """`axe(page)`: what axe-core finds serious or critical on a page as it is now."""
    script = WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        pytest.skip("axe-core is not installed: make web")

    def found(page: Any) -> list[str]:
        page.evaluate(script.read_text("utf-8"))
        serious: list[str] = page.evaluate(
            """async () => (await axe.run()).violations
              .filter((v) => ["serious", "critical"].includes(v.impact))
              .map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`)"""
        )
        return serious

    return found


@pytest.fixture(scope="session")
def runtime() -> Path:
    """The page with its libraries, as `make web` leaves it."""
    if not (WEB / "vendor" / "litert" / "index.js").is_file():
        if shutil.which("npm") is None:
            pytest.skip("no LiteRT.js for the page, and no npm to install it (make web)")
        for command in (["npm", "ci", "--no-audit", "--no-fund"], ["node", "vendor.mjs"]):
            done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"`make web` failed: {done.stderr[-300:]}")
    return WEB


@pytest.fixture(scope="session")
def shoulder() -> list[Recording]:
    """Real recordings: exercises of the shoulder, on a smartwatch."""
    watch = datasets.get("watch")
    return list(watch.recordings(watch.folder(Path())))


@pytest.fixture(scope="session")
def bundles(
    chromium: Any,  # without it, skip before anything is converted
    runtime: Path,
    shoulder: list[Recording],
    made_once: Callable[..., Any],
) -> dict[str, Path]:
    """Bundles of a convolutional and a recurrent network; float32 alone, to be quick."""
    found: dict[str, Path] = made_once("web-bundles", lambda folder: make(folder, shoulder))
    return found


def make(folder: Path, shoulder: list[Recording]) -> dict[str, Path]:
    recordings = shoulder[:: len(shoulder) // 8][:8]
    probe = np.concatenate([small.cut_windows(r.acceleration, 2) for r in recordings])
    requests = []
    for name in ("cnn", "gru"):
        target = folder / f"{name}-files"
        target.mkdir()
        model = small.save_keras(folder, name, 0)
        even_out(model, probe)
        requests.append(convert.Request(model, target, ("float32",), probe=probe))
    with in_process.instead():
        converted = convert.convert(requests)
    made = {}
    for name, result in zip(("cnn", "gru"), converted, strict=True):
        about = small.description_of(
            name,
            small.windows_of(small.walk(6000)),
            n_features=result.keras.features.shape[1],
            abstention=Abstention(threshold=0.5, answer="unknown", how="for this test"),
        )
        golden = {
            "windows": probe,
            **result.keras._asdict(),
            "labels": np.arange(len(probe)) % 4,
        }
        found = {"float32": manifests.figures(n_windows=len(probe))}
        writer.write(folder / name, about, result.files, found, golden)
        made[name] = folder / name
    made["turned"] = turning(made["cnn"], folder / "turned")
    made["nowhere"] = nowhere(made["cnn"], folder / "nowhere")
    return made


def turning(plain: Path, target: Path) -> Path:
    """A bundle's copy that wants samples turned upright; a few seconds of walking are enough."""
    shutil.copytree(plain, target)
    about = Bundle.open(plain).manifest
    align = Alignment(**{**manifests.ALIGN, "seconds": 10, "axis": "z"})
    about.model_copy(update={"align": align}).write(target / "model.json")
    Bundle.open(target)
    return target


def nowhere(plain: Path, target: Path) -> Path:
    """A bundle's copy that was trained far from everything."""
    shutil.copytree(plain, target)
    about = Bundle.open(plain).manifest
    ruler = Ruler(np.array([0, 1]), np.full((1, 2), 1e6), np.eye(2))
    abstention = Abstention(
        threshold=0.0, answer="unknown", how="", distance=Familiarity.of(ruler, 1e3)
    )
    about.model_copy(update={"abstention": abstention}).write(target / "model.json")
    Bundle.open(target)
    return target


def even_out(path: Path, probe: np.ndarray) -> None:
    """Give a random network no favourite class and no certainty: its probabilities then show
    every difference in what went in."""
    import keras

    model = keras.models.load_model(path, compile=False)
    last = model.layers[-1]
    features = keras.Model(model.inputs, last.input).predict(probe, verbose=0)
    kernel = last.get_weights()[0]
    kernel = kernel * 1.5 / (features @ kernel).std(axis=0).mean()
    last.set_weights([kernel, -(features @ kernel).mean(axis=0)])
    model.save(path)


@pytest.fixture
def serving(bundles: dict[str, Path], runtime: Path, tmp_path: Path) -> Iterator[Any]:
    """`serving("cnn")`: a running server on a workspace of its own, `tmp_path`."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def serve(name: str) -> Server:
            site = build_site(bundles[name], web=runtime)
            uploads = Uploads(tmp_path / "data" / "raw")
            return stack.enter_context(running(Server(("127.0.0.1", 0), site, uploads)))

        yield serve


class Phone:
    """The page on a phone's screen; only with `offline` does it keep itself for offline."""

    def __init__(
        self, browser: Any, server: Server, *, offline: bool = False, **options: Any
    ) -> None:
        self.offline = offline
        workers = {"service_workers": "allow" if offline else "block"}
        self.context = browser.new_context(**{**PHONE, **workers, **options})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.url = f"http://127.0.0.1:{server.port}/"
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.foreign.append(request.url)

    def open(self) -> Any:
        self.page.goto(self.url)
        self.page.wait_for_selector("html[data-state=ready]")
        if self.offline:  # it then moves what is below it: a click meanwhile would be lost
            self.page.wait_for_selector("#offline:visible")
        return self.page

    def start_sensor(self) -> None:
        """Chromium asks for permission too, so that events before its answer are lost."""
        self.page.click("#start-sensor")
        self.page.wait_for_function("() => har.live.source === 'sensor'")

    def stop_clock(self) -> None:
        """The page's timers wait for `page.clock` from now on, however long the test takes."""
        self.page.clock.install(time=0)
        self.page.clock.pause_at(1)

    def move(self, time_s: np.ndarray, samples: np.ndarray) -> None:
        """Motion events as the sensor would send them, with their own time stamps."""
        rows = np.column_stack([1000 * time_s, samples.astype(float)]).tolist()
        self.page.evaluate(
            """(rows) => {
              for (const [ms, x, y, z] of rows) {
                const event = new DeviceMotionEvent("devicemotion", {
                  acceleration: { x: 0, y: 0, z: 0 },
                  accelerationIncludingGravity: { x, y, z },
                  interval: 20,
                });
                Object.defineProperty(event, "timeStamp", { value: ms });
                dispatchEvent(event);
              }
            }""",
            rows,
        )


@pytest.fixture
def phone(chromium: Any) -> Iterator[Any]:
    """`phone(server, **context_options)`; a page that saw an error fails its test."""
    phones: list[Phone] = []

    def take(server: Server, **options: Any) -> Phone:
        phones.append(Phone(chromium, server, **options))
        return phones[-1]

    yield take
    for p in phones:
        p.context.close()
        assert p.errors == []
        assert p.foreign == [], "the page asked another origin"
