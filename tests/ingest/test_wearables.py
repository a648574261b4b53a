"""Research wearables against reference decodes; damaged files give what is whole, and an account.

No `.gt3x` sample is at hand: that reader is proven on files written here in the published layout
(https://github.com/actigraph/GT3X-File-Format).
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har.errors import DataError
from har.ingest import discovery, resolution
from har.ingest.check import check
from har.ingest.formats.format import NotAcceleration
from har.ingest.repair import repair
from har.own_recordings import Table

G = 9.80665


def read(path, **settings):
    table = Table(path=str(path), subject="ann", placement="wrist", **settings)
    (source,) = discovery.find(table, path.parent).sources
    recordings, rejected, total = [], Counter(), 0
    for raw in resolution.read(source, table):
        repaired = repair(raw)
        recordings += repaired.recordings
        rejected += repaired.account.rejected
        total += repaired.account.samples_in
    assert total == sum(r.n_samples for r in recordings) + rejected.total()
    return recordings, rejected


@pytest.mark.dataset
@pytest.mark.parametrize(
    ("sample", "reference", "within_s"),  # a block of `.cwa` says its time to a sample
    [("ax3_sample.cwa", "ax3_data", 0.015), ("ax6_sample.cwa", "ax6_data", 0.015),
     ("gnactv_sample.bin", "gnactv_data", 2e-4)],
)  # fmt: skip
def test_decodes_are_the_references(data_mirror, sample, reference, within_s):
    """Those of scikit-digital-health."""
    folder = data_mirror / "device-samples" / "skdh"
    (got,), rejected = read(folder / sample)
    with np.load(folder / f"{reference}.npz") as known:
        np.testing.assert_allclose(got.acceleration / G, known["accel"], atol=6e-5)
        elapsed = known["time"] - known["time"][0]
        np.testing.assert_allclose(got.time_s, elapsed, atol=within_s)
    assert not rejected
    assert got.placement == "wrist"


@pytest.mark.dataset
def test_at_rest_they_read_one_g(data_mirror):
    """Specific force: its length at rest is +1 g, and the axis that points up is positive."""
    (got,), _ = read(data_mirror / "device-samples" / "skdh" / "ax3_sample.cwa")
    still = np.median(np.linalg.norm(got.acceleration, axis=1))
    assert still == pytest.approx(G, rel=0.1)


@pytest.mark.dataset
@pytest.mark.parametrize(
    ("name", "reader"),
    [("GGIRread/ax3_testfile.cwa", "ReadCwa"), ("GGIRread/ax6_testfile.cwa", "ReadCwa"),
     ("skdh/gnactv_sample.bin", "ReadBin")],
)  # fmt: skip
def test_whole_files_are_decoded_as_by_a_library(data_mirror, name, reader):
    decoders = pytest.importorskip("skdh.io")
    path = data_mirror / "device-samples" / name
    (got,), _ = read(path)
    with warnings.catch_warnings():  # of local times without a zone
        warnings.simplefilter("ignore")
        known = getattr(decoders, reader)().predict(file=str(path))
    np.testing.assert_allclose(got.acceleration / G, known["accel"], atol=1e-6)
    np.testing.assert_allclose(got.time_s, known["time"] - known["time"][0], atol=0.025)


@pytest.mark.dataset
def test_damaged_cwa_gives_its_whole_blocks(data_mirror):
    """Blocks 0, 13, 14, 142, 143 and 144 are damaged: 12 + 127 blocks of 120 samples are not."""
    folder = data_mirror / "device-samples" / "GGIRread"
    name = "ax3_testfile_corrupt_blocks_0_13_14_142_143_144.cwa"
    found, rejected = read(folder / name)
    assert [r.n_samples for r in found] == [12 * 120, 127 * 120]
    assert rejected == {"damaged block": 6 * 120}
    (whole,), _ = read(folder / "ax3_testfile.cwa")
    np.testing.assert_array_equal(found[0].acceleration, whole.acceleration[120 : 13 * 120])
    np.testing.assert_array_equal(found[1].acceleration, whole.acceleration[15 * 120 : 142 * 120])


@pytest.mark.dataset
def test_geneactiv_that_broke_off_gives_its_whole_pages(data_mirror):
    (got,), rejected = read(data_mirror / "device-samples" / "GGIRread" / "GENEActiv_testfile.bin")
    assert got.n_samples == 16 * 300
    assert rejected == {"damaged page": 300}
    assert got.rate_hz == pytest.approx(85.7, abs=0.1)


@pytest.mark.dataset
def test_counts_are_refused_with_what_to_do(data_mirror):
    with pytest.raises(DataError, match="activity counts per epoch of 00:00:15"):
        read(data_mirror / "device-samples" / "GGIRread" / "ActiGraph13.csv")


# ActiGraph, written here ------------------------------------------------------------------------

TICKS_1970 = 621_355_968_000_000_000
START = 1_500_000_000
SCALE = 256.0


def gt3x(path, xyz, *, rate=30, broken=()):
    """A `.gt3x` of ACTIVITY2 records (16-bit, one a second); checksums of `broken` are wrong."""
    log = bytearray()
    for second in range(len(xyz) // rate):
        payload = np.round(xyz[second * rate : (second + 1) * rate] * SCALE).astype("<i2").tobytes()
        record = bytes([0x1E, 0x1A]) + (START + second).to_bytes(4, "little")
        record += len(payload).to_bytes(2, "little") + payload
        checksum = (~int(np.bitwise_xor.reduce(np.frombuffer(record, np.uint8)))) & 0xFF
        log += record + bytes([checksum ^ 0xFF if second in broken else checksum])
    ticks = TICKS_1970 + START * 10_000_000
    info = "\r\n".join(
        [
            "Serial Number: TAS1H00000000", "Device Type: Link", "Firmware: 1.7.2",
            "Battery Voltage: 4.18", f"Sample Rate: {rate}", f"Start Date: {ticks}",
            "Stop Date: 0", f"Last Sample Time: {ticks}", "TimeZone: 00:00:00",
            f"Download Date: {ticks}", "Board Revision: 8", "Unexpected Resets: 0",
            f"Acceleration Scale: {SCALE}", "Acceleration Min: -8.0", "Acceleration Max: 8.0",
            "Subject Name: nobody",
        ]
    )  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("info.txt", info)
        archive.writestr("log.bin", bytes(log))
    return path


def signal(seconds=20, rate=30):
    t = np.arange(seconds * rate) / rate
    return np.column_stack([np.sin(t), 0.2 * np.cos(3 * t), 1 + 0.1 * np.sin(5 * t)])


def test_gt3x(tmp_path):
    pytest.importorskip("pygt3x")
    xyz = signal()
    (got,), rejected = read(gt3x(tmp_path / "a.gt3x", xyz))
    np.testing.assert_allclose(got.acceleration / G, xyz, atol=0.003)
    assert got.acceleration[:, 2].mean() == pytest.approx(G, rel=0.05)  # face up: +1 g on z
    assert got.rate_hz == pytest.approx(30, rel=1e-3)
    assert not rejected


def test_gt3x_with_damaged_seconds(tmp_path):
    pytest.importorskip("pygt3x")
    xyz = signal()
    (got,), rejected = read(gt3x(tmp_path / "a.gt3x", xyz, broken=(5, 6)))
    assert rejected == {"damaged record": 60}
    assert got.n_samples == 18 * 30
    assert np.diff(got.time_s).max() == pytest.approx(2 + 1 / 30, abs=1e-3)


# Damaged ----------------------------------------------------------------------------------------


def summed(block):
    """A block of `.cwa` whose words sum to zero again."""
    rest = int(np.frombuffer(block[:510], "<u2").astype(np.uint32).sum()) % 65536
    return block[:510] + ((65536 - rest) % 65536).to_bytes(2, "little")


def spoilt_bytes(draw, data):
    """Bytes changed, pieces cut off, left out or put in twice."""
    at = draw(st.integers(0, len(data) - 1))
    until = at + draw(st.integers(1, 600))
    return draw(st.sampled_from([
        data[:at], data[:at] + data[until:], data[:until] + data[at:],
        data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at + 1 :],
    ]))  # fmt: skip


def spoilt_cwa(draw, data):
    """A field or a sample of a block changed, and the block's sum with it."""
    at = 1024 + 512 * draw(st.integers(0, len(data) // 512 - 3))
    block = bytearray(data[at : at + 512])
    block[draw(st.integers(2, 40))] = draw(st.integers(0, 255))
    return data[:at] + summed(bytes(block)) + data[at + 512 :]


def spoilt_text(draw, data):
    """A number in the lines of a `.bin` changed, or a line left out or moved."""
    lines = data.split(b"\n")
    i, j = (draw(st.integers(0, len(lines) - 1)) for _ in "ij")
    name, _, _ = lines[i].partition(b":")
    odd = st.sampled_from([b"", b"0", b"-1", b"9" * 30, b"1e9", b"nan", b"3.5", b"."])
    lines[i] = draw(st.sampled_from([name + b":" + draw(odd), lines[j]]))
    return b"\n".join(lines)


def spoilt_gt3x(draw, data):
    """A record changed and its checksum with it, a line of the description changed, one lost."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    log, size = files["log.bin"], 9 + 180
    at = size * draw(st.integers(0, len(log) // size - 1))
    record = bytearray(log[at : at + size - 1])
    record[draw(st.integers(0, 12))] = draw(st.integers(0, 255))
    checksum = (~int(np.bitwise_xor.reduce(np.frombuffer(bytes(record), np.uint8)))) & 0xFF
    files["log.bin"] = log[:at] + bytes(record) + bytes([checksum]) + log[at + size :]
    if draw(st.booleans()):
        files["info.txt"] = spoilt_text(draw, files["info.txt"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in files.items():
            archive.writestr(name, part)
    return out.getvalue()


@pytest.mark.dataset
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize(
    ("name", "spoil"),
    [("GGIRread/ax3_testfile.cwa", spoilt_cwa), ("skdh/ax6_sample.cwa", spoilt_cwa),
     ("skdh/gnactv_sample.bin", spoilt_text), ("a.gt3x", spoilt_gt3x)],
)  # fmt: skip
def test_a_damaged_file_gives_recordings_or_a_reason(
    data_mirror, tmp_path_factory, name, spoil, data
):
    pytest.importorskip("pygt3x")
    folder = tmp_path_factory.mktemp("damaged")
    sample = data_mirror / "device-samples" / name
    if name == "a.gt3x":
        sample = gt3x(folder / name, signal())
    content = sample.read_bytes()[: 1024 + 16 * 512]
    content = sample.read_bytes() if name == "a.gt3x" else content
    for _ in range(data.draw(st.integers(1, 3))):
        content = spoil(data.draw, content)
    if data.draw(st.booleans()):
        content = spoilt_bytes(data.draw, content)
    (folder / sample.name).write_bytes(content)
    report = check(folder, root=folder)
    assert all(f.samples_in == f.kept + f.rejected.total() for f in report.files)


ACTIGRAPH = """\
------------ Data File Created By ActiGraph GT3X+ ActiLife v6.11.9 Firmware v3.2.1 date format \
M/d/yyyy at 30 Hz  Filter Normal -----------
Serial Number: NEO1F00000000
Start Time 14:30:00
Start Date 6/27/2012
Epoch Period (hh:mm:ss) 00:00:00
Download Time 10:16:36
Download Date 6/28/2012
Current Memory Address: 0
Current Battery Voltage: 4.22     Mode = 12
--------------------------------------------------
"""
AXES = "Accelerometer X,Accelerometer Y,Accelerometer Z"


def actigraph(path, xyz, header="", *, comma=False):
    rows = [",".join(f"{v:.3f}" for v in row) for row in xyz]
    if header.startswith("Timestamp"):
        rows = [f"6/27/2012 14:30:{i / 30:06.3f},{row}" for i, row in enumerate(rows)]
    if "Gyro" in header:
        rows = [f"{row},31.5,900,-900,900" for row in rows]
    lines = "\n".join([header.strip("\n"), *rows] if header.strip() else rows) + "\n"
    if comma:
        lines = lines.replace(",", ";").replace(".", ",")
    path.write_text(ACTIGRAPH + "\n" * header.startswith("\n") + lines)
    return path


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize(
    "header",
    ["", AXES, f"\n{AXES}", f"\n\n{AXES}", "\n", f"Timestamp,{AXES}", "Axis X,Axis Y,Axis Z",
     f"Timestamp,{AXES},Temperature,Gyroscope X,Gyroscope Y,Gyroscope Z"],
)  # fmt: skip
def test_actigraph_raw_csv(tmp_path, header, comma):
    xyz = signal()
    (got,), rejected = read(actigraph(tmp_path / "raw.csv", xyz, header, comma=comma))
    np.testing.assert_allclose(got.acceleration / G, xyz, atol=6e-4)
    assert (got.rate_hz, got.n_samples, rejected) == (30, len(xyz), {})


def test_actigraph_without_samples_and_with_counts(tmp_path):
    path = actigraph(tmp_path / "raw.csv", [], AXES)
    assert read(path) == ([], Counter())
    path = actigraph(path, np.ones((40, 3)), "Axis1,Axis2,Axis3")
    path.write_text(path.read_text().replace("(hh:mm:ss) 00:00:00", "(hh:mm:ss) 00:00:10"))
    with pytest.raises(NotAcceleration, match="counts per epoch of 00:00:10"):
        read(path)
