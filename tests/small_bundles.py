"""Small networks with random weights, converted once: as hard to convert as trained ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.config import Pipeline
from har.export import convert, writer
from har.export.description import describe
from har.models import registry
from har.pipeline_file import parse
from har.runtime.interpreter import LiteModel
from har.runtime.manifest import STEP, Description, ProvenStep, RawParity, TrainedOn
from har.signal.filters import lowpass_taps
from har.signal.windows import Windows
from tests import in_process, manifests
from tests.evaluation import made

RATE_HZ = 50.0
N_SAMPLES = 64
ACTIVITIES = ("sit", "walk", "jog", "stairs")
PARAMS: dict[str, dict[str, Any]] = {
    "gru": {"units": 8, "front": "none", "frame": 4},
    "lstm": {"units": 8, "front": "none"},
    "bilstm": {"units": 8, "front": "none", "frame": 4},
    "cnn": {},
}
# Whatever else the registry would let a phone have, in its defaults where nothing smaller is said.
SMALL: dict[str, dict[str, Any]] = {
    **{
        n: {"units": 8, "front": "none", "frame": 4}
        for n in ("simple_rnn", "stacked_lstm", "peephole_lstm")
    },
    "bigru": {"units": 8, "filters": 8, "head": "attention"},
    "tinyhar": {"filters": 8},
}
OTHERS = {
    n: SMALL.get(n, {}) for n in registry.names() if registry.get(n).exportable and n not in PARAMS
}
TAPS = lowpass_taps(RATE_HZ, 20.0, 8.0)
N_RAW = N_SAMPLES + len(TAPS) - 1


def walk(n: int, seed: int = 0) -> np.ndarray:
    """Something like a body that moves: gravity, a few tones whose strength wanders, noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / RATE_HZ
    knots = np.arange(0, t[-1] + 4, 4)
    out = np.zeros((n, 3))
    for axis in range(3):
        for hz in (0.7, 1.9, 3.8):
            strength = np.interp(t, knots, rng.gamma(1, 2, len(knots)))
            out[:, axis] += strength * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6))
    out += rng.normal(0, 0.3, out.shape)
    out[:, 2] += 9.81
    return out.astype(np.float32)


def save_keras(folder: Path, name: str, seed: int) -> Path:
    import keras

    keras.utils.set_random_seed(seed)
    spec = registry.get(name)
    model = spec.build(
        (N_RAW, 3),
        len(ACTIVITIES),
        taps=TAPS,
        params={**PARAMS, **OTHERS}[name],
        mean=[0.1, -0.3, 9.6],
        std=[2.0, 3.0, 2.5],
    )
    if spec.solve:
        x = cut_windows(walk(6000, seed=1), 200)
        labels = np.arange(len(x)) * len(ACTIVITIES) // len(x)
        spec.solve(model, lambda rows: x[rows], labels, np.ones(len(x)), seed)
    else:
        last = model.layers[-1]  # probabilities that spread over all classes, as trained ones do
        kernel, bias = last.get_weights()
        last.set_weights([kernel * 8, bias])
        each = np.asarray(model.predict_on_batch(cut_windows(walk(6000), 200)))
        last.set_weights([kernel * 8, bias - np.log(each).mean(0)])
    path = folder / f"{name}-{seed}.keras"
    model.save(path)
    return path


def cut_windows(samples: np.ndarray, n: int) -> np.ndarray:
    starts = np.linspace(0, len(samples) - N_RAW, n).astype(int)
    return np.stack([samples[s : s + N_RAW] for s in starts])


@pytest.fixture(scope="session")
def converted(made_once: Callable[..., Any]) -> dict[str, Any]:
    """By architecture: the request and what came of it, with Keras's own answers."""
    found: dict[str, Any] = made_once("converted", lambda folder: convert_all(PARAMS, folder))
    return found


@pytest.fixture(scope="session")
def converted_all(converted: dict[str, Any], made_once: Callable[..., Any]) -> dict[str, Any]:
    """The same of every architecture that could be exported."""
    others = made_once("converted-others", lambda folder: convert_all(OTHERS, folder))
    return {**converted, **others}


