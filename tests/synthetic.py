"""Small made-up recordings whose activities can be told apart, for tests that need no real ones."""

from __future__ import annotations

import numpy as np

from har.config import Signal, WindowsConfig
from har.recording import Annotation, Recording
from har.signal.prepare import prepare
from har.signal.windows import Windows

ACTIVITIES = {"walk": (2.0, 3.0), "run": (3.0, 8.0), "sit": (0.2, 0.2)}
"""Step frequency in Hz and amplitude in m/s²."""


def make_recordings(
    subjects: int = 6, seconds: float = 20.0, rate_hz: float = 50.0, seed: int = 0
) -> list[Recording]:
    """One recording of each person and activity, with a pace and strength of their own."""
    rng = np.random.default_rng(seed)
    out = []
    for subject in range(1, subjects + 1):
        pace, strength = rng.uniform(0.9, 1.1), rng.uniform(0.8, 1.2)
        for activity, (hz, amplitude) in ACTIVITIES.items():
            t = np.arange(int(seconds * rate_hz)) / rate_hz
            phase = rng.uniform(0, 2 * np.pi, 3)
            a = amplitude * strength * np.sin(2 * np.pi * hz * pace * t[:, None] + phase)
            a += rng.normal([0, 0, 9.80665], 0.3, (len(t), 3))
            out.append(
                Recording(
                    "synthetic", str(subject), activity, "pocket", rate_hz, a.astype(np.float32),
                    (Annotation(activity, 0, len(t)),),
                )
            )  # fmt: skip
    return out


def make_windows(
    subjects: int = 6,
    *,
    taps: np.ndarray | None = None,
    overlap: float = 0.5,
    seed: int = 0,
    length_s: float = 1.28,
) -> Windows:
    """Windows of `make_recordings`; with taps, room for their lead-in is made."""
    from dataclasses import replace

    windows = prepare(
        make_recordings(subjects, seed=seed),
        signal=Signal(),
        windows=WindowsConfig(length_s=length_s, overlap=overlap),
    )
    if taps is None or len(taps) == 1:
        return windows
    lead = len(taps) - 1
    fits = windows.starts + windows.n_samples + lead <= len(windows.samples)
    keep = {
        name: getattr(windows, name)[fits]
        for name in ("starts", "labels", "purity", "subjects", "recordings", "spans")
    }
    keep["spans"] = keep["spans"] + [0, lead]
    return replace(windows, taps=taps, **keep)
