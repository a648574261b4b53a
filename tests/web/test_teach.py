"""The page is taught by its wearer: the correction is Python's, lasts and can be forgotten."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.ingest import opening
from har.own_recordings import Table
from har.runtime import correction
from har.runtime.adapter import Adapter
from har.runtime.bundle import Bundle
from har.runtime.correction import Evidence
from har.runtime.predict import ask, predict
from tests.web.test_page import CONTRAST, timed

pytestmark = pytest.mark.browser

TAUGHT = re.compile(r"(.+): (\d+) windows?\. Before: .+ 0\.\d\d; now: (.+) (0\.\d\d|1\.00)\.")


class Lesson:
    """A sensor that plays a recording to the page, as far as it is asked to."""

    def __init__(self, phone: Any, time_s: np.ndarray, samples: np.ndarray) -> None:
        self.phone, self.page = phone, phone.page
        self.time_s, self.samples, self.sent = time_s, samples, 0

    def play(self, seconds: float) -> None:
        end = np.searchsorted(self.time_s, self.time_s[self.sent] + seconds)
        self.phone.move(self.time_s[self.sent : end], self.samples[self.sent : end])
        self.sent = min(end, len(self.time_s) - 1)
        self.page.evaluate("() => har.live.classifier.settled()")
        self.page.clock.run_for(250)

    def hold(self, **what: str) -> tuple[tuple[str, ...], tuple[float, float]]:
        """What the page says then, and the seconds that count."""
        self.page.select_option("#teach-what", **what)
        if self.page.is_visible("#teach-new"):
            self.page.fill("#teach-new", " Overhead  press")
        self.page.click("#teach-hold")
        assert self.page.inner_text("#teach-hold") == "Get ready: 5 s"
        span = self.page.evaluate("() => [har.teach.holding.fromS, har.teach.holding.untilS]")
        self.play(8.5)
        assert self.page.inner_text("#teach-hold") == "Hold: 7 s"
        assert not self.page.is_visible("#teach-wrong")
        self.play(7)
        return self.said(), span

    def said(self, before: str = "") -> tuple[str, ...]:
        """What it says once it says something else than before."""
        self.page.wait_for_function(
            "(was) => document.getElementById('teach-said').textContent !== was", arg=before
        )
        found = TAUGHT.fullmatch(self.page.inner_text("#teach-said"))
        assert found, self.page.inner_text("#teach-said")
        return found.groups()


def taught_list(page: Any) -> list[str]:
    return [" ".join(t.split()) for t in page.locator("#teach-list li").all_inner_texts()]


def test_what_the_wearer_teaches_corrects_answers_as_python_does_and_lasts(
    serving, phone, bundles, shoulder, tmp_path: Path
):
    bundle = Bundle.open(bundles["cnn"])
    about = bundle.manifest
    k, n_smoothed = len(about.activities), about.smoothing.n_windows
    p = phone(serving("cnn"))
    page = p.open()
    p.stop_clock()
    assert not page.is_visible("#teach-tools")
    p.start_sensor()
    lesson = Lesson(p, *timed(shoulder[::31], rate_hz=50, jitter=0.1, gaps=False))
    lesson.play(4)
    (name, n_jog, now, _), jogging = lesson.hold(value="jog")
    assert (name, now) == ("Jog", "jog")
    (name, n_new, now, _), pressing = lesson.hold(label="something new …")
    assert (name, now) == ("Overhead press", "Overhead press")
    assert page.input_value("#teach-what") == "Overhead press"
    lesson.play(3)
    # One tap: the windows behind the last answer.
    tapped = page.locator("#teach-chips button:enabled").first
    other = tapped.inner_text()
    n_heard = page.evaluate("() => har.live.results.length")
    before = page.inner_text("#teach-said")
    tapped.click()
    (name, n_other, _, _) = lesson.said(before)
    assert (name.lower(), int(n_other)) == (other, n_smoothed)
    page.wait_for_function(  # at once: the sensor has sent nothing since
        "(name) => document.getElementById('activity').textContent === name", arg=other
    )
    lesson.play(3)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRAST) == []
    assert (
        min(
            page.evaluate(
                """() => [...document.querySelectorAll("#teach :is(button, input, select)")]
              .filter((e) => e.offsetParent).map((e) => e.getBoundingClientRect().height)"""
            )
        )
        >= 40
    )
    page.click("#start-sensor")
    page.evaluate("() => har.live.classifier.settled()")
    smoothed = page.evaluate("() => Array.from(har.live.results.at(-1).smoothed)")
    log = np.array(page.evaluate("() => har.live.log"))
    with page.expect_download() as saving:
        page.click("#teach-save")
    saving.value.save_as(tmp_path / "me.json")

    path = tmp_path / "log.csv"
    np.savetxt(path, log, delimiter=",", header="time_s,x,y,z", comments="", fmt="%.6f")
    metres = Table(path="", unit="m/s2")
    (source,) = opening.open_path(path, metres)
    asked = ask(bundle, source, bundle.model(), np.hstack)
    ((start, rows),) = asked.stretches
    begin = (start + about.window.hop_samples * np.arange(len(rows))) / about.rate_hz
    end = begin + about.input.shape[1] / about.rate_hz
    masks = [(begin >= a) & (end <= b) for a, b in (jogging, pressing)]
    masks.append((np.arange(len(rows)) >= n_heard - n_smoothed) & (np.arange(len(rows)) < n_heard))
    assert [m.sum() for m in masks] == [int(n_jog), int(n_new), n_smoothed]
    which = np.concatenate([np.flatnonzero(m) for m in masks])
    said = Evidence(rows[:, k:], rows[:, :k])
    labels = np.repeat([2, k, about.activities.index(other)], [m.sum() for m in masks])
    golden = bundle.golden()
    fitted = correction.fit(
        said[which],
        labels,
        Evidence(golden["features"], golden["probabilities"]),
        n_activities=k + 1,
        how=about.adaptation,
    )
    expected = fitted(said)
    np.testing.assert_allclose(smoothed, expected[-n_smoothed:].mean(0), atol=1e-4)
    assert np.abs(expected[:, :k] - said.probabilities).max() > 0.1
    adapter = Adapter.read(tmp_path / "me.json", again="")
    assert adapter.taught == {"jog": int(n_jog), "Overhead press": int(n_new), other: n_smoothed}
    (source,) = opening.open_path(path, metres)
    predicted = predict(bundle, source, adapter=adapter)
    np.testing.assert_allclose(predicted.probabilities, expected, atol=1e-4)

    page.clock.resume()
    page.reload()
    page.wait_for_selector("html[data-state=ready]")
    kept = [f"{a} {n} windows Forget" for a, n in adapter.taught.items()]
    assert taught_list(page) == kept
    page.click("[aria-label='Forget jog']")
    page.wait_for_selector("[aria-label='Forget jog']", state="detached")
    assert taught_list(page) == kept[1:]

    def other_manifest(**changes: Any) -> None:
        changed = json.loads((bundles["cnn"] / "model.json").read_text()) | changes
        page.route("**/bundle/model.json", lambda route: route.fulfill(json=changed))
        page.reload()
        page.wait_for_selector("html[data-state=ready]")
        page.unroute("**/bundle/model.json")

    float32 = about.variants["float32"].as_json()
    other_manifest(variants={"float32": {**float32, "sha256": "1" * 64}})
    assert taught_list(page) == []
    other_manifest(adaptation=None, features=None)
    assert "before models could be taught" in page.inner_text("#teach-help")
    page.reload()
    page.wait_for_selector("html[data-state=ready]")
    assert taught_list(page) == kept[1:]
    page.click("#teach-forget")
    page.wait_for_selector("#teach-all", state="hidden")
    assert page.evaluate("() => [har.wearer.activities, har.wearer.correction]") == [
        list(about.activities), None,
    ]  # fmt: skip


def test_a_whole_file_is_a_lesson(serving, phone, shoulder, tmp_path: Path):
    path = tmp_path / "rowing.csv"
    time_s, samples = timed(shoulder[:2], rate_hz=50, jitter=0.0, gaps=False)
    log = np.column_stack([time_s, samples])
    np.savetxt(path, log, delimiter=",", header="time_s,x,y,z", comments="", fmt="%.6f")
    page = phone(serving("cnn")).open()
    page.set_input_files("#file", path)
    page.wait_for_selector("#teach-hold:visible")
    n = page.evaluate("() => har.live.results.length")
    page.select_option("#teach-what", label="something new …")
    page.click("#teach-hold")
    assert "1 to 60 characters" in page.inner_text("#teach-said")
    page.fill("#teach-new", "rowing")
    page.click("#teach-hold")
    page.wait_for_selector("#teach-list li")
    page.wait_for_function("() => har.live.results.at(-1)?.activity === 'rowing'")
    assert page.inner_text("#teach-said").startswith(f"Rowing: {n} windows. Before: ")
    assert "rowing" in page.inner_text("#bars")
    assert page.evaluate("() => har.live.bouts.bouts.every((b) => b.activity === 'rowing')")


def test_what_is_unlike_training_is_unknown_until_it_is_taught(serving, phone, shoulder):
    page = (p := phone(serving("nowhere"))).open()
    p.stop_clock()
    p.start_sensor()
    lesson = Lesson(p, *timed(shoulder[::31], rate_hz=50, jitter=0.1, gaps=False))
    lesson.play(4)
    assert page.inner_text("#activity") == "Unknown"
    assert page.inner_text("#now-sub") == (
        "This is unlike everything that the model was trained on."
    )
    lesson.hold(value="jog")  # what is on the screen follows at once
    assert page.inner_text("#activity") == "Jog"
    assert "a new activity shows here" in page.inner_text("#now-sub")
    page.click("#teach-forget")
    page.wait_for_selector("#teach-list li", state="detached")
    assert page.inner_text("#activity") == "Unknown"
    assert "unlike everything" in page.inner_text("#now-sub")
