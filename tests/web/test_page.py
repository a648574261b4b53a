"""The page in a real browser: what it says is what the Python phone pipeline says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from har.ingest import opening
from har.phone import serve
from har.phone.site import build_site
from har.recording import Chunk
from har.runtime import smoothing, streaming
from har.runtime.bundle import Bundle
from har.runtime.predict import predict
from har.workspace import Workspace
from tests.phone.serving import running
from tests.web.conftest import CHROMIUM, FLAGS, PATIENCE_MS
from tests.web.worn import worn

pytestmark = pytest.mark.browser


def timed(recordings: list[Any], *, rate_hz: float, jitter: float, gaps: bool) -> tuple[Any, Any]:
    """Real samples, of one exercise after the other, on a clock like a phone's."""
    samples = np.concatenate([r.acceleration[200:600] for r in recordings])
    rng = np.random.default_rng(1)
    step = (1 + jitter * rng.uniform(-1, 1, len(samples))) / rate_hz
    if gaps:
        step[len(step) // 2] += 0.7
        step[rng.integers(0, len(step), 4)] *= 0.1
    return 3.25 + np.cumsum(step), samples


def in_python(bundle: Bundle, log: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The phone pipeline: `model.json` and the `.tflite` alone."""
    about, model = bundle.manifest, bundle.model()
    rows, answers = [], []
    whole = Chunk(log[:, 0], log[:, 1:].astype(np.float32))
    stretches: list[list[np.ndarray]] = []
    for batch in streaming.batches([whole], bundle.windower(bundle.aligner())):
        if batch.fresh:
            stretches.append([])
        stretches[-1].append(model(batch.windows))
    for parts in stretches:
        p = np.concatenate(parts)
        smoothed = smoothing.causal_mean(p, about.smoothing.n_windows)
        index, _ = smoothing.decide(smoothed, about.threshold)
        rows.append(p)
        answers += [(*about.activities, "unknown")[i] for i in index]
    return np.concatenate(rows), answers


@pytest.mark.parametrize(
    ("name", "rate_hz", "jitter", "gaps"),
    [("cnn", 50, 0.0, False), ("gru", 60, 0.3, True), ("cnn", 104, 0.1, True)],
)
def test_live_answers_are_the_phone_pipelines(
    serving, phone, bundles, shoulder, name, rate_hz, jitter, gaps
):
    p = phone(serving(name))
    page = p.open()
    checked = page.evaluate("() => har.checked")
    assert checked["windows"] == 16
    assert checked["worst"] < 1e-4
    p.stop_clock()
    p.start_sensor()
    time_s, samples = timed(shoulder[::31], rate_hz=rate_hz, jitter=jitter, gaps=gaps)
    p.move(time_s, samples)
    page.click("#start-sensor")  # stop: what is left of the last stretch is given
    page.evaluate("() => har.live.classifier.settled()")
    log = np.array(page.evaluate("() => har.live.log"))
    np.testing.assert_allclose(log[:, 0], time_s - time_s[0], atol=1e-9)
    np.testing.assert_array_equal(log[:, 1:].astype(np.float32), samples)
    results = page.evaluate(
        "() => har.live.results.map((r) => [r.activity, Array.from(r.probabilities)])"
    )
    probabilities, answers = in_python(Bundle.open(bundles[name]), log)
    assert len(results) == len(answers) > 15
    np.testing.assert_allclose([r[1] for r in results], probabilities, atol=1e-4)
    assert [r[0] for r in results] == answers
    spread = np.ptp(probabilities, axis=0).min()
    assert spread > 0.1, "probabilities that stand still would hide a difference"
    assert len(set(answers)) > 1, "a recording on which the answer never changes proves little"


def test_an_iphones_sign_and_permission(serving, phone, shoulder):
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari"
    p = phone(serving("cnn"), user_agent=agent)
    p.page.add_init_script(
        "DeviceMotionEvent.requestPermission = async () => { globalThis.asked = 1; "
        "return globalThis.refuse ? 'denied' : 'granted'; };"
    )
    page = p.open()
    p.stop_clock()
    page.evaluate("() => { globalThis.refuse = true; }")
    page.click("#start-sensor")
    page.wait_for_selector("#notice:visible")
    assert "not allowed" in page.inner_text("#notice")
    page.evaluate("() => { globalThis.refuse = false; }")
    p.start_sensor()
    time_s, samples = timed(shoulder[::31], rate_hz=60, jitter=0.1, gaps=False)
    p.move(time_s, -samples)
    log = np.array(page.evaluate("() => har.live.log"))
    np.testing.assert_array_equal(log[:, 1:].astype(np.float32), samples)
    assert page.is_checked("#negate")


def test_a_file_is_labelled_and_its_answer_is_the_same(
    serving, phone, bundles, shoulder, tmp_path: Path
):
    time_s, samples = timed(shoulder[::31], rate_hz=50, jitter=0.1, gaps=True)
    log = np.column_stack([time_s - time_s[0], samples]).round(6)
    path = tmp_path / "walk.csv"
    np.savetxt(path, log, delimiter=",", header="time_s,x,y,z", comments="", fmt="%.6f")
    page = phone(serving("cnn")).open()
    page.set_input_files("#file", path)
    page.wait_for_function(
        "() => document.getElementById('now-sub').textContent.endsWith('windows')"
    )
    results = page.evaluate("() => har.live.results.map((r) => Array.from(r.probabilities))")
    probabilities, _ = in_python(Bundle.open(bundles["cnn"]), log)
    np.testing.assert_allclose(results, probabilities, atol=1e-4)
    page.set_input_files(
        "#file", {"name": "g.csv", "mimeType": "text/csv", "buffer": b"time,a\n" * 9}
    )
    page.wait_for_selector("#notice:visible")
    assert "must name time, x, y and z" in page.inner_text("#notice")
    # The answer of the file before is gone.
    assert page.inner_text("#activity") == "—"
    assert page.evaluate("() => har.live.results.length") == 0
    assert "Your activities appear here." in page.inner_text("#bouts")
    short = b"time_s,x,y,z\n" + b"".join(b"%.2f,0,0,9.8\n" % (i / 50) for i in range(20))
    page.set_input_files("#file", path)
    page.wait_for_function("() => har.live.results.length > 0")
    page.set_input_files("#file", {"name": "s.csv", "mimeType": "text/csv", "buffer": short})
    page.wait_for_function("() => har.live.results.length === 0")
    assert "s.csv: no window of" in page.inner_text("#notice")
    assert page.inner_text("#activity") == "—"


SAT = Rotation.random(random_state=7).as_matrix()


def results_of(page: Any) -> list[list[float]]:
    page.evaluate("() => har.live.classifier.settled()")
    return list(page.evaluate("() => har.live.results.map((r) => Array.from(r.probabilities))"))


def test_before_the_first_answer_it_asks_for_a_walk_and_says_how_far_it_is(serving, phone, bundles):
    p = phone(serving("turned"))
    page = p.open()
    p.stop_clock()
    # What is recorded in the bundle was turned when it was made.
    assert page.evaluate("() => har.checked.worst") < 1e-4
    p.start_sensor()
    assert page.inner_text("#activity") == "Walk a little"
    assert "where you wear it and walk: 0 of 10 s" in page.inner_text("#now-sub")
    assert not page.is_visible("#teach-tools")
    time_s, samples = worn("sswwwsgww", SAT, seed=1)
    sitting, walking = time_s < 10, (time_s >= 10) & (time_s < 18)
    p.move(time_s[sitting], samples[sitting])
    assert "walk: 0 of 10 s" in page.inner_text("#now-sub")
    assert not page.is_visible("#calibrate")
    p.move(time_s[walking], samples[walking])
    counted = page.evaluate("() => har.live.classifier.aligner.reference.counted")
    assert 2 <= counted <= 5
    assert page.inner_text("#now-sub") == f"Good, keep walking: {counted} of 10 s."
    assert page.inner_text("#confidence") == f"{counted} s"
    assert page.get_attribute("#ring", "aria-label") == f"{counted} of 10 seconds of walking"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRAST) == []
    assert results_of(page) == []
    later = time_s >= 18
    p.move(time_s[later], samples[later])
    assert len(results_of(page)) > 40
    assert page.inner_text("#now-sub").startswith("About ")
    assert page.inner_text("#confidence").endswith("%")
    assert page.is_visible("#calibrate")
    assert page.is_visible("#teach-tools")
    page.click("#start-sensor")
    found = results_of(page)
    log = np.array(page.evaluate("() => har.live.log"))
    probabilities, _ = in_python(Bundle.open(bundles["turned"]), log)
    np.testing.assert_allclose(found, probabilities, atol=1e-4)
    raw, _ = in_python(Bundle.open(bundles["cnn"]), log)
    assert np.abs(raw - probabilities).max() > 0.1, "samples as recorded would give the same"
    assert not page.is_visible("#notice")
    p.start_sensor()  # a new start asks again
    assert page.inner_text("#activity") == "Walk a little"


def test_a_phone_that_is_worn_elsewhere_is_calibrated_again(serving, phone, bundles):
    p = phone(serving("turned"))
    page = p.open()
    p.stop_clock()
    p.start_sensor()
    time_s, samples = worn("wwwws", SAT, seed=2)
    p.move(time_s, samples)
    before = len(results_of(page))
    page.click("#calibrate")
    assert page.inner_text("#activity") == "Walk a little"
    elsewhere, other = worn("wwwws", np.roll(SAT, 1, axis=0), seed=2)
    p.move(time_s[-1] + 1 + elsewhere, other)
    found = np.array(results_of(page))
    log = np.array(page.evaluate("() => har.live.log"))
    opened = Bundle.open(bundles["turned"])
    first, _ = in_python(opened, log[: len(time_s)])
    second, _ = in_python(opened, log[len(time_s) :])
    np.testing.assert_allclose(found[:before], first[:before], atol=1e-4)
    np.testing.assert_allclose(found[before:], second[: len(found) - before], atol=1e-4)
    assert len(second) - 3 < len(found) - before <= len(second)


def test_a_sensor_that_is_stopped_before_the_walk_says_what_its_answers_are_worth(serving, phone):
    p = phone(serving("turned"))
    page = p.open()
    p.stop_clock()
    p.start_sensor()
    p.move(*worn("ss", SAT, seed=3))
    page.click("#start-sensor")
    page.wait_for_selector("#notice:visible")
    assert page.inner_text("#notice").startswith("Too little walking")
    assert "walk first" in page.inner_text("#notice")
    assert page.inner_text("#now-sub").endswith("windows")


@pytest.mark.parametrize(("acts", "seconds"), [("ssgwwws", 10), ("swwss", 7), ("ssss", 0)])
def test_a_files_samples_are_turned_as_har_predict_does(
    serving, phone, bundles, tmp_path: Path, acts, seconds
):
    time_s, samples = worn(acts, SAT, seed=4)
    log = np.column_stack([time_s, samples]).round(6)
    path = tmp_path / "walk.csv"
    np.savetxt(path, log, delimiter=",", header="time_s,x,y,z", comments="", fmt="%.6f")
    opened = Bundle.open(bundles["turned"])
    predicted = predict(opened, next(iter(opening.open_path(path))))
    page = phone(serving("turned")).open()
    page.set_input_files("#file", path)
    page.wait_for_selector("#save-log:visible")
    np.testing.assert_allclose(results_of(page), predicted.probabilities, atol=1e-4)
    assert predicted.walked_s == seconds
    said = page.inner_text("#now-sub")
    assert f"{predicted.n_windows} windows" in said
    assert page.is_visible("#notice") == (seconds == 0)
    if seconds:
        assert said.endswith(f"aligned with gravity by {seconds} s of walking")
    else:
        assert page.inner_text("#notice").startswith("Too little walking")
    page.click("#tab-about")
    assert "first 10 s of walking" in page.inner_text("#turned")


def test_the_sample_plays_where_there_is_no_sensor(serving, phone):
    p = phone(serving("cnn"))
    page = p.open()
    p.stop_clock()
    page.click("#start-sample")
    page.clock.run_for(2000)  # a window takes 1.3 s
    page.wait_for_selector("#bouts li:not(.empty)")
    assert page.inner_text("#now-sub").startswith("Recorded as:")
    assert page.inner_text("#confidence").endswith("%")
    page.click("#start-sample")
    assert page.inner_text("#start-sample") == "Play sample"


def test_a_sensor_that_gives_nothing_says_so(serving, phone):
    p = phone(serving("cnn"))
    page = p.open()
    p.stop_clock()
    p.start_sensor()
    page.clock.run_for(2900)
    assert page.inner_text("#now-sub").startswith("The first answer takes")
    assert not page.is_visible("#notice")
    page.clock.run_for(200)
    page.wait_for_selector("#notice:visible")
    assert "gives no motion" in page.inner_text("#notice")
    assert page.inner_text("#activity") == "—"
    assert page.inner_text("#now-sub").startswith("Start the sensor")
    assert page.inner_text("#start-sensor") == "Start sensor"


def test_a_browser_without_relaxed_simd(serving, phone):
    """Safari is one: LiteRT has another build for it, which is also kept for offline."""
    p = phone(serving("gru"), offline=True)
    p.page.add_init_script(
        """const real = WebAssembly.instantiate;
        WebAssembly.instantiate = (wasm, ...rest) =>
          wasm.byteLength < 100 ? Promise.reject(new Error("not here")) : real(wasm, ...rest);
        """
    )
    page = p.open()
    assert page.evaluate("() => har.checked.worst") < 1e-4
    loaded = page.evaluate("() => performance.getEntriesByType('resource').map((e) => e.name)")
    assert any(name.endswith("litert_wasm_compat_internal.wasm") for name in loaded)
    assert not any(name.endswith("litert_wasm_internal.wasm") for name in loaded)
    kept = page.evaluate(
        """async () => {
          const cache = await caches.open((await caches.keys())[0]);
          return (await cache.keys()).map((r) => new URL(r.url).pathname);
        }"""
    )
    assert "/vendor/litert/wasm/litert_wasm_compat_internal.wasm" in kept
    assert "/" in kept


def test_over_https_with_the_key_of_the_address(chromium, bundles, runtime, tmp_path):
    """The certificate is not trusted here, as on a phone that only tapped past the warning."""
    workspace = Workspace(tmp_path)
    server, _ = serve.make(
        str(bundles["cnn"]), workspace, https=True, host="0.0.0.0", port=0,
        authority_folder=tmp_path / "https",
    )  # fmt: skip
    with running(server):
        context = chromium.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{server.port}/#key={server.key}")
        page.wait_for_selector("html[data-state=ready]")
        assert page.url == f"https://127.0.0.1:{server.port}/"
        assert page.evaluate("() => isSecureContext")
        page.click("#tab-record")
        page.wait_for_selector("#landed p")
        assert page.inner_text("#landed") == "Nothing yet."
        other = chromium.new_context(ignore_https_errors=True).new_page()
        other.set_default_timeout(PATIENCE_MS)
        other.goto(f"https://127.0.0.1:{server.port}/")
        other.wait_for_selector("html[data-state=ready]")
        other.click("#tab-record")
        other.wait_for_selector("#record-notice:visible")
        assert "new key" in other.inner_text("#record-notice")
        context.close()
        other.context.close()


def test_another_model_shows_at_once(serving, phone, bundles, runtime):
    """What is kept for offline must not hide what the server has now."""
    server = serving("gru")
    page = phone(server, offline=True).open()
    assert page.inner_text("#model-line").startswith("gru")
    server.site = build_site(bundles["cnn"], web=runtime)
    page.reload()
    page.wait_for_function(
        "() => document.getElementById('model-line').textContent.startsWith('cnn')"
    )


def test_one_of_several_models_is_chosen(serving, phone, bundles, runtime):
    server = serving("gru")
    alone = phone(server).open()
    assert not alone.is_visible("#model")
    server.site = build_site(bundles["gru"], bundles["cnn"], web=runtime)
    page = phone(server, viewport={"width": 320, "height": 700}).open()
    assert page.inner_text("#model-line").startswith("gru")
    assert page.locator("#model option").all_inner_texts() == ["gru", "cnn"]
    page.select_option("#model", "cnn")
    page.wait_for_function(
        "() => document.getElementById('model-line').textContent.startsWith('cnn')"
    )
    page.wait_for_selector("html[data-state=ready]")
    # It is that bundle's model that answers: its own recorded windows agree.
    assert page.evaluate("har.checked.worst") <= 1e-4
    assert page.input_value("#model") == "cnn"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CONTRAST) == []


def test_a_browser_that_trusts_the_authority(chromium, bundles, runtime, tmp_path):
    """It takes the constrained authority, and then keeps the page for offline."""
    certutil = shutil.which("certutil")
    if certutil is None:
        pytest.skip("no certutil (Debian: libnss3-tools) to make a browser trust the authority")
    server, tls = serve.make(
        str(bundles["cnn"]), Workspace(tmp_path), https=True, host="0.0.0.0", port=0,
        authority_folder=tmp_path / "https",
    )  # fmt: skip
    home = tmp_path / "home"
    trusted = home / ".pki" / "nssdb"
    trusted.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "har", "-i"]):
        end = [str(tls.authority)] if "-i" in arguments else []
        subprocess.run([certutil, "-d", f"sql:{trusted}", *arguments, *end], check=True)
    with running(server):
        context = chromium.browser_type.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            args=FLAGS,
            env={**os.environ, "HOME": str(home)},
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"https://localhost:{server.port}/#key={server.key}")
        page.wait_for_selector("html[data-state=ready]")
        page.wait_for_selector("#offline:visible")
        context.close()


def test_a_reload_without_network(serving, phone):
    p = phone(serving("gru"), offline=True)
    page = p.open()
    p.context.set_offline(True)
    page.reload()
    page.wait_for_selector("html[data-state=ready]")
    assert page.evaluate("() => har.checked.worst") < 1e-4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768])
def test_it_fits_and_can_be_read(serving, phone, scheme, width):
    p = phone(serving("cnn"), color_scheme=scheme, viewport={"width": width, "height": 700})
    page = p.open()
    for tab in ("live", "record", "about"):
        page.click(f"#tab-{tab}")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, .button, input:not([type]), select")]
              .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 40)
              .map((e) => e.id || e.textContent)"""
        )
        assert small == []
        assert page.evaluate(CONTRAST) == []


# WCAG 2.1, section 1.4.3: 4.5 to 1 for text.
CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const c = canvas.getContext("2d", { willReadFrequently: true });
  const rgb = (text) => {
    c.clearRect(0, 0, 1, 1); c.fillStyle = text; c.fillRect(0, 0, 1, 1);
    return c.getImageData(0, 0, 1, 1).data;
  };
  const light = (v) => v.slice(0, 3).reduce((sum, x, i) => {
    const s = x / 255;
    const linear = s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    return sum + [0.2126, 0.7152, 0.0722][i] * linear;
  }, 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const v = rgb(getComputedStyle(e).backgroundColor);
      if (v[3] === 255) return v;
    }
    return rgb("white");
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.offsetParent || e.disabled) continue;
    const [a, b] = [light([...rgb(getComputedStyle(e).color)]), light([...behind(e)])];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName} ${e.id} ${e.textContent.slice(0, 30)}: ${ratio}`);
  }
  return poor;
}"""


def test_axe_finds_nothing_serious(serving, phone, axe):
    page = phone(serving("cnn")).open()
    for tab in ("live", "record", "about"):
        page.click(f"#tab-{tab}")
        assert axe(page) == []


def test_it_can_be_used_by_keyboard_and_heard(serving, phone):
    page = phone(serving("cnn")).open()
    page.focus("#tab-live")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-record", "aria-selected") == "true"
    assert page.is_visible("#record")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select")].filter((e) => !e.labels.length)
          .map((e) => e.id)"""
    )
    assert unnamed == []
    assert page.get_attribute("#activity", "aria-live") == "polite"
