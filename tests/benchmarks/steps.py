"""One way of training one network, in a process of its own, timed when it is told to.

python tests/benchmarks/steps.py WAY MODEL; then a line on stdin for each round to time. Answers
with a line of JSON: windows, wall and processor seconds. `har` is the project's own training;
`plain` is what a tutorial does: the same network, compiled with Keras' defaults, fitted to an array
of windows. KERAS_BACKEND says on what.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH, STEPS, CHANNELS = 64, 30, {"channels": "magnitude"}
N_WINDOWS, N_CLASSES, T = BATCH * STEPS, 7, 128


def windows() -> Any:
    """Noise in the shape of the windows of `watch`: 128 samples, a low-pass in the graph."""
    from har.signal.filters import lowpass_taps
    from har.signal.windows import Windows

    rng = np.random.default_rng(0)
    taps = lowpass_taps(50, 20, 8)
    starts = np.arange(N_WINDOWS, dtype=np.int64) * (T // 2)
    n = len(starts)
    return Windows(
        samples=rng.normal(0, 3, (starts[-1] + T + len(taps) - 1, 3)).astype(np.float32),
        starts=starts,
        n_samples=T,
        taps=taps,
        labels=rng.integers(0, N_CLASSES, n),
        purity=np.ones(n, np.float32),
        subjects=np.full(n, "1"),
        recordings=np.full(n, "1"),
        spans=np.stack([starts, starts + T + len(taps) - 1], axis=1),
        activities=tuple("abcdefg"),
        rate_hz=50.0,
        rejected={},
    )


def har(name: str, jit: bool | None = None) -> Callable[[], None]:
    from har.config import Training
    from har.models import registry
    from har.training import fit
    from har.training.workshop import Workshop

    w, training, everything = windows(), Training(batch_size=BATCH), np.arange(N_WINDOWS)
    spec = registry.get(name)
    trainer = (
        Workshop().get(spec, w, everything, params=CHANNELS, training=training, seed=0).trainer
    )
    if jit is not None:
        trainer.jit_compile = jit
    given = fit.arrays(w, everything, training)
    return lambda: trainer.fit(**given, batch_size=BATCH, epochs=1, verbose=0)


def plain(name: str) -> Callable[[], None]:
    import keras

    from har.models import registry

    w = windows()
    keras.utils.set_random_seed(0)
    model = registry.get(name).build((w.n_raw, 3), N_CLASSES, taps=w.taps, params=CHANNELS)
    model.compile("adam", "categorical_crossentropy")
    x, y = w.gather(np.arange(N_WINDOWS)), np.eye(N_CLASSES, dtype=np.float32)[w.labels]
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)


WAYS: dict[str, Callable[[str], Callable[[], None]]] = {
    "har": har,
    "har-jit": lambda name: har(name, jit=True),
    "har-nojit": lambda name: har(name, jit=False),
    "plain": plain,
}


def serve(step: Callable[[], Any]) -> None:
    step()  # compiles
    step()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        wall, busy = time.perf_counter(), time.process_time()
        step()
        seconds = {"wall": time.perf_counter() - wall, "busy": time.process_time() - busy}
        sys.stdout.write(json.dumps({"windows": N_WINDOWS, **seconds}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    serve(WAYS[sys.argv[1]](sys.argv[2]))
