"""Where the header ends and the data begin."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har.errors import HarError
from har.ingest import discovery, resolution
from har.ingest.check import check
from har.ingest.formats import headers
from har.ingest.raw import REPEATED_HEADER
from har.ingest.repair import repair
from har.own_recordings import Table

sys.path.insert(0, str(Path(__file__).parent))
from exports import G, walk

T, A = walk()
ROWS = [f"{t:.2f},{x:.4f},{y:.4f},{z:.4f}" for t, (x, y, z) in zip(T, A, strict=True)]
DATES = [f"2019-01-25 10:00:{t:06.3f},{x:.4f},{y:.4f},{z:.4f}"
         for t, (x, y, z) in zip(T, A / G, strict=True)]  # fmt: skip
NAMED = {"time": "_0", "x": "_1", "y": "_2", "z": "_3"}


def only(folder, lines, name="a.csv", end="\n", **said):
    (folder / name).write_text(end.join(lines) + end, newline="")
    table = Table(path="*", subject="ann", **said)
    (source,) = discovery.find(table, folder).sources
    (raw,) = resolution.read(source, table)
    return repair(raw, {"convention": "android"})


def is_whole(repaired, rejected=None):
    (recording,) = repaired.recordings
    np.testing.assert_allclose(recording.acceleration, A, atol=1e-3)
    assert recording.rate_hz == pytest.approx(50)
    assert dict(repaired.account.rejected) == (rejected or {})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "above",
    [
        ["time,x,y,z"],
        ["sep=,", "time,x,y,z"],
        ['"sep=,"', "time,x,y,z", "s,m/s^2,m/s^2,m/s^2"],
        ["# made by hand", "", "# time,x,y,z"],
        ["#time [s],a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]"],
        ["% a, comment", "time,x,y,z", "# and, another"],
        ["Device: Logger 5", "Rate,50", "Range (g),8,of 16", "", "time,x,y,z"],
        ["imu,imu,imu,imu", "time,Accel_X,Accel_Y,Accel_Z", "CAL,CAL,CAL,CAL",
         "s,m/(s^2)*,m/(s^2)*,m/(s^2)*"],
        ["time,x,y,z,"],
        ["s,m/s2,m/s2,m/s2", "time,x,y,z"],
        ["Device: Logger 5", "(s),(m/s^2),(m/s^2),(m/s^2)", "", "time,x,y,z"],
        ["# s,m/s2,m/s2,m/s2", "# time,x,y,z"],
        ["7,2024,11,5", "time,x,y,z"],
        ["7,2024,11,5,16", "", "1,2,3,4", "time,x,y,z", "s,m/s2,m/s2,m/s2"],
        ["50,8,16", "12", "7,2024,11,5", "s,m/s2,m/s2,m/s2", "time,x,y,z"],
    ],
)  # fmt: skip
def test_what_comes_before_the_data_is_no_sample(tmp_path, above, end):
    is_whole(only(tmp_path, [*above, *ROWS], end=end))


def test_a_line_of_units_says_the_unit(tmp_path):
    rows = [f"{t * 1000:.0f},{x * 1000 / G:.2f},{y * 1000 / G:.2f},{z * 1000 / G:.2f}"
            for t, (x, y, z) in zip(T, A, strict=True)]  # fmt: skip
    for lines in (["timestamp,x,y,z", "ms,mg,mg,mg"], ["ms,mg,mg,mg", "timestamp,x,y,z"]):
        repaired = only(tmp_path, [*lines, *rows])
        assert repaired.raw.unit == "mg"
        np.testing.assert_allclose(repaired.recordings[0].acceleration, A, atol=1e-3)


def test_a_long_run_of_numbers_above_a_header_line_is_no_preamble(tmp_path):
    repaired = only(tmp_path, [*ROWS[:300], "time,x,y,z", *ROWS[300:]], columns=NAMED)
    is_whole(repaired, {"not finite": 1})


@pytest.mark.parametrize("rows", [ROWS, DATES])
@pytest.mark.parametrize("above", [[], ["# comment"], ["sep=,"], ["", ""]])
def test_a_first_line_of_numbers_is_data(tmp_path, rows, above):
    is_whole(only(tmp_path, [*above, *rows], columns=NAMED))


def test_a_first_row_with_values_missing_is_data(tmp_path):
    rows = ["0.00,,,", *ROWS[1:]]
    assert only(tmp_path, rows, columns=NAMED).raw.n_in == len(rows)
    assert only(tmp_path, ["time,x,y,z", *rows]).raw.n_in == len(rows)


def test_header_lines_that_come_again_are_counted_as_such(tmp_path):
    lines = ["time,x,y,z", *ROWS[:300], "time,x,y,z", *ROWS[300:600], " time,x,y,z ", *ROWS[600:]]
    repaired = only(tmp_path, lines)
    is_whole(repaired, {REPEATED_HEADER: 2})
    assert any("occurs 2 more times" in f.message for f in repaired.account.findings)


@pytest.mark.parametrize("separator", [" ", "   ", "\t", ";", "|", ", "])
@pytest.mark.parametrize("header", [True, False])
def test_every_separator(tmp_path, separator, header):
    lines = [line.replace(",", separator) for line in ROWS]
    if header:
        is_whole(only(tmp_path, [separator.join(["time", "x", "y", "z"]), *lines]))
    else:
        is_whole(only(tmp_path, lines, columns=NAMED))


def test_a_decimal_comma_in_quotes(tmp_path):
    rows = [",".join(f'"{v}"'.replace(".", ",") for v in line.split(",")) for line in ROWS]
    is_whole(only(tmp_path, ["time,x,y,z", *rows]))


def test_counts_without_a_header_that_end_in_another_separator(tmp_path):
    rows = [f" {x:.0f}, {y:.0f}, {z:.0f}, 7,-8,{i};"
            for i, (x, y, z) in enumerate(A / G * 256)]  # fmt: skip
    (tmp_path / "D01.txt").write_text("\n".join(rows))
    (rejected,) = discovery.find(Table(path="*"), tmp_path).rejected
    assert "_0, _1" in rejected[1]
    said = {"x": "_0", "y": "_1", "z": "_2"}
    repaired = only(tmp_path, rows, "D01.txt", columns=said, rate_hz=200, counts_per_g=256)
    assert repaired.account.kept == len(A)
    np.testing.assert_allclose(repaired.recordings[0].acceleration, A, atol=0.03)
    said = {"x": "_3", "y": "_4", "z": "_5"}
    raw = only(tmp_path, rows, "D01.txt", columns=said, rate_hz=200, counts_per_g=256).raw
    np.testing.assert_allclose(raw.acceleration[:, 2] * 256, np.arange(len(A)))


def test_a_table_of_words_has_names():
    header = headers.read(["file;who", "a.csv;ann", "b.csv;bob"])
    assert (header.columns, header.skip_rows) == (("file", "who"), 1)
    prose = ["Some prose, in a file, of notes.", "And more of it.", "One walk, one phone, one hip."]
    assert headers.read(prose) == headers.Header()
    numbers = [
        "# Case 43",
        "",
        "839, 841, 900",
        "- Source: own trial",
        "- 900 rows, once named",
        "- x",
    ]
    assert headers.read(numbers) == headers.Header()


ENDLESS = {
    "a pattern": "acceleration " + "_.- " * 4000, "dates": "1/1/1 " * 2500, "spaces": " " * 16_000,
    "words": "accel_x" * 2000, "units": "x (" + "m/s " * 3000, "signs": "[(" * 6000,
    "letters": "aB" * 7500, "names": ",".join(f"x{i},y{i},z{i}" for i in range(700)),
}  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_name_is_told_of_at_once(tmp_path, kind):
    (tmp_path / "a.csv").write_text("\n".join([f"{ENDLESS[kind]},x,y,z", *ROWS]) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(["time,x,y,z", f"{ENDLESS[kind]},1,2,3"] * 30) + "\n")
    report = check(tmp_path, root=tmp_path)
    assert max(len(f.message) for f in report.findings()) < 700


FIELD = st.one_of(
    st.sampled_from(["", "x", "acc_x", "time", "nan", "-", "1,5", "1.5", "ACC", "2019-01-25", "g",
                     '"', "sep=;", "#", "1e400", "m/s^2", "\x0b", "é", "10:00", ";", "inf", "_0"]),
    st.floats().map(repr), st.text(max_size=6),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_table_gives_recordings_or_a_reason(tmp_path_factory, data):
    """Headers, rows and separators of all sorts: an account that adds up, or a `HarError`."""
    separator = data.draw(st.sampled_from([",", ";", "\t", " ", "|", ", "]))
    head = data.draw(st.sampled_from([
        ["time,x,y,z"], [], ["sep=;"], ["t,gx,gy,gz,ax,ay,az"], ["time,sensor,x,y,z"],
        ["time,x,y,z,label"], ["a,b"], ["x,y,z", "g,g,g"], ["#t,acc_x,acc_y,acc_z"],
        ["time,acc1_x,acc1_y,acc1_z,acc2_x,acc2_y,acc2_z"],
    ]))  # fmt: skip
    rows = [*ROWS[: data.draw(st.integers(0, 80))]]
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(rows)))
        rows[at:at] = [",".join(data.draw(st.lists(FIELD, max_size=8)))]
    text = data.draw(st.sampled_from(["\n", "\r\n", "\r"])).join([*head, *rows])
    folder = tmp_path_factory.mktemp("any")
    coded = text.replace(",", separator).encode(data.draw(st.sampled_from(["utf-8", "utf-16"])),
                                                "replace")  # fmt: skip
    (folder / "a.csv").write_bytes(coded)
    report = check(folder, root=folder)
    assert all(f.samples_in == f.kept + f.rejected.total() for f in report.files)
    width = len(head[-1].split(",")) if head else 4
    axes = data.draw(st.permutations([f"_{i}" for i in range(max(width, 3))]))[:3]
    table = Table(path="*", columns=dict(zip("xyz", axes, strict=True)), rate_hz=50, unit="g",
                  gravity="present", subject="ann")  # fmt: skip
    try:
        for source in discovery.find(table, folder).sources:
            for raw in resolution.read(source, table):
                repair(raw, {"convention": "android"}).account.check()
    except HarError:
        pass
