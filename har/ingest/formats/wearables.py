"""Research wearables: Axivity `.cwa`, GENEActiv `.bin`, ActiGraph `.gt3x` and raw CSV.

Binary files are decoded by maintained libraries of the extra `wearables`: scikit-digital-health for
Axivity and GENEActiv (C, no Java), pygt3x for ActiGraph. All of them report specific force in g:
a device flat on a table, face up, reads +1 g along the axis that points up.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import DataError
from har.ingest import text
from har.ingest.formats import tables
from har.ingest.formats.base import Format, Head, Hints, NotAcceleration, decode
from har.ingest.raw import Finding, Raw, Source

_INSTALL = "Install the extra: pip install 'har-accelerometer[wearables]'"


@contextmanager
def _as_file(source: Source) -> Iterator[Path]:
    """A path for libraries that read only files."""
    if not source.member:
        yield source.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(source.member).name
        path.write_bytes(text.read_bytes(source))
        yield path


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what C code prints from standard output: results go there."""
    sys.stdout.flush()
    saved = os.dup(1)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(saved, 1)
            os.close(saved)


def _decode(source: Source, reader: str) -> dict[str, Any]:
    try:
        from skdh import io
    except ImportError as e:
        raise DataError(f"{source.name} needs scikit-digital-health. {_INSTALL}") from e
    with _as_file(source) as path, _quiet(), warnings.catch_warnings():
        # Local times without a zone: we keep relative time only.
        warnings.simplefilter("ignore")
        try:
            decoded: dict[str, Any] = getattr(io, reader)().predict(file=str(path))
        except Exception as e:
            raise DataError(
                f"{source.name}: cannot be decoded ({type(e).__name__}: {e}). Is the file whole?"
            ) from e
    return decoded


def _yield(
    source: Source, hints: Hints, decoded: dict[str, Any], device: str, findings: list[Finding],
    rejected: dict[str, int],
) -> Iterator[Raw]:  # fmt: skip
    acceleration = np.asarray(decoded["accel"], np.float64)
    time = np.asarray(decoded["time"], np.float64)
    start = datetime.fromtimestamp(float(time[0]), UTC).replace(tzinfo=None) if len(time) else None
    yield from tables.stretches(
        source, hints, acceleration, time_s=time - time[0] if len(time) else time, unit="g",
        convention="android", gravity="present", rejected=rejected, findings=findings,
        provenance={"recorder": device}, start_time=start,
    )  # fmt: skip


# Axivity ---------------------------------------------------------------------------------------

CWA_BLOCK = 512


def is_cwa(head: Head) -> bool:
    return head.data[:2] in (b"MD", b"AX") and len(head.data) >= 1024


