"""What a check foresees: bouts too short for windows, a class of one person, near copies."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from har.cli.app import main
from har.config import WindowsConfig
from har.ingest import datasets
from har.ingest.examine.labels import fills_s
from har.ingest.fingerprints import copies, prints
from har.ingest.repair import recordings

sys.path.insert(0, str(Path(__file__).parent))
from exports import walk


def wander(seconds=40, rate_hz=50, seed=0):
    """Movement whose every stretch is another: a sum of slow sines and steps of varying vigour."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    a = np.zeros((len(t), 3))
    for _ in range(40):
        f, phase = rng.uniform(0.2, 3), rng.uniform(0, 2 * np.pi, 3)
        a += rng.normal(0, 0.8, 3) * np.sin(2 * np.pi * f * t[:, None] + phase)
    return t, (a + np.array([0, 9.81, 0])).astype(np.float32)


def write(path: Path, t, a, labels=None, digits=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["time,x,y,z" + (",label" if labels else "")]
    for i, (s, xyz) in enumerate(zip(t, a, strict=True)):
        cells = [f"{s:.4f}", *(f"{v:.{digits}f}" for v in xyz), *([labels[i]] if labels else [])]
        lines.append(",".join(cells))
    path.write_text("\n".join([*lines, ""]))


def check(*args: str) -> str:
    return " ".join(CliRunner().invoke(main, ["data", "check", *args]).stdout.split())


@given(
    bout=st.integers(20, 400), length=st.integers(20, 300), hop=st.sampled_from([0.25, 0.5, 1]),
    purity=st.sampled_from([0.6, 0.8, 1]),
)  # fmt: skip
def test_a_window_that_a_bout_is_sure_to_fill(bout, length, hop, purity):
    """Against windows at every possible offset to the bout."""
    said = WindowsConfig(length_s=length, overlap=1 - hop, min_purity=purity)
    limit = fills_s(float(bout), said)
    assume(abs(bout - length * bout / limit) > 3)  # whole samples move the limit by up to three
    step = max(1, round(hop * length))

    def filled(offset: int) -> bool:
        starts = np.arange(-3 * length - step, bout + length, step) + offset
        inside = np.minimum(starts + length, bout) - np.maximum(starts, 0)
        return bool((inside >= purity * length).any())

    assert all(map(filled, range(step))) == (length <= limit)


def test_short_bouts_shorten_the_windows_of_the_pipeline_file(tmp_path):
    """Bouts of 1.1 s fill windows of 1 s: 1.1 (2 · 0.8 − 0.5)⁻¹."""
    for who in ("ann", "bob", "cy"):
        t, a = wander(seconds=60, seed=ord(who[0]))
        turn = np.arange(len(t)) % 250
        labels = np.where(turn < 180, "walk", np.where(turn < 235, "jump", "")).tolist()
        write(tmp_path / "my" / f"{who}.csv", t, a, labels)
    said = check(str(tmp_path / "my"), "--write-pipeline", str(tmp_path / "p.yaml"))
    assert "short-bouts [kept] labels: At least half of the bouts of 'jump' (windows of up" in said
    assert "windows.length_s: 1 suits half of all activities' bouts" in said
    pipeline = yaml.safe_load((tmp_path / "p.yaml").read_text().replace("FILL_IN", "wrist"))
    assert pipeline["windows"]["length_s"] == 1
    text = (tmp_path / "p.yaml").read_text()
    text = text.replace("subject: FILL_IN", "pattern: '{subject}.csv'")
    text = text.replace("convention: FILL_IN", "convention: android").replace("FILL_IN", "wrist")
    (tmp_path / "p.yaml").write_text(text)
    assert "short-bouts" not in check(str(tmp_path / "p.yaml"))
    (tmp_path / "p.yaml").write_text(text.replace("length_s: 1,", "length_s: 2,"))
    assert "sure of a window of 2 s" in check(str(tmp_path / "p.yaml"))


def test_whole_recordings_are_as_long_as_they_are(tmp_path):
    t, a = walk(seconds=2.56)
    write(tmp_path / "a.csv", t, a, ["walk"] * len(t))
    assert "short-bouts" not in check(str(tmp_path / "a.csv"))


def test_an_activity_of_one_person_is_foretold(tmp_path):
    for who in ("ann", "bob", "cy"):
        t, a = wander(seconds=20, seed=ord(who[0]))
        labels = ["walk"] * 500 + ["nap" if who == "cy" else "sit"] * 500
        write(tmp_path / "my" / f"{who}.csv", t, a, labels)
    (tmp_path / "p.yaml").write_text(
        f"dataset: {{path: {tmp_path}/my, pattern: '{{subject}}.csv', convention: android}}\n"
        "models: [cnn]\n"
    )
    said = check(str(tmp_path / "p.yaml"))
    assert "'nap': only 1 of 3 people have it (not ann, bob). In the fold that tests " in said


CHANGES = {
    "trimmed": lambda t, a: (t[:1300], a[700:]),
    "rounded": lambda t, a: (t, a.round(1)),
    "in hundredths of g": lambda t, a: (t, (a / 9.80665).round(2) * 9.80665),
    "to 100 Hz": lambda t, a: (np.arange(2 * len(t)) / 100, resample_poly(a, 2, 1)),
    "to 31.25 Hz": lambda t, a: (np.arange(5 * len(t) // 8) / 31.25, resample_poly(a, 5, 8)),
    "trimmed and to 20 Hz": lambda t, a: (np.arange(560) / 20, resample_poly(a[600:], 2, 5)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_near_copy_is_found_and_nothing_else(tmp_path, change):
    for name, seed in (("ann", 1), ("bob", 2), ("cy", 3)):
        write(tmp_path / f"{name}.csv", *wander(seed=seed))
    write(tmp_path / "dot.csv", *CHANGES[change](*wander(seed=2)))
    said = check(str(tmp_path))
    assert said.count("near-copy") == 1
    assert "bob.csv and " in said
    assert "dot.csv contain the same movement" in said
    assert "twin" not in said


def rhythm(vary, noise, seed, minutes=5, rate_hz=50):
    """Steps, one a second, all alike but for their lengths (relative deviation `vary`)."""
    rng = np.random.default_rng(seed)
    steps_s = 1 + vary * rng.normal(size=minutes * 80)
    t = np.arange(minutes * 60 * rate_hz) / rate_hz
    phase = 2 * np.pi * np.interp(t, [0, *np.cumsum(steps_s)], np.arange(len(steps_s) + 1))
    size, shift = rng.normal(size=(3, 3)), rng.uniform(0, 6.28, (3, 3))
    a = sum(4 / (k + 1) * size[k] * np.sin((k + 1) * phase[:, None] + shift[k]) for k in range(3))
    return a + [0, 9.8, 0] + noise * rng.normal(size=(len(t), 3))


@pytest.mark.parametrize(
    ("vary", "noise", "known"),
    [(0, 0, 0), (0.02, 0, 7), (0.02, 0.1, 36), (0.05, 0, 49), (0, 0.4, 60)],
)
def test_copies_of_a_strict_rhythm_are_found_as_often_as_said(vary, noise, known):
    found = 0
    for seed in range(60):
        a = rhythm(vary, noise, seed)
        middle = a[len(a) // 4 : 3 * len(a) // 4].round(1)
        found += bool(copies([prints(a, 50), prints(middle, 50)]))
    assert abs(found - known) <= 2


def test_equal_recordings_are_twins_and_no_near_copies(tmp_path):
    for name in ("ann", "bob"):
        write(tmp_path / f"{name}.csv", *wander())
    said = check(str(tmp_path))
    assert "twin" in said
    assert "near-copy" not in said


def test_walks_of_one_rhythm_are_no_copies():
    """The same gait with other noise: every step is like every other."""
    walks = [prints(walk(seconds=60, seed=seed)[1], 50) for seed in range(6)]
    walks += [prints(walk(seconds=60, seed=seed, gravity=False)[1], 50) for seed in range(6, 12)]
    assert min(len(p.hashes) for p in walks) > 50
    still = np.random.default_rng(0).normal([0, 0, 9.81], 0.05, (3000, 3))
    assert len(prints(still, 50).hashes) == 0
    assert copies(walks) == {}
    assert copies([]) == copies([prints(still, 50)] * 2) == {}


def test_prints_against_peaks_one_by_one():
    """The slow twin of `copies`: every pair of peaks of every pair of recordings."""
    made = [prints(wander(seed=s)[1], 50) for s in (0, 1)]
    made.append(prints(wander(seed=0)[1][500:], 50))
    slow = {}
    for i in range(3):
        for j in range(i + 1, 3):
            apart = [tj - ti for hi, ti in zip(*made[i], strict=True)
                     for hj, tj in zip(*made[j], strict=True) if hi == hj]  # fmt: skip
            alike = max((sum(abs(x - y) < 0.1 for y in apart) for x in apart), default=0)
            if alike >= 4:
                slow[i, j] = alike
    assert copies(made) == slow
    assert list(slow) == [(0, 2)]


@pytest.mark.dataset
def test_how_surely_copies_are_found_among_real_recordings(data_mirror):
    """What the module says of UCI HAPT: every copy of its 61 recordings, and nothing else."""
    known = datasets.get("uci-hapt")
    made = [
        (r.acceleration.astype(np.float64), r.rate_hz)
        for source in known.sources(data_mirror / "uci-hapt", known.placement(None))
        for r in recordings(known.read(source))
    ]
    own = [prints(a, rate_hz) for a, rate_hz in made]
    assert copies(own) == {}
    assert copies([prints(a - gaussian_filter1d(a, hz, axis=0), hz) for a, hz in made]) == {}
    trimmed = [prints(a[len(a) // 2 :].round(1), hz) for a, hz in made]
    slower = [prints(resample_poly(a, 2, 5), 0.4 * hz) for a, hz in made]
    for changed in (trimmed, slower):
        assert sorted(copies([*own, *changed])) == [(i, i + 61) for i in range(61)]
