"""The page's own tests, run by Node, against golden vectors that Python makes here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from har.export import planting
from har.recording import Chunk
from har.runtime import correction, smoothing, streaming
from har.runtime.chain import Abstention, Adaptation
from har.runtime.correction import ADAPTATION, Evidence
from har.runtime.familiarity import Familiarity, Ruler
from har.runtime.predict import bouts_of
from har.signal import align, resampling
from tests import manifests
from tests.conftest import ROOT
from tests.synthetic import make_windows
from tests.web.worn import worn

TARGET_HZ, MAX_GAP_S = 50.0, 0.25
N_RAW, HOP = 84, 32
OPTIONS = {"targetHz": TARGET_HZ, "maxGapS": MAX_GAP_S}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed"),
]


def recording(rate_hz: float, seconds: float, *, jitter: float, seed: int) -> tuple[Any, Any]:
    """Irregular times, a body that moves, two gaps, samples that come twice in a blink."""
    rng = np.random.default_rng(seed)
    n = int(rate_hz * seconds)
    step = (1 + jitter * rng.uniform(-1, 1, n)) / rate_hz
    if jitter:
        step[n // 3] += 0.6
        step[2 * n // 3] += 0.3
        step[rng.integers(0, n, 5)] *= 0.05
    time = np.cumsum(step)
    time -= time[0]
    samples = np.column_stack(
        [3 * np.sin(2 * np.pi * f * time + f) + rng.normal(0, 0.5, n) for f in (0.7, 2.1, 4.3)]
    )
    samples[:, 2] += 9.81
    return time, samples.astype(np.float32)


CASES = {
    "50 Hz, exact": (50.0, 0.0),
    "60 Hz with jitter": (60.0, 0.3),
    "100 Hz with jitter": (100.0, 0.2),
    "104.17 Hz": (104.17, 0.05),
    "200 Hz": (200.0, 0.2),
    "20 Hz": (20.0, 0.2),
    "51 Hz": (51.0, 0.1),
    "100.01 Hz": (100.01, 0.0),
    # Here k steps: whatever the jitter makes of the rate, all must make the same of it.
    **{f"110 Hz with jitter, {i}": (110.0, 0.2) for i in range(4)},
}


def rows_of(time: np.ndarray, samples: np.ndarray) -> list[list[float]]:
    return np.column_stack([time, samples.astype(float)]).tolist()


def golden_windows(
    time: np.ndarray,
    samples: np.ndarray,
    *,
    rate_hz: float = TARGET_HZ,
    aligner: streaming.Aligner | None = None,
) -> list[dict[str, Any]]:
    out = []
    windower = streaming.Windower(
        rate_hz=rate_hz, max_gap_s=MAX_GAP_S, n_raw=N_RAW, hop=HOP, aligner=aligner
    )
    for batch in streaming.batches([Chunk(time, samples)], windower):
        for i, window in enumerate(batch.windows):
            out.append(
                {
                    "start": batch.start + i * HOP,
                    "fresh": batch.fresh and i == 0,
                    "rows": window.astype(float).ravel().tolist(),
                }
            )
    return out


AS_RANDOM = Rotation.random(random_state=5).as_matrix()
WORN = {
    # name: (what happens, how the phone sits, seconds, axis, rate of the model)
    "the walking comes late": ("sswwwgwww", AS_RANDOM, 12, "x", 50.0),
    "another axis, seconds of 12 samples": ("sswwwwwws", AS_RANDOM, 10, "-z", 12.5),
    "upright is already there": ("wwwwss", np.eye(3), 8, "x", 50.0),
    "head down": ("wwwwss", np.diag([-1.0, -1.0, 1.0]), 8, "x", 50.0),
    "fewer seconds than wanted": ("sswws", AS_RANDOM, 20, "y", 50.0),
    "too little walking": ("ssswss", AS_RANDOM, 20, "y", 50.0),
    "a gap after every walk": ("gsgsgs", AS_RANDOM, 20, "z", 50.0),
}


def golden_aligned(name: str, seed: int) -> dict[str, Any]:
    acts, sat, seconds, axis, rate_hz = WORN[name]
    time, samples = worn(acts, sat, seed=seed)
    aligner = streaming.Aligner(rate_hz=rate_hz, seconds=seconds, axis=axis)
    windows = golden_windows(time, samples, rate_hz=rate_hz, aligner=aligner)
    written = {**manifests.ALIGN, "seconds": seconds, "axis": axis}
    return {
        "name": name,
        "manifest": {**manifests.MODEL_JSON, "align": written, "rate_hz": rate_hz},
        "samples": rows_of(time, samples),
        "windows": windows,
        "seconds": aligner.seconds,
    }


def golden_answers(
    n_windows: int, threshold: float | None, limit: float | None, seed: int
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, 1.2, (40, 4)), axis=0)
    p = np.exp(wander) / np.exp(wander).sum(1, keepdims=True)
    about = manifests.manifest(
        activities=[f"a{i}" for i in range(4)],
        output={**manifests.MODEL_JSON["output"], "shape": [1, 4]},
        smoothing={**manifests.MODEL_JSON["smoothing"], "n_windows": n_windows},
    )
    far = rng.uniform(0, 2, 40)
    if threshold is not None:
        distance = None if limit is None else Familiarity.of(random_ruler(rng, 4, 4), limit)
        abstention = Abstention(
            threshold=threshold, distance=distance, answer="unknown", how="for this test"
        )
        about = about.model_copy(update={"abstention": abstention})
    smoothed = smoothing.causal_mean(p, n_windows)
    distances = smoothing.causal_mean(far[:, None], n_windows)[:, 0]
    return {
        "nWindows": n_windows,
        "threshold": threshold,
        "probabilities": p.tolist(),
        "smoothed": smoothed.tolist(),
        "distances": far.tolist(),
        "limit": limit,
        "answers": smoothing.decide(smoothed, threshold, distances, limit or np.inf)[0].tolist(),
        "bouts": [vars(b) for b in bouts_of(p, about, distances=far)],
    }


def random_ruler(rng: np.random.Generator, d: int, q: int) -> Ruler:
    used = rng.permutation(d)[:q]
    return Ruler(used, rng.normal(3, 2, (3, q)), np.tril(rng.normal(size=(q, q))) / q)


def golden_familiarity(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    written = Familiarity.of(random_ruler(rng, 20, 12), 1.5)
    ruler, features = written.ruler(), rng.normal(3, 2, (10, 20)).astype(np.float32)
    taught = features[:2][:, ruler.features]
    return {
        "distance": written.as_json(),
        "features": features.tolist(),
        "distances": ruler(features).tolist(),
        "taught": taught.tolist(),
        "thenDistances": ruler.knowing(taught)(features).tolist(),
    }


def golden_likeness() -> dict[str, Any]:
    """A walk as it was, and with everything planted in it, against training recordings."""
    windows = make_windows(12, length_s=2.56)
    like = planting.likeness(windows, np.arange(len(windows)), windows.n_samples // 2)
    assert like is not None
    index = np.flatnonzero(windows.labels == windows.activities.index("run"))[:40]
    plants = {
        "none": lambda w, i: w.gather(i),
        "g": lambda w, i: w.gather(i) / 9.8,
        "rest, aside": lambda w, i: np.zeros_like(w.gather(i)) - np.float32([0, 9.8, 0]),
    }
    cases = []
    for name, plant in {**plants, **planting.PLANTS}.items():
        x = plant(windows, index).astype(np.float32)
        portrait = planting.portrait(x, like.lags)
        cases.append(
            {
                "name": name,
                "windows": x.reshape(len(x), -1).astype(float).tolist(),
                "features": portrait.features().tolist() if portrait.n_moving else None,
                "unlike": [u.check for u in portrait.compare(like)],
            }
        )
    return {"like": like.as_json(), "cases": cases}


CORRECTIONS = {
    # name: (windows taught, features, the model's activities, new ones, adaptation)
    "more features than windows": (3, 40, 3, 0, ADAPTATION),
    "fewer features than windows": (12, 4, 5, 0, ADAPTATION),
    "two new activities": (9, 16, 3, 2, ADAPTATION),
    "a strong prior": (6, 8, 2, 1, Adaptation(strength=20.0, unheard=0.02, how="for this test")),
    "one window": (1, 8, 4, 0, ADAPTATION),
}


def evidence(rng: np.random.Generator, n: int, d: int, k: int) -> Evidence:
    """Sure answers among them: probabilities far below the least that is counted."""
    p = rng.dirichlet(np.full(k, 0.2), n)
    return Evidence(rng.normal(3, 2, (n, d)).astype(np.float32), p.astype(np.float32))


def golden_correction(name: str, seed: int) -> dict[str, Any]:
    n, d, k, more, how = CORRECTIONS[name]
    rng = np.random.default_rng(seed)
    taught, anchors, heard = (evidence(rng, rows, d, k) for rows in (n, 8, 5))
    labels = np.append(rng.integers(0, k + more, n - 1), k + more - 1)
    found = correction.fit(taught, labels, anchors, n_activities=k + more, how=how)
    written = {"taught": taught, "anchors": anchors, "heard": heard}
    return {
        "name": name,
        "labels": labels.tolist(),
        "nActivities": k + more,
        "adaptation": how.as_json(),
        "weights": found.weights.tolist(),
        "offset": found.offset.tolist(),
        "corrected": found(heard).tolist(),
        **{
            key: [
                {"features": f.tolist(), "probabilities": p.tolist()}
                for f, p in zip(of.features, of.probabilities, strict=True)
            ]
            for key, of in written.items()
        },
    }


def write_golden(path: Path) -> None:
    cases = {
        name: recording(rate, 14, jitter=jitter, seed=i)
        for i, (name, (rate, jitter)) in enumerate(CASES.items())
    }
    golden = {
        "corrections": [golden_correction(name, seed) for seed, name in enumerate(CORRECTIONS)],
        "familiarity": [golden_familiarity(seed) for seed in range(3)],
        "likeness": golden_likeness(),
        "nRaw": N_RAW,
        "hop": HOP,
        "hopS": HOP / TARGET_HZ,
        "lengthS": (N_RAW - 20) / TARGET_HZ,
        "beginS": 10 / TARGET_HZ,
        "manifest": manifests.MODEL_JSON,
        "taps": {k: resampling.decimation_taps(k).tolist() for k in (2, 3, 5)},
        "resampling": [
            {
                "name": name,
                "options": OPTIONS,
                "samples": rows_of(time, samples),
                "stretches": [
                    {"start": s.start, "rows": s.samples.astype(float).tolist()}
                    for s in resampling.resample(
                        samples,
                        source_hz=CASES[name][0],
                        target_hz=TARGET_HZ,
                        max_gap_s=MAX_GAP_S,
                        time_s=time,
                    )
                ],
            }
            for name, (time, samples) in cases.items()
        ],
        "windows": [
            {
                "name": name,
                "options": OPTIONS,
                "samples": rows_of(time, samples),
                "windows": golden_windows(time, samples),
            }
            for name, (time, samples) in cases.items()
        ],
        "aligned": [golden_aligned(name, seed) for seed, name in enumerate(WORN)],
        "rotations": [
            {
                "a": a.tolist(),
                "axis": axis,
                "rotation": align.shortest(a, align.unit(axis)).tolist(),
            }
            for axis in ("x", "y", "z", "-x", "-y", "-z")
            for a in (*Rotation.random(3, random_state=1).as_matrix()[0], -align.unit(axis))
        ],
        "answers": [
            golden_answers(n, threshold, limit, seed)
            for seed, (n, threshold, limit) in enumerate(
                [(1, None, None), (3, None, None), (3, 0.7, None), (5, 0.5, None), (3, 0.5, 1.2)]
            )
        ],
    }
    path.write_text(json.dumps(golden))


def test_the_jitter_puts_some_recordings_on_each_side_of_the_step():
    periods = [
        resampling.sampling_period(recording(rate, 14, jitter=jitter, seed=i)[0])
        for i, (name, (rate, jitter)) in enumerate(CASES.items())
        if name.startswith("110 Hz")
    ]
    assert {resampling.decimation(1 / p, TARGET_HZ) for p in periods} == {2, 3}


def test_the_golden_recordings_are_hard_enough():
    time, samples = recording(60.0, 14, jitter=0.3, seed=1)
    stretches = resampling.resample(
        samples, source_hz=60, target_hz=TARGET_HZ, max_gap_s=MAX_GAP_S, time_s=time
    )
    assert len(stretches) == 3
    assert len(golden_windows(time, samples)) > 8


def test_the_worn_recordings_are_of_every_kind():
    seconds = {name: golden_aligned(name, seed)["seconds"] for seed, name in enumerate(WORN)}
    assert seconds["the walking comes late"] == 12
    assert 5 <= seconds["fewer seconds than wanted"] < 20
    assert seconds["too little walking"] == seconds["a gap after every walk"] == 0


@pytest.mark.parametrize(
    "name",
    [
        "resampling",
        "align",
        "answers",
        "correction",
        "familiarity",
        "wearer",
        "motion",
        "csv",
        "outbox",
        "access",
    ],
)
def test_javascript(name, tmp_path):
    write_golden(tmp_path / "golden.json")
    done = subprocess.run(
        ["node", "--test", str(ROOT / "tests" / "web" / "js" / f"{name}.test.js")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HAR_GOLDEN": str(tmp_path / "golden.json"), "NODE_OPTIONS": ""},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "\n# fail 0" in done.stdout.replace("ℹ", "#")
