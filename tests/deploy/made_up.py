"""An ingest stage that reads nothing: made-up people, for runs of the whole pipeline."""

from __future__ import annotations

from har.ingest import stored
from har.stages import Context, Stage
from har.store import Writing


def _run(context: Context, writing: Writing) -> None:
    from tests.synthetic import make_recordings

    stored.write(writing.path, make_recordings(6, seconds=16))


STAGE = Stage("ingest", "make recordings up", (), ("har.ingest.stored",), _run)
