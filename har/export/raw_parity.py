"""From the recording itself: the phone's way against the way that the scores were made.

Offline, a recording is resampled whole, cut, and answered by Keras. A phone resamples samples as
they come and asks the `.tflite` file. Both must say the same of the same stretch of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from har.config import Signal
from har.errors import ExportError
from har.export import parity
from har.ingest.chunks import of_recording
from har.recording import Recording
from har.runtime.interpreter import LiteModel
from har.runtime.manifest import RawParity
from har.runtime.streaming import Aligner, uniform
from har.signal.resampling import joined
from har.signal.windows import Windows

AT_MOST = 3
"""Recordings of each fold's unseen people, those with irregular timestamps first."""


def pick(recordings: Iterable[Recording], wanted: Sequence[str]) -> list[Recording]:
    """The recordings to try."""
    names = set(wanted)
    mine = [r for r in recordings if r.id in names]
    return sorted(mine, key=lambda r: (r.time_s is None, r.id))[:AT_MOST]


def phone_windows(recording: Recording, spans: np.ndarray, signal: Signal) -> np.ndarray:
    """Windows as a phone has them in memory.

    Parameters
    ----------
    spans : ndarray of int64, shape (n, 2)
        Start and end on the recording's timeline at `rate_hz`.
    signal : Signal
        Of the pipeline file.

    Returns
    -------
    ndarray of float32, shape (n, n_raw, 3)

    Raises
    ------
    ExportError
        If the phone has no such stretch without a gap.
    """
    align = signal.align
    aligner = None
    if align.kind != "none":
        aligner = Aligner(rate_hz=signal.rate_hz, seconds=align.seconds, axis=align.axis)
    stretches = joined(
        uniform(
            of_recording(recording).chunks,
            rate_hz=signal.rate_hz,
            max_gap_s=signal.max_gap_s,
            aligner=aligner,
        )
    )
    out = []
    for start, end in spans.tolist():
        home = next((s for s in stretches if s.start <= start and end <= s.stop), None)
        if home is None:
            raise ExportError(
                f"{recording.id}: a phone sees a gap between samples {start} and {end} (at "
                f"{signal.rate_hz:g} Hz), where the windows that were scored have none."
            )
        out.append(home.samples[start - home.start : end - home.start])
    return np.stack(out)


def check(
    model: Path,
    recordings: Sequence[Recording],
    windows: Windows,
    index: np.ndarray,
    reference: np.ndarray,
    *,
    signal: Signal,
) -> tuple[np.ndarray, np.ndarray]:
    """What the phone says, and what Keras said, of the windows of some recordings.

    Parameters
    ----------
    model : Path
        A fold's float32 file.
    recordings : sequence of Recording
        As ingested, with their own timestamps.
    index, reference : ndarray, shapes (m,) and (m, k)
        The fold's unseen windows, and Keras's stored probabilities of them.
    """
    lite = LiteModel(model)
    phone, keras = [], []
    for recording in recordings:
        mine = np.flatnonzero(windows.recordings[index] == recording.id)
        if not len(mine):
            continue
        cut = phone_windows(recording, windows.spans[index[mine]], signal)
        phone.append(lite(cut))
        keras.append(reference[mine])
    if not phone:
        k = reference.shape[1]
        return np.empty((0, k), np.float32), np.empty((0, k), np.float32)
    return np.concatenate(phone), np.concatenate(keras)


def gate(
    phone: Sequence[np.ndarray], keras: Sequence[np.ndarray], recordings: Sequence[Recording]
) -> RawParity:
    """`raw_parity` of `model.json`.

    Raises
    ------
    ExportError
        If the two ways differ by more than float32 may.
    """
    compared = parity.compare(np.concatenate(keras), np.concatenate(phone))
    parity.gate("float32", compared, what="from raw recordings, the phone's way")
    return RawParity(
        recordings=len(recordings),
        irregular=sum(r.time_s is not None for r in recordings),
        n_windows=compared.n_windows,
        max_abs_diff=compared.max_abs_diff,
    )
