"""An ingest stage that reads nothing: made-up people, for runs of the whole pipeline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from har.files import write_json
from har.ingest import recording_files, summary
from har.stages import Context, Stage
from har.store import Writing


def _run(context: Context, writing: Writing) -> None:
    from tests.synthetic import make_recordings

    recordings = make_recordings(6, seconds=16)
    # Every second one with timestamps of its own, as phones give them.
    rng = np.random.default_rng(0)
    for i in range(0, len(recordings), 2):
        r = recordings[i]
        time = (np.arange(r.n_samples) + rng.uniform(-0.3, 0.3, r.n_samples)) / r.rate_hz
        recordings[i] = replace(r, time_s=time - time[0])
    recording_files.write(writing.path, recordings)
    tally = summary.Tally()
    for recording in recordings:
        tally.add(recording)
    account = {"sources": [], "files_rejected": [], "not_used": [], "missing": []}
    made = summary.make("made-up", "pocket", tally, account, {}, [])
    write_json(writing.path / "summary.json", made)


STAGE = Stage("ingest", "make recordings up", (), ("har.ingest.recording_files",), _run)
