"""What strangers send, mutated by coverage: only the errors that are written for it may come.

By hand, as `python -m tests.fuzz.inputs NAME -max_total_time=60`, with `pip install atheris`.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["har"]):
    from har import strict_yaml
    from har.errors import HarError
    from har.ingest import discovery
    from har.ingest.formats.format import look
    from har.own_recordings import Table
    from har.phone.intake import Limits, Refused, check_about, check_rows, finite_json
    from har.runtime.manifest import Manifest

SCRATCH = Path(tempfile.mkdtemp())


def upload(data: bytes) -> None:
    """A body that a phone sends."""
    body = finite_json(data)
    check_about(body)
    check_rows(body.get("samples"), Limits())


def header(data: bytes) -> None:
    """The beginning of a file."""
    look("a.csv", data)


def archive(data: bytes) -> None:
    (SCRATCH / "a.zip").write_bytes(data)
    discovery.find(Table(path="a.zip"), SCRATCH)


def pipeline(data: bytes) -> None:
    strict_yaml.parse(data.decode("utf-8", "replace"))


def manifest(data: bytes) -> None:
    path = SCRATCH / "model.json"
    path.write_bytes(data)
    Manifest.read(path, again="har export PIPELINE")


TARGETS: dict[str, Callable[[bytes], None]] = {
    f.__name__: f for f in (upload, header, archive, pipeline, manifest)
}


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        with contextlib.suppress(HarError, Refused):
            target(data)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
