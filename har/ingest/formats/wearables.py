"""Research wearables: Axivity `.cwa`, GENEActiv `.bin`, ActiGraph `.gt3x` and raw CSV.

ActiGraph's binary files are decoded by pygt3x, of the extra `wearables`. All devices report
specific force in g: flat on a table, face up, they read +1 g along the axis that points up.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from har.errors import DataError
from har.ingest import content
from har.ingest.formats import cells, cwa, geneactiv, sensors, tables
from har.ingest.formats.format import Format, Head, Hints, NotAcceleration, decode
from har.ingest.formats.headers import listed
from har.ingest.raw import Finding, Raw, Source, runs

_INSTALL = "Install the extra: pip install 'har-accelerometer[wearables]'"


def _yield(
    source: Source, hints: Hints, time: np.ndarray, acceleration: np.ndarray, device: str,
    findings: list[Finding], rejected: dict[str, int], suffix: str = "",
) -> Iterator[Raw]:  # fmt: skip
    time = np.where(np.isfinite(time), time, np.nan)
    begin = next(iter(time[np.isfinite(time)].tolist()), 0.0)
    start = None
    with contextlib.suppress(OverflowError, ValueError):  # a damaged stamp
        start = datetime.fromtimestamp(begin, UTC).replace(tzinfo=None)
    for raw in tables.stretches(
        source, hints, acceleration, time_s=time - begin, unit="g",
        convention="android", gravity="present", rejected=rejected, findings=findings,
        provenance={"recorder": device}, start_time=start,
    ):  # fmt: skip
        raw.session += suffix
        yield raw


# Axivity ---------------------------------------------------------------------------------------


def is_cwa(head: Head) -> bool:
    return head.data[:2] == b"MD" and len(head.data) > cwa.HEADER


def read_cwa(source: Source, _head: Head, hints: Hints) -> Iterator[Raw]:
    """Damaged blocks are left out; the whole ones on either side become recordings of their own."""
    data = content.read_bytes(source)
    whole, fields = cwa.blocks(data)
    if not whole.any():
        raise DataError(f"{source.name}: it has no complete block of data.")
    findings: list[Finding] = []
    rejected: dict[str, int] = {}
    if lost := int((~whole).sum()):
        samples = lost * int(np.median(fields["n"][whole]))
        message = f"{lost} of {len(whole)} blocks are damaged ({samples} samples)."
        findings = [Finding("corrupt", "warning", "rejected", message, source.name, lost)]
        rejected = {"damaged block": samples}
    for number, (a, b) in enumerate((a, b) for a, b in runs(whole) if whole[a]):
        time, acceleration = cwa.decode(data, a, b)
        name = "" if number == 0 else f"~{number + 1}"
        yield from _yield(source, hints, time, acceleration, "Axivity", findings, rejected, name)
        findings, rejected = [], {}


# GENEActiv -------------------------------------------------------------------------------------


def is_geneactiv(head: Head) -> bool:
    return head.data.startswith(b"Device Identity") and b"GENEActiv" in head.data[:400]


def read_geneactiv(source: Source, _head: Head, hints: Hints) -> Iterator[Raw]:
    """Pages of 300 samples; those that are damaged or broke off are left out."""
    data = content.read_bytes(source)
    header, found = geneactiv.pages(data)
    whole = sum(page is not None for page in found)
    if not whole:
        raise DataError(f"{source.name}: it has no complete page of data.")
    try:
        time, acceleration = geneactiv.decode(header, found)
    except ValueError as e:
        raise DataError(f"{source.name}: cannot be decoded ({e}).") from e
    lost = len(found) - whole
    rejected = {"damaged page": lost * geneactiv.PAGE_SAMPLES} if lost else {}
    named = re.search(rb"\nNumber of Pages:(\d{1,9})\s", header)
    said = int(named[1]) if named else len(found)
    findings: list[Finding] = []
    if lost or said != whole:
        message = f"{whole} whole pages of {said} named in the header, {lost} damaged."
        findings = [Finding("corrupt", "warning", "rejected", message, source.name, lost)]
    yield from _yield(source, hints, time, acceleration, "GENEActiv", findings, rejected)


# ActiGraph -------------------------------------------------------------------------------------


def is_gt3x(head: Head) -> bool:
    return head.suffix == ".gt3x" and head.data[:2] == b"PK"


def gt3x_damaged(data: bytes) -> int:
    """Activity records of a `.gt3x` file whose checksum is wrong.

    A record of `log.bin`: 0x1E, type, timestamp (4 bytes), size (2 bytes), payload, and the
    complement of the exclusive or of all of these [1]_.

    References
    ----------
    .. [1] https://github.com/actigraph/GT3X-File-Format
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "log.bin" not in archive.namelist():
            return 0
        log = archive.read("log.bin")
    at, damaged = 0, 0
    while at + 9 <= len(log) and log[at] == 0x1E:
        size = int.from_bytes(log[at + 6 : at + 8], "little")
        record = np.frombuffer(log[at : at + 8 + size], np.uint8)
        end = at + 8 + size
        if end >= len(log):
            return damaged + (log[at + 1] in (0x00, 0x1A))
        good = (~int(np.bitwise_xor.reduce(record))) & 0xFF == log[end]
        damaged += not good and log[at + 1] in (0x00, 0x1A)
        at = end + 1
    return damaged


