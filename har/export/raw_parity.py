"""From the recording itself: the phone's way against the way that the scores were made.

Offline, a recording is resampled whole, cut, and answered by Keras. A phone resamples samples as
they come and asks the `.tflite` file. Both must say the same of the same stretch of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from har.config import Signal
from har.errors import ExportError
from har.export import parity
from har.ingest import recording_files
from har.ingest.chunks import of_recording
from har.recording import Recording
from har.runtime.interpreter import LiteModel
from har.runtime.manifest import RawParity
from har.runtime.streaming import Aligner, uniform
from har.signal import window_files
from har.signal.resampling import joined

AT_MOST = 3
"""Recordings of each fold's unseen people, those with irregular timestamps first."""


class Asked(NamedTuple):
    """What the phone says, and what Keras said, of the windows of some recordings: float32, shape
    (m, k). `irregular`: for each recording, whether it has timestamps of its own."""

    phone: np.ndarray
    keras: np.ndarray
    irregular: list[bool]


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


def of_fold(
    item: tuple[Path, Path, Path, np.ndarray, np.ndarray, Signal], _report: Any = None
) -> Asked:
    """One fold's float32 file on recordings of that fold's unseen people.

    Parameters
    ----------
    item : tuple
        The file; where the windows and the recordings as ingested are stored; the fold's unseen
        windows, shape (m,), and Keras's stored probabilities of them, shape (m, k); what makes
        samples uniform.
    """
    model, prepared, ingested, index, reference, signal = item
    windows, lite = window_files.load(prepared), LiteModel(model)
    recordings = pick(recording_files.iterate(ingested), windows.recordings[index])
    nothing = np.empty((0, reference.shape[1]), np.float32)
    phone, keras = [nothing], [nothing]
    for recording in recordings:
        mine = np.flatnonzero(windows.recordings[index] == recording.id)
        phone.append(lite(phone_windows(recording, windows.spans[index[mine]], signal)))
        keras.append(reference[mine])
    irregular = [r.time_s is not None for r in recordings]
    return Asked(np.concatenate(phone), np.concatenate(keras), irregular)


def gate(folds: Sequence[Asked]) -> RawParity:
    """`raw_parity` of `model.json`.

    Raises
    ------
    ExportError
        If the two ways differ by more than float32 may.
    """
    compared = parity.compare(
        np.concatenate([f.keras for f in folds]), np.concatenate([f.phone for f in folds])
    )
    parity.gate("float32", compared, what="from raw recordings, the phone's way")
    return RawParity(
        recordings=sum(len(f.irregular) for f in folds),
        irregular=sum(sum(f.irregular) for f in folds),
        n_windows=compared.n_windows,
        max_abs_diff=compared.max_abs_diff,
    )
