"""One door: the same file gives the same recordings, whoever asks for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

import har
from har.errors import DataError
from har.fanout import Crew
from har.ingest import check, chunks, discovery, opening, reading, recording_files, resolution
from har.ingest.clean import clean
from har.ingest.datasets import watch
from har.ingest.order import period_s
from har.ingest.raw import Raw
from har.ingest.repair import NOT_READ, repair, repair_source
from har.own_recordings import Table
from har.recording import Recording
from har.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import walk

G = exports.G
ANDROID = {"convention": "android"}


@dataclass
class Answer:
    """What a door gave: of each recording times, samples, rate and labelled seconds."""

    recordings: list[tuple[np.ndarray, np.ndarray, float, list[tuple[str, float, float]]]]
    rejected: Counter[str]


@dataclass
class Case:
    """A folder of recordings, what is said of it, and what must come out."""

    said: dict[str, str | float]
    truth: list[tuple[np.ndarray, np.ndarray]]
    labels: list[list[tuple[str, float, float]]]
    rejected: dict[str, int] = field(default_factory=dict)


def written(folder, t, a, labels=None, *, header="time,x,y,z"):
    """A table; returns its lines, so that a case can damage them."""
    lines = [header + (",label" if labels else "")]
    for i, (s, xyz) in enumerate(zip(t, a, strict=True)):
        cells = [f"{s:.6f}", *(f"{v:.7f}" for v in xyz), *([labels[i]] if labels else [])]
        lines.append(",".join(cells[0 if header.startswith("time") else 1 :]))
    folder.mkdir()
    return folder / "a.csv", lines


def clean_table(folder):
    t, a = walk(seconds=60)
    labels = ["walk"] * 1000 + [""] * 500 + ["sit"] * 1500
    path, lines = written(folder, t, a, labels)
    path.write_text("\n".join(lines) + "\n")
    return Case(ANDROID, [(t, a)], [[("walk", 0, 20), ("sit", 30, 60)]])


def in_g(folder):
    t, a = walk(seconds=60)
    path, lines = written(folder, t, a / G)
    path.write_text("\n".join(lines) + "\n")
    return Case(ANDROID, [(t, a)], [[]])


def untidy(folder):
    """Neighbours that changed places, rows that came twice, and a clock that began anew."""
    t, a = walk(seconds=60)
    t[1700:] -= 30
    path, (head, *rows) = written(folder, t, a, ["walk"] * 3000)
    for i in (40, 900, 2500):
        rows[i], rows[i + 1] = rows[i + 1], rows[i]
    for i in (2900, 1699, 1000, 7):
        rows.insert(i + 1, rows[i])
    path.write_text("\n".join([head, *rows]) + "\n")
    truth = [(t[:1700], a[:1700]), (t[1700:] - t[1700], a[1700:])]
    labels = [[("walk", 0, 34)], [("walk", 0, 26)]]
    return Case(ANDROID, truth, labels, {"repeated instant": 4})


def with_holes(folder):
    """Empty cells, words among the numbers, rows without a time, and a line that broke off."""
    t, a = walk(seconds=60)
    path, (head, *rows) = written(folder, t, a)
    keep = np.ones(3000, bool)
    for i, damage in (
        (5, lambda r: r.replace(r.split(",")[1], "")),
        (1200, lambda r: r.replace(r.split(",")[2], "ERR")),
        (2000, lambda r: r.replace(r.split(",")[3], "NaN")),
        (2500, lambda r: r.replace(r.split(",")[0], "", 1)),
        (2600, lambda r: r.rpartition(",")[0]),
    ):
        rows[i], keep[i] = damage(rows[i]), False
    path.write_text("\n".join([head, *rows]) + "\n")
    rejected = {"not finite": 3, "no time": 1, "malformed line": 1}
    return Case(ANDROID, [(t[keep], a[keep])], [[]], rejected)


def timeless(folder):
    t, a = walk(seconds=60)
    path, lines = written(folder, t, a, ["walk"] * 3000, header="x,y,z")
    path.write_text("\n".join(lines) + "\n")
    return Case({**ANDROID, "rate_hz": 50.0}, [(t, a)], [[("walk", 0, 60)]])


def ios_logger(folder):
    t, a = walk(seconds=60)
    exports.sensor_logger(folder, t, -a, platform="ios", marks=[(5.0, "walk"), (12.0, "run")])
    return Case({}, [(t, a)], [[("walk", 5, 12), ("run", 12, 60)]])


def with_gaps(folder):
    t, a = walk(seconds=60)
    t[800:] += 3.0
    t[2000:] += 40.0
    path, lines = written(folder, t, a, ["walk"] * 1500 + ["run"] * 1500)
    path.write_text("\n".join(lines) + "\n")
    return Case(ANDROID, [(t, a)], [[("walk", 0, t[1500]), ("run", t[1500], 103)]])


def by_ticks(folder):
    """A clock of tenths of a second over samples at 50 Hz."""
    t, a = walk(seconds=60)
    path, lines = written(folder, np.floor(t * 10 + 1e-9) / 10, a)
    path.write_text("\n".join(lines) + "\n")
    return Case(ANDROID, [(t, a)], [[]])


CASES = [clean_table, in_g, untidy, with_holes, timeless, ios_logger, with_gaps, by_ticks]


# The doors --------------------------------------------------------------------------------------


def answer(recordings: list[Recording], rejected=None) -> Answer:
    found = []
    for r in recordings:
        t = np.arange(r.n_samples) / r.rate_hz if r.time_s is None else np.asarray(r.time_s)
        ends = np.append(t, t[-1] + 1 / r.rate_hz)
        notes = [(n.label, float(t[n.start]), float(ends[n.end])) for n in r.annotations]
        found.append((t, np.asarray(r.acceleration), r.rate_hz, notes))
    if rejected is None:
        rejected = recordings[0].provenance.get("rejected", {}) if recordings else {}
    return Answer(found, Counter(rejected))


def by_run(root, table, _monkeypatch):
    folder = root / "out"
    reading.ingest(table, folder, workspace=Workspace(root), crew=Crew(1, Console(quiet=True)))
    account = json.loads((folder / "account.json").read_text())
    rejected = sum((Counter(s["rejected"]) for s in account["sources"]), Counter())
    return answer(recording_files.read(folder), rejected)


def by_check(root, table, monkeypatch):
    seen = []

    def watched(*arguments):
        seen.extend(stretches := repair_source(*arguments))
        return stretches

    monkeypatch.setattr(check, "repair_source", watched)
    path = root / "pipeline.yaml"
    said = table.model_dump(exclude_defaults=True)
    path.write_text(yaml.safe_dump({"dataset": said, "models": ["cnn"]}))
    whole = check.check(path, root=root).whole
    found = [r for repaired in seen for r in repaired.recordings]
    assert (whole.recordings, whole.kept) == (len(found), sum(r.n_samples for r in found))
    assert whole.samples_in == whole.kept + whole.rejected.total()
    return answer(found, whole.rejected)


def by_predict(root, table, _monkeypatch):
    found, rejected = [], Counter()
    for source in opening.open_path(root / table.path, table):
        parts = list(source.chunks)
        t = np.concatenate([c.time_s for c in parts])
        steps = np.diff(t)
        rate = 1 / steps[steps < 4 * np.median(steps)].mean()
        notes = [(label, a, b) for a, b, label in source.annotations]
        found.append((t, np.concatenate([c.samples for c in parts]), rate, notes))
        rejected += source.rejected
    return Answer(found, rejected)


def by_predict_in_parts(root, table, monkeypatch):
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 20_000)
    monkeypatch.setattr(chunks, "HOLD_S", 2.0)
    return by_predict(root, table, monkeypatch)


def by_data_set(root, table, _monkeypatch):
    sources = discovery.find(table, root).sources
    read = resolution.resolve(table, sources).read
    dataset = replace(watch.DATASET, sources=lambda _folder, _placement: sources, read=read)
    return answer(list(dataset.recordings(root)))


def by_notebook(root, table, _monkeypatch):
    said = table.model_dump(exclude_defaults=True, exclude={"path"})
    return answer(list(har.read(root / table.path, **said)))


DOORS = [by_run, by_check, by_predict, by_predict_in_parts, by_data_set, by_notebook]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("make", CASES)
def test_every_door_gives_the_same_recordings(tmp_path, monkeypatch, make, door):
    case = make(tmp_path / "rec")
    table = Table(path="rec", subject="ann", **case.said)
    got = door(tmp_path, table, monkeypatch)
    assert got.rejected == case.rejected
    assert len(got.recordings) == len(case.truth)
    for (t, a, rate, notes), truth, labels in zip(
        got.recordings, case.truth, case.labels, strict=True
    ):
        np.testing.assert_allclose(t, truth[0], atol=2e-6)
        np.testing.assert_allclose(a, truth[1], atol=2e-6)
        assert rate == pytest.approx(50, rel=2e-3)
        assert [n[0] for n in notes] == [n[0] for n in labels]
        np.testing.assert_allclose([n[1:] for n in notes], [n[1:] for n in labels], atol=1e-4)


@pytest.mark.parametrize("door", [by_check, by_predict, by_data_set, by_notebook])
@pytest.mark.parametrize("make", CASES)
def test_to_the_bit(tmp_path, monkeypatch, make, door):
    case = make(tmp_path / "rec")
    table = Table(path="rec", subject="ann", **case.said)
    expected = by_run(tmp_path, table, monkeypatch)
    got = door(tmp_path, table, monkeypatch)
    for one, other in zip(got.recordings, expected.recordings, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
        assert one[2] == pytest.approx(other[2], rel=1e-12)
        assert one[3] == other[3]


def test_a_long_file_is_read_in_parts(tmp_path, monkeypatch):
    """Where it can be: the cases above would be the same if all were read whole."""
    read = []
    of_parts = chunks.of_parts
    monkeypatch.setattr(
        chunks, "of_parts", lambda parts, like: read.append(like.source) or of_parts(parts, like)
    )
    for make in CASES:
        root = tmp_path / make.__name__
        root.mkdir()
        table = Table(path="rec", **make(root / "rec").said)
        by_predict_in_parts(root, table, monkeypatch)
    assert len(read) == len(CASES) - 2  # not without a time, nor by a coarse clock


# What the doors do where something is not known ---------------------------------------------------


def test_a_sensor_that_did_not_run_gives_nothing_anywhere(tmp_path, monkeypatch):
    t, a = walk()
    path, lines = written(tmp_path / "rec", t, np.ones_like(a))
    path.write_text("\n".join(lines) + "\n")
    table = Table(path="rec", subject="ann", unit="m/s2", **ANDROID)
    assert by_check(tmp_path, table, monkeypatch).rejected == {"flat sensor": 1000}
    assert by_data_set(tmp_path, table, monkeypatch).recordings == []
    for door in (by_run, by_predict, by_notebook):
        with pytest.raises(DataError):
            door(tmp_path, table, monkeypatch)


def test_what_must_be_known_is_asked_for_or_supposed(tmp_path, monkeypatch):
    """A run, a data set and a notebook ask for the sign; a check goes on; a prediction says
    Android."""
    t, a = walk()
    path, lines = written(tmp_path / "rec", t, a)
    path.write_text("\n".join(lines) + "\n")
    table = Table(path="rec", subject="ann")
    for door in (by_run, by_data_set, by_notebook):
        with pytest.raises(DataError, match=r"Set dataset\.convention"):
            door(tmp_path, table, monkeypatch)
    for door in (by_check, by_predict):
        ((_, samples, *_),) = door(tmp_path, table, monkeypatch).recordings
        np.testing.assert_allclose(samples, a, atol=2e-6)


def test_raw_counts_are_refused_in_a_table_that_should_be_in_ms2(tmp_path, monkeypatch):
    t, a = walk()
    path, lines = written(tmp_path / "rec", t, a * 16384 / G)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="raw counts"):
        by_predict(tmp_path, Table(path="rec", **ANDROID), monkeypatch)


def raw(n=100, **changes):
    values = {
        "dataset": "own", "subject": "ann", "session": "1", "placement": "wrist",
        "acceleration": walk(seconds=n / 50)[1], "unit": "m/s2", "convention": "android",
        "rate_hz": 50.0, "source": "file.csv", "notes": [("walk", 0, n)],
    }  # fmt: skip
    return Raw(**(values | changes))


def test_a_notebooks_plain_call():
    given = raw(gravity=None, convention=None)
    repaired = repair(given)
    assert repaired.recordings == []
    assert repaired.account.rejected == {NOT_READ: 100}
    assert [f.code for f in repaired.problems] == ["convention"]
    repaired = repair(given, {"convention": "android"})
    assert [r.n_samples for r in repaired.recordings] == [100]
    assert repaired.raw.gravity == "present"
    assert repaired.supposed == {"convention": "android"}
    assert repaired.problems == []
    assert (given.findings, given.gravity) == ([], None)  # what was given is not changed


def test_one_sample_after_a_restart_is_a_recording():
    t = np.append(np.arange(99) / 50, 0.1)
    found, _ = clean(raw(time_s=t, rate_hz=None))
    assert [r.n_samples for r in found] == [99, 1]
    assert [r.rate_hz for r in found] == pytest.approx([50, 50])


# In parts ---------------------------------------------------------------------------------------


@st.composite
def rows_in_parts(draw):
    """Steps of the clock, rows without a value, labels, and where the parts end."""
    n = draw(st.integers(1, 40))
    kinds = st.sampled_from([0.02, 0.02, 0.0, -0.2, 5.0, -4.0, 13.0, np.nan])
    steps = draw(st.lists(kinds, min_size=n, max_size=n))
    empty = draw(st.sets(st.integers(0, n - 1), max_size=5))
    labels = draw(st.lists(st.sampled_from(["", "sit", "walk"]), min_size=n, max_size=n))
    return steps, empty, labels, sorted(draw(st.sets(st.integers(1, n), max_size=4)))


SHARED_BEFORE_A_GAP = [*[0.02] * 9, -4.0, 0.0, 0.02, 13.0, *[0.02] * 4, -0.2]
STEP_BACK_AFTER_13_S = [*[0.02] * 23, 13.0, *[-4.0] * 3, *[0.02] * 8, -0.2]


@settings(max_examples=200)
@given(rows_in_parts())
@example((SHARED_BEFORE_A_GAP, {11}, [""] * 18, [13])).via("a packet comes into the gap")
@example((STEP_BACK_AFTER_13_S, set(), [""] * 36, [27])).via("a row that is late by 12 s")
def test_rows_in_parts_are_cleaned_as_the_whole(given_rows):
    steps, empty, labels, cuts = given_rows
    n = len(steps)
    acceleration = np.column_stack([np.arange(n), np.ones(n), np.zeros(n)]).astype(float)
    acceleration[[*empty], 1] = np.nan
    time = np.cumsum(np.nan_to_num(steps))
    time[np.isnan(steps)] = np.nan

    def part(a, b):
        notes = []
        for i in range(a, b):
            if notes and notes[-1][0] == labels[i]:
                notes[-1] = (labels[i], notes[-1][1], i + 1 - a)
            else:
                notes.append((labels[i], i - a, i + 1 - a))
        named = [note for note in notes if note[0]]
        return raw(acceleration=acceleration[a:b], time_s=time[a:b], notes=named,
                   rejected={"malformed line": 1})  # fmt: skip

    whole = replace(part(0, n), rejected={"malformed line": len(cuts) + 1})
    expected, account = clean(whole)
    came_s = [time[np.sort(r.acceleration[:, 0].astype(int))] for r in expected]
    too_late = any((np.maximum.accumulate(t) - t >= chunks.HOLD_S).any() for t in came_s)
    parts = (part(a, b) for a, b in zip([0, *cuts], [*cuts, n], strict=True))
    rejected: Counter[str] = Counter()
    got = []
    usable = np.isfinite(acceleration[:, 1]) & np.isfinite(time)
    like = replace(whole, rate_hz=1 / (period_s(time[usable]) or 0.02))
    for source in chunks.of_parts(parts, like):
        if pieces := list(source.chunks):
            got.append((source, pieces))
        rejected += source.rejected
    if too_late:  # they are sorted in only where the whole is at hand, but lost nowhere
        kept = sum(len(c.samples) for _, pieces in got for c in pieces)
        assert kept + sum(rejected.values()) == account.samples_in
        return
    assert rejected == account.rejected
    assert [s.name for s, _ in got][:1] == ["file.csv"][: len(expected)]
    for (source, pieces), recording in zip(got, expected, strict=True):
        time_s = np.concatenate([c.time_s for c in pieces])
        np.testing.assert_allclose(time_s, recording.time_s, rtol=0, atol=1e-12)
        samples = np.concatenate([c.samples for c in pieces])
        np.testing.assert_array_equal(samples, recording.acceleration)
        wanted = chunks.of_recording(recording).annotations
        assert [a[2] for a in source.annotations] == [a[2] for a in wanted]
        begins = [a[0] for a in source.annotations]
        assert begins == pytest.approx([a[0] for a in wanted], abs=1e-12)


NAMED = {"columns": {"time": "_0", "x": "_1", "y": "_2", "z": "_3"}}


@pytest.mark.parametrize(
    ("stamp", "header", "end", "said"),
    [
        (lambda i: f"{i / 50:.2f}", "time,x,y,z\n", "\n" * 30_000, {}),
        (lambda i: f"{i / 50:.2f}", "time,x,y,z\r\n", "\r\n", {}),
        (lambda i: f"{i / 50:.2f}", "", "\n", NAMED),
        (lambda i: str(1_700_000_000_123_456_789 + i * 20_000_000), "time,x,y,z\n", "\n", {}),
        (lambda i: f"{datetime(2024, 2, 29, 23, 59, 50) + timedelta(seconds=i / 50)}",
         "time,x,y,z\n", "\n", {}),
        (lambda i: f"{(i + 3) * 20}", "t (ms);x;y;z\n", "\n", {}),
    ],
    ids=["blank lines at the end", "CRLF", "no header", "nanoseconds", "dates", "milliseconds"],
)  # fmt: skip
def test_a_clock_goes_on_from_part_to_part(tmp_path, monkeypatch, stamp, header, end, said):
    t, a = walk(seconds=60)
    rows = [",".join([stamp(i), *(f"{v:.6f}" for v in xyz)]) for i, xyz in enumerate(a)]
    text = header + end[:2].join(rows) + end if end == "\r\n" else header + "\n".join(rows) + end
    (tmp_path / "a.csv").write_text(text.replace(",", ";") if ";" in header else text, newline="")
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 20_000)
    monkeypatch.setattr(chunks, "HOLD_S", 2.0)
    for source in opening.open_path(tmp_path / "a.csv", Table(path="", **said)):
        pieces = list(source.chunks)
        assert len(pieces) > 3, "not in parts"
        np.testing.assert_allclose(np.concatenate([c.time_s for c in pieces]), t, atol=1e-9)
        np.testing.assert_allclose(np.concatenate([c.samples for c in pieces]), a, atol=2e-6)
        assert source.rejected == {}


def test_a_row_that_comes_much_too_late_is_rejected():
    time = np.r_[np.arange(2000) / 50, 40 - 0.9 * np.arange(1, 40)]
    whole = raw(2039, acceleration=np.ones((2039, 3)), time_s=time, notes=[])
    parts = (replace(whole, acceleration=np.ones((b - a, 3)), time_s=time[a:b])
             for a, b in [(0, 1000), (1000, 2000), (2000, 2039)])  # fmt: skip
    (source,) = [s for s in chunks.of_parts(parts, whole) if list(s.chunks)]
    late = source.rejected[chunks.LATE]
    assert late == sum(t < 40 - 0.02 - chunks.HOLD_S for t in time[2000:])


def test_opening_a_recording_needs_few_libraries(tmp_path):
    """What runs on a phone's side of the house imports numpy, scipy, pandas, pyarrow, pydantic and
    yaml, and nothing else."""
    exports.sensor_logger(tmp_path / "rec", *walk(), platform="android")
    t, a = walk()
    exports.table(tmp_path / "rec" / "x" / "b.csv", "time,x,y,z",
                  [(s, *xyz) for s, xyz in zip(t, a, strict=True)])  # fmt: skip
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from har.ingest import opening\n"
        "n = sum(len(c.time_s) for s in opening.open_path(Path(sys.argv[1])) for c in s.chunks)\n"
        "assert n == 2000, n\n"
        "other = {'psutil', 'pooch', 'requests', 'rich', 'click', 'sklearn', 'matplotlib',\n"
        "         'mlflow', 'tensorflow', 'keras', 'skdh', 'pygt3x', 'joblib', 'distributed'}\n"
        "assert not other & set(sys.modules), other & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "rec")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
