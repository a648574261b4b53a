"""What strangers send, mutated by coverage: only the errors that are written for it may come.

By hand, as `python -m tests.fuzz.inputs NAME -max_total_time=60`, with `pip install atheris`.
Mutations start from one valid input of each kind.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import zipfile
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

from tests import manifests

ROOT = Path(__file__).parents[2]

SCRATCH = Path(tempfile.mkdtemp())


def upload(data: bytes) -> None:
    """A body that a phone sends."""
    body = finite_json(data)
    rows = body.pop("samples", None) if isinstance(body, dict) else None
    check_about(body)
    check_rows(rows, Limits())


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


CSV = b"time,x,y,z\n" + b"".join(b"%.2f,0.1,-0.2,9.8\n" % (i / 50) for i in range(20))
ABOUT = {"name": "Ada", "activity": "walking", "placement": "wrist"}


def valid() -> dict[str, bytes]:
    """An input that each target takes."""
    packed = io.BytesIO()
    rows = [[i / 50, 0.1, -0.2, 9.8] for i in range(3)]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("ann/walk_1.csv", CSV)
    return {
        "upload": json.dumps({**ABOUT, "samples": rows}).encode(),
        "header": CSV,
        "archive": packed.getvalue(),
        "pipeline": (ROOT / "pipelines/watch.yaml").read_bytes(),
        "manifest": json.dumps(manifests.MODEL_JSON).encode(),
    }


def main() -> None:
    name = sys.argv.pop(1)
    target, first = TARGETS[name], valid()[name]
    target(first)
    corpus = SCRATCH / "corpus"
    corpus.mkdir()
    (corpus / "valid").write_bytes(first)
    sys.argv.append(str(corpus))

    def once(data: bytes) -> None:
        with contextlib.suppress(HarError, Refused):
            target(data)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