def read_gt3x(source: Source, _head: Head, hints: Hints) -> Iterator[Raw]:
    """Seconds in which the device slept are gaps; the library's filling-in is left out."""
    try:
        from pygt3x.reader import FileReader
    except ImportError as e:
        raise DataError(f"{source.name} needs pygt3x. {_INSTALL}") from e
    data = content.read_bytes(source)
    logging.getLogger("pygt3x").setLevel(logging.CRITICAL)  # what it finds damaged is counted here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            damaged = gt3x_damaged(data)
            with FileReader(io.BytesIO(data)) as reader:  # a file it would leave open if damaged
                frame = reader.to_pandas()
                rate = float(reader.info.sample_rate)
        except Exception as e:
            raise DataError(
                f"{source.name}: cannot be decoded ({type(e).__name__}: {e}). Is the file complete?"
            ) from e
    if not rate > 0:
        raise DataError(
            f"{source.name}: its info.txt has a sample rate of {rate:g}. Is it complete?"
        )
    findings: list[Finding] = []
    asleep = (
        frame["IdleSleepMode"].to_numpy(bool) if "IdleSleepMode" in frame else np.zeros(0, bool)
    )
    if asleep.any():
        message = f"{asleep.sum() / rate:.0f} s of idle sleep: left as gaps."
        findings.append(Finding("idle-sleep", "info", "kept", message, source.name))
        frame = frame[~asleep]
    rejected = {"damaged record": int(damaged * rate)} if damaged else {}
    if damaged:
        message = f"{damaged} records (of 1 s) have a wrong checksum."
        findings.append(Finding("corrupt", "warning", "rejected", message, source.name, damaged))
    xyz = frame[["X", "Y", "Z"]].to_numpy(np.float64)
    time = np.asarray(frame.index, np.float64)
    for raw in _yield(source, hints, time, xyz, "ActiGraph", findings, rejected):
        raw.rate_hz = rate
        yield raw


_ACTIGRAPH = re.compile(r"-+ Data (?:Table )?File Created By ActiGraph", re.IGNORECASE)


def is_actigraph_csv(head: Head) -> bool:
    return bool(_ACTIGRAPH.match(decode(head.data[:200])))


def read_actigraph_csv(source: Source, head: Head, hints: Hints) -> Iterator[Raw]:
    """Raw exports, in g. Exports of counts per epoch hold no acceleration and are refused."""
    top = decode(head.data[:2048])
    epoch = re.search(r"Epoch Period \(hh:mm:ss\) ([\d:]+)", top)
    rate = re.search(r"at (\d+) ?Hz", top)
    if rate is None or (epoch and epoch[1].strip("0:")):
        length = f" of {epoch[1]}" if epoch else ""
        raise NotAcceleration(
            f"{source.name} holds activity counts per epoch{length}, not acceleration. "
            "Export the raw data (.gt3x, or raw CSV) from ActiLife."
        )
    names = head.names
    if not names:  # nothing but the lines above a table
        return
    named = (t for t in sensors.triples(names) if t.kind != sensors.OTHER)
    axes = [*next((t.names for t in named), names[-3:])]
    if len(axes) != 3:
        raise DataError(f"{source.name}: no three axes in it; its columns are {listed(names)}.")
    columns, rejected = cells.columns_of(source, head, dict.fromkeys(axes, "float64"))
    for raw in tables.stretches(
        source, hints, np.column_stack([columns[a] for a in axes]), time_s=None, unit="g",
        convention="android", gravity="present",
        rejected=rejected,
        provenance={"recorder": "ActiGraph"},
    ):  # fmt: skip
        raw.rate_hz = float(rate[1])
        yield raw


FORMATS = (
    Format("axivity", "Axivity .cwa", is_cwa, read_cwa),
    Format("geneactiv", "GENEActiv .bin", is_geneactiv, read_geneactiv),
    Format("gt3x", "ActiGraph .gt3x", is_gt3x, read_gt3x),
    Format("actigraph-csv", "ActiGraph raw CSV", is_actigraph_csv, read_actigraph_csv),
)