def convert_all(params: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    probe = cut_windows(walk(6000), 200)
    requests = []
    names = sorted(params)  # cnn before gru, whose int8 ends the process
    for name in names:
        target = folder / name
        target.mkdir()
        variants = ["float32", "dynamic", "float16", "stream"]
        variants += ["int8"] if name in ("gru", "cnn") else []
        requests.append(
            convert.Request(
                save_keras(folder, name, 0), target, tuple(variants), probe[:50], probe=probe
            )
        )
    with in_process.instead():
        results = convert.convert(requests)
    return {n: (q, r) for n, q, r in zip(names, requests, results, strict=True)}


def windows_of(samples: np.ndarray, n_subjects: int = 4) -> Windows:
    starts = np.arange(0, len(samples) - N_RAW + 1, N_SAMPLES // 2, dtype=np.int64)
    n = len(starts)
    subjects = np.array([f"s{i * n_subjects // n}" for i in range(n)])
    return Windows(
        samples=samples,
        starts=starts,
        n_samples=N_SAMPLES,
        taps=TAPS,
        labels=np.arange(n, dtype=np.int64) % len(ACTIVITIES),
        purity=np.ones(n, np.float32),
        subjects=subjects,
        recordings=np.array([f"{s}/0/wrist" for s in subjects]),
        spans=np.stack([starts, starts + N_RAW], axis=1),
        activities=ACTIVITIES,
        rate_hz=RATE_HZ,
        rejected={},
    )


PIPELINE = {
    "name": "small",
    "dataset": {"path": "*.csv", "gravity": "present"},
    "signal": {"rate_hz": RATE_HZ, "filter": {"kind": "lowpass", "cutoff_hz": 20.0}},
    "windows": {"length_s": N_SAMPLES / RATE_HZ, "overlap": 0.5},
    "models": [{"name": n, "params": p} for n, p in PARAMS.items()],
}
RESULTS = made.results(
    parse(PIPELINE),
    {
        n: {
            "accuracy": 0.5,
            "macro_f1": 0.5,
            "macro_f1_ci95": [0.4, 0.6],
            "per_subject": {f"s{i}": 0.5 for i in range(4)},
            "parameters": 100,
        }
        for n in PARAMS
    },
    selected="gru",
    protocol="4 people, each tested by a model that had not seen them",
)


def pipeline_of(**overrides: Any) -> Pipeline:
    return parse({**PIPELINE, **overrides})


def description_of(
    name: str, windows: Windows, *, withheld: Mapping[str, str] | None = None, **said: Any
) -> Description:
    """What a bundle says of one of the models."""
    pipeline = pipeline_of()
    model = next(m for m in pipeline.models if m.key == name)
    trained_on = TrainedOn(fit="final", subjects=("s0", "s1"), epochs=3, seed=0)
    said.setdefault("gravity", "present")
    return describe(pipeline, model, trained_on, withheld or {}, windows, RESULTS, **said)


@pytest.fixture(scope="session")
def make_bundle(converted: dict[str, Any], made_once: Callable[..., Any]) -> Any:
    """`make_bundle("gru")`: the folder of a whole bundle."""

    def write(name: str, folder: Path) -> Path:
        request, result = converted[name]
        files = {v: p for v, p in result.files.items() if v != STEP}
        step = None
        if result.step:
            proven = ProvenStep(**result.step.model_dump(), n_windows=1, max_abs_diff=0.0)
            step = result.files[STEP], proven
        writer.write(
            folder / name,
            description_of(
                name,
                windows_of(walk(6000)),
                withheld=result.failed,
                n_features=result.keras.features.shape[1],
                raw_parity=RawParity(**manifests.RAW_PARITY),
            ),
            files,
            {v: manifests.figures(operators=LiteModel(p).operators) for v, p in files.items()},
            {
                "windows": request.probe[:16],
                **{name: part[:16] for name, part in result.keras._asdict().items()},
                "labels": np.arange(16) % 4,
            },
            step=step,
        )
        return folder / name

    return lambda name: made_once(f"bundle-{name}", lambda folder: write(name, folder))