def cwa_blocks(data: bytes) -> tuple[int, int, dict[str, int]]:
    """Samples in the data blocks of a `.cwa` file: in all, in whole blocks, lost by reason.

    A data block of 512 bytes begins with `AX`, names its number of samples at byte 28 and sums,
    as 16-bit words, to zero [1]_.

    References
    ----------
    .. [1] Open Movement, cwa.md: https://github.com/digitalinteraction/openmovement
    """
    blocks = np.frombuffer(data[: len(data) // CWA_BLOCK * CWA_BLOCK], "<u2")
    blocks = blocks.reshape(-1, CWA_BLOCK // 2)[2:]  # the header is two blocks
    magic = blocks[:, 0] == 0x5841
    whole = blocks.astype(np.uint32).sum(axis=1) % 65536 == 0
    counts = blocks[:, 14].astype(int)
    lost = {}
    typical = int(np.median(counts[magic & whole])) if (magic & whole).any() else 0
    if n := int((~magic).sum()):
        lost["damaged block"] = n * typical
    if n := int((magic & ~whole).sum()):
        lost["block with a wrong checksum"] = n * typical
    kept = int(counts[magic & whole].sum())
    return kept + sum(lost.values()), kept, lost


def read_cwa(source: Source, _head: Head, hints: Hints) -> Iterator[Raw]:
    data = text.read_bytes(source)
    findings: list[Finding] = []
    rejected: dict[str, int] = {}
    expected, _, lost = cwa_blocks(data)
    if lost:
        what = ", ".join(f"{n} samples in {reason}s" for reason, n in lost.items())
        findings.append(Finding("corrupt", "warning", "rejected", f"{what}.", source.name,
                                sum(lost.values())))  # fmt: skip
    decoded = _decode(source, "ReadCwa")
    got = len(decoded["accel"])
    # What the library did not hand out is accounted for, whatever it held it to be.
    if expected > got:
        rejected["corrupt block"] = expected - got
    yield from _yield(source, hints, decoded, "Axivity", findings, rejected)


# GENEActiv -------------------------------------------------------------------------------------


def is_geneactiv(head: Head) -> bool:
    return head.data.startswith(b"Device Identity") and b"GENEActiv" in head.data[:400]


def read_geneactiv(source: Source, _head: Head, hints: Hints) -> Iterator[Raw]:
    data = text.read_bytes(source)
    pages = data.count(b"Recorded Data")
    decoded = _decode(source, "ReadBin")
    got, findings, rejected = len(decoded["accel"]), [], {}
    if pages * 300 > got:  # a page holds 300 samples
        rejected["corrupt page"] = pages * 300 - got
        message = f"{pages * 300 - got} samples of {pages} pages could not be decoded."
        findings.append(Finding("corrupt", "warning", "rejected", message, source.name))
    yield from _yield(source, hints, decoded, "GENEActiv", findings, rejected)


# ActiGraph -------------------------------------------------------------------------------------


def is_gt3x(head: Head) -> bool:
    return head.suffix == ".gt3x" and head.data[:2] == b"PK"


def read_gt3x(source: Source, _head: Head, hints: Hints) -> Iterator[Raw]:
    try:
        from pygt3x.reader import FileReader
    except ImportError as e:
        raise DataError(f"{source.name} needs pygt3x. {_INSTALL}") from e
    with _as_file(source) as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with FileReader(str(path)) as reader:
                frame = reader.to_pandas()
                rate = float(reader.info.sample_rate)
        except Exception as e:
            raise DataError(
                f"{source.name}: cannot be decoded ({type(e).__name__}: {e}). Is the file whole?"
            ) from e
    xyz = frame[["X", "Y", "Z"]].to_numpy(np.float64)
    decoded = {"accel": xyz, "time": np.asarray(frame.index, np.float64)}
    for raw in _yield(source, hints, decoded, "ActiGraph", [], {}):
        raw.rate_hz = rate
        yield raw


_ACTIGRAPH = re.compile(r"-+ Data (?:Table )?File Created By ActiGraph", re.IGNORECASE)


def is_actigraph_csv(head: Head) -> bool:
    return bool(_ACTIGRAPH.match(decode(head.data[:200])))


def read_actigraph_csv(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    """Raw exports, in g. Exports of counts per epoch hold no acceleration and are refused."""
    lines = decode(head.data).splitlines()
    top = "\n".join(lines[:10])
    if not re.search(r"at \d+ ?Hz", top):
        epoch = re.search(r"Epoch Period \(hh:mm:ss\) ([\d:]+)", top)
        length = f" of {epoch[1]}" if epoch else ""
        raise NotAcceleration(
            f"{source.name} holds activity counts per epoch{length}, not acceleration. "
            "Export the raw data (.gt3x, or raw CSV) from ActiLife."
        )
    found = re.search(r"at (\d+) ?Hz", top)
    assert found is not None
    named = any(c.isalpha() for c in lines[10].split(",")[-1])
    names = lines[10].split(",") if named else ["x", "y", "z"]
    axes = [n for n in names if re.search(r"\b[XYZ]\b", n, re.IGNORECASE)]
    columns, skipped = text.read_columns(
        text.read_bytes(source),
        names=names,
        include=axes,
        types=dict.fromkeys(axes, "float64"),
        skip_rows=11 if named else 10,
        where=source.name,
    )
    for raw in tables.stretches(
        source, hints, np.column_stack([columns[a] for a in axes]), time_s=None, unit="g",
        convention="android", gravity="present",
        rejected={"malformed line": skipped} if skipped else {},
        provenance={"recorder": "ActiGraph"},
    ):  # fmt: skip
        raw.rate_hz = float(found[1])
        yield raw


FORMATS = (
    Format("axivity", "Axivity .cwa", is_cwa, read_cwa),
    Format("geneactiv", "GENEActiv .bin", is_geneactiv, read_geneactiv),
    Format("gt3x", "ActiGraph .gt3x", is_gt3x, read_gt3x),
    Format("actigraph-csv", "ActiGraph raw CSV", is_actigraph_csv, read_actigraph_csv),
)
