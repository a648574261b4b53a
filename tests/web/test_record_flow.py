"""Record on the page, lose the connection, and train on what landed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.browser


def begin(p, who, what):
    page = p.page
    page.click("#tab-record")
    page.fill("#who", who)
    page.fill("#what", what)
    page.fill("#where", "Wrist")
    page.select_option("#hands", "0")
    page.click("#record-form button[type=submit]")
    page.wait_for_selector("#recording:visible")


def stop(p):
    p.page.wait_for_function("() => !document.getElementById('stop-recording').disabled")
    p.page.click("#stop-recording")


def landed(tmp_path):
    return sorted((tmp_path / "data" / "raw" / "recorded").glob("*/*.csv"))


def wait_until(page, script, wanted):
    """Ask the page until it answers so; a promise is awaited."""
    while page.evaluate(script) != wanted:
        page.wait_for_timeout(100)


RECORDINGS = "async () => (await (await fetch('/api/recordings')).json()).recordings"
WAITING = "async () => (await har.record.outbox.store.list()).length"


def test_a_dropped_connection_and_a_closed_page_lose_nothing(serving, phone, shoulder, tmp_path):
    p = phone(serving("cnn"), offline=True)
    page = p.open()
    samples = shoulder[0].acceleration[:1200]
    time_s = np.arange(1200) / 60
    begin(p, "Ada", "rotation")
    p.move(time_s[:600], samples[:600])
    p.context.set_offline(True)
    p.move(time_s[600:], samples[600:])
    stop(p)
    page.wait_for_selector("#record-notice.good:visible")  # only now the last piece is kept
    page.wait_for_function(
        "() => document.getElementById('outbox').textContent.includes('No conn')"
    )
    page.once("dialog", lambda d: d.accept())
    page.reload()  # without network: from what the service worker keeps
    page.wait_for_selector("html[data-state=ready]")
    assert landed(tmp_path) == []
    p.context.set_offline(False)
    wait_until(page, RECORDINGS, 1)
    (path,) = landed(tmp_path)
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 0], time_s, atol=1e-6)
    np.testing.assert_array_equal(table[:, 1:].astype(np.float32), samples)
    assert not list((tmp_path / "data" / "raw" / "recorded" / ".partial").iterdir())
    wait_until(page, WAITING, 0)


def test_discard_leaves_nothing(serving, phone, shoulder, tmp_path):
    p = phone(serving("cnn"))
    page = p.open()
    begin(p, "Ada", "rotation")
    p.move(np.arange(600) / 60, shoulder[0].acceleration[:600])
    page.click("#discard-recording")
    page.wait_for_selector("#record-form:visible")
    wait_until(page, WAITING, 0)
    assert landed(tmp_path) == []


def test_a_pocket_cannot_stop_it_and_hands_are_left_out(serving, phone, shoulder, tmp_path):
    p = phone(serving("cnn"))
    page = p.open()
    p.stop_clock()
    page.click("#tab-record")
    for field, text in (("#who", "Ada"), ("#what", "rotation"), ("#where", "pocket")):
        page.fill(field, text)
    page.select_option("#hands", "3")
    page.click("#record-form button[type=submit]")
    samples = shoulder[0].acceleration[:1000]
    p.move(np.arange(100) / 50, samples[:100])  # while it is being put away
    assert page.inner_text("#recording-eyebrow").lower() == "put the phone away"
    page.clock.run_for(3200)
    p.move(2 + np.arange(800) / 50, samples[:800])
    for _ in range(100):  # the page looks every 100 ms of its clock, the disk has its own time
        page.clock.run_for(100)
        if page.is_enabled("#stop-recording"):
            break
        page.wait_for_timeout(50)
    page.click("#stop-recording")  # a touch
    page.clock.run_for(2000)
    assert page.is_visible("#recording")
    page.hover("#stop-recording")
    page.mouse.down()
    page.clock.run_for(1100)
    page.wait_for_selector("#record-notice.good:visible")
    page.mouse.up()
    wait_until(page, RECORDINGS, 1)
    table = np.loadtxt(landed(tmp_path)[0], delimiter=",", skiprows=1)
    assert table[-1, 0] == pytest.approx(799 / 50 - 3, abs=0.03)
    np.testing.assert_array_equal(table[:, 1:].astype(np.float32), samples[: len(table)])


def test_only_one_tab_records(serving, phone, shoulder, tmp_path):
    """Two that share one outbox would overwrite each other's pieces."""
    p = phone(serving("cnn"))
    p.open()
    other = p.context.new_page()
    other.goto(p.url)
    other.wait_for_selector("html[data-state=ready]")
    other.click("#tab-record")
    for field in ("#who", "#what", "#where"):
        other.fill(field, "x")
    other.click("#record-form button[type=submit]")
    other.wait_for_selector("#record-notice:visible")
    assert "another tab" in other.inner_text("#record-notice")
    p.page.close()
    wait_until(other, "() => har.record.mine", True)


def test_record_then_train(serving, phone, shoulder, tmp_path):
    """One person, two exercises three times each: `har train recorded` by sessions."""
    p = phone(serving("gru"))
    page = p.open()
    n = 0
    for exercise in ("internal_rotation", "row_bent_over"):
        takes = [r for r in shoulder if r.annotations[0].label == exercise][:3]
        for recording in takes:
            samples = recording.acceleration[:600]
            begin(p, "Ada", exercise.replace("_", " ").capitalize())
            p.move(np.arange(len(samples)) / 50, samples)
            stop(p)
            n += 1
            wait_until(page, RECORDINGS, n)
    page.wait_for_selector("#next-step:visible")
    assert "ada" in page.inner_text("#landed")
    command = [
        sys.executable, "-m", "har", "--workspace", str(tmp_path), "train", "recorded",
        "--set", "models=[cnn]", "--set", "training.epochs=2", "--jobs", "2",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (jobs,) = (tmp_path / "data" / "cache" / "train").glob("*/jobs.json")
    assert [j["status"] for j in json.loads(jobs.read_text())] == ["done"] * 3
    (summary,) = (tmp_path / "data" / "cache" / "ingest").glob("*/summary.json")
    assert json.loads(summary.read_text())["recordings"] == 6
