"""Labelled intervals in files of their own: whose they are, what their times mean, what is lost."""

from __future__ import annotations

import json
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from har.cli.app import main
from har.errors import ConfigError, DataError
from har.fanout import Crew
from har.ingest import intervals, reading
from har.ingest.label_files import Labelled
from har.ingest.raw import Raw
from har.ingest.stage import STAGE
from har.own_recordings import Labels, Table
from har.pipeline_file import parse
from har.stages import Context
from har.store import Store
from har.workspace import Workspace
from tests.ingest import opened

sys.path.insert(0, str(Path(__file__).parent))
from exports import sensor_logger, walk

SAID = {"convention": "android", "placement": "wrist"}
BEGIN = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
TRUTH = [("walk", 5.0, 20.0), ("sit", 25.5, 50.0)]


def recording(path: Path, stamp=lambda s: f"{s:.2f}", seconds=60) -> Path:
    """A table of 50 Hz whose times are written by `stamp`, of seconds since its beginning."""
    t, a = walk(seconds=seconds)
    rows = [f"{stamp(s)},{x:.5f},{y:.5f},{z:.5f}" for s, (x, y, z) in zip(t, a, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["time,x,y,z", *rows, ""]))
    return path


def epoch(per_second: int):
    return lambda s: str(round((BEGIN.timestamp() + s) * 1000) * per_second // 1000)


def date(form: str, begin=BEGIN):
    return lambda s: (begin + timedelta(seconds=round(float(s), 3))).strftime(form)


def table(path: Path, stamp=lambda s: f"{s:g}", truth=TRUTH, header="start,end,label") -> Path:
    lines = [f"{stamp(a)},{stamp(b)},{label}" for label, a, b in truth]
    path.write_text("\n".join([*([header] if header else []), *lines, ""]))
    return path


def read(path: Path, said: dict, **more) -> list:
    return list(opened.read(path, Table(path="", labels=said, subject="s", **SAID, **more)))


def seconds(one) -> list[tuple[str, float, float]]:
    """Annotations in seconds of the recording's own time."""
    t = np.append(one.time_s, one.time_s[-1] + 1 / one.rate_hz) + 0.0
    return [(n.label, round(float(t[n.start]), 2), round(float(t[n.end]), 2))
            for n in one.annotations]  # fmt: skip


MIDNIGHT = datetime(2021, 3, 4, 23, 59, 30, tzinfo=UTC)
WAYS = {
    "seconds from the start": (epoch(1000), lambda s: f"{s:g}", {}),
    "epoch s": (epoch(1000), lambda s: f"{BEGIN.timestamp() + s:.1f}", {}),
    "epoch ms": (lambda s: f"{s:.2f}", epoch(1000), None),
    "epoch ms, both": (epoch(1000), epoch(1000), {}),
    "epoch us": (epoch(1000), epoch(1_000_000), {}),
    "epoch ns": (epoch(1_000_000_000), epoch(1_000_000_000), {}),
    "ms, said": (epoch(1000), lambda s: f"{s * 1000:.0f}", {"time_unit": "ms"}),
    "dates": (date("%Y-%m-%d %H:%M:%S.%f"), date("%d/%m/%Y %H:%M:%S.%f"), {}),
    "dates with a zone": (
        epoch(1000), lambda s: date("%Y-%m-%dT%H:%M:%S.%f")(s + 7200) + "+02:00", {},
    ),
    "local dates": (epoch(1000), lambda s: date("%Y-%m-%d %H:%M:%S.%f")(s + 7200),
                    {"shift_s": -7200}),
    "times of day": (date("%Y-%m-%d %H:%M:%S.%f"), date("%H:%M:%S.%f"), {}),
    "times of day, both": (date("%H:%M:%S.%f"), date("%H:%M:%S.%f"), {}),
    "midnight": (date("%H:%M:%S.%f", MIDNIGHT), date("%H:%M:%S.%f", MIDNIGHT), {}),
    "midnight, dates": (date("%Y-%m-%d %H:%M:%S.%f", MIDNIGHT),
                        date("%I:%M:%S.%f %p", MIDNIGHT), {}),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_times_of_labels_are_those_of_the_recording(tmp_path, way):
    of_samples, of_labels, said = WAYS[way]
    recording(tmp_path / "a.csv", of_samples)
    table(tmp_path / "labels.csv", of_labels)
    labels = {"path": str(tmp_path / "labels.csv"), **(said or {})}
    if said is None:  # nothing says when the recording began
        with pytest.raises(DataError, match="neither a date nor a time of day"):
            read(tmp_path / "a.csv", labels)
        return
    (one,) = read(tmp_path / "a.csv", labels)
    assert seconds(one) == TRUTH


def test_numbers_on_a_time_column_that_does_not_begin_at_0(tmp_path):
    recording(tmp_path / "a.csv", lambda s: f"{s + 12:.2f}")
    file = table(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"starts at 12 s. Set dataset.labels.since"):
        read(tmp_path / "a.csv", {"path": str(file)})
    (one,) = read(tmp_path / "a.csv", {"path": str(file), "since": "start"})
    assert seconds(one) == TRUTH
    (one,) = read(tmp_path / "a.csv", {"path": str(file), "since": "clock"})
    assert seconds(one) == [("walk", 0, 8), ("sit", 13.5, 38)]
    recording(tmp_path / "a.csv", lambda s: f"{s + 12000:.2f}")
    table(file, lambda s: f"{s + 12000:g}")  # from the first sample, none would be in it
    assert seconds(read(tmp_path / "a.csv", {"path": str(file)})[0]) == TRUTH


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("onset,duration,trial_type\n5,15,walk\n25.5,24.5,sit\n", {}),  # BIDS events
        ("5.0\t20.0\twalk\n25.5\t50.0\tsit\n", {}),  # Audacity
        ("Start Time [s];End Time [s];Activity\n5,0;20,0;walk\n25,5;50,0;sit\n", {}),
        ("time,text\n5,walk\n20,\n25.5,sit\n50,\n", {}),  # lasts until the next
        ("what,since,till\nwalk,5,20\nsit,25.5,50\n",
         {"columns": {"start": "since", "end": "till", "label": "what"}}),
        ("start_ms,end_ms,label\n5000,20000,walk\n25500,50000,sit\n", {}),
        ("id,begin,stop,class,note\n1,5,20,walk,a\n2,25.5,50,sit,b\n", {}),
    ],
)  # fmt: skip
def test_layouts(tmp_path, lines, said):
    recording(tmp_path / "a.csv")
    (tmp_path / "labels.txt").write_text(lines)
    (one,) = read(tmp_path / "a.csv", {"path": str(tmp_path / "labels.txt"), **said})
    assert seconds(one) == TRUTH


def test_a_unit_that_is_said_is_no_epoch_of_another_size(tmp_path):
    """1.6e9 ms since a phone was started are 18 days, though 1.6e9 s would be a date."""
    up_ms = 1_600_000_000
    recording(tmp_path / "a.csv", lambda s: str(up_ms + round(s * 1000)))
    table(tmp_path / "labels.csv", lambda s: f"{up_ms + s * 1000:.0f}")
    said = {"path": str(tmp_path / "labels.csv"), "time_unit": "ms"}
    assert seconds(read(tmp_path / "a.csv", said, time_unit="ms")[0]) == TRUTH


@pytest.mark.parametrize("header", ["start,end,label", "onset,duration,label"])
def test_a_file_without_intervals_labels_nothing(tmp_path, header):
    recording(tmp_path / "a.csv")
    (tmp_path / "labels.csv").write_text(f"{header}\n")
    said = Table(path="a.csv", subject="a", labels=Labels(path="labels.csv"), **SAID)
    with pytest.raises(DataError, match="No interval overlaps a recording"):
        ingested(tmp_path, said)


def test_hours_and_minutes_are_no_minutes_and_seconds(tmp_path):
    recording(tmp_path / "a.csv", date("%Y-%m-%d %H:%M:%S.%f"), seconds=300)
    (tmp_path / "labels.csv").write_text("start,end,label\n12:27,12:28,walk\n12:29,12:31,sit\n")
    (one,) = read(tmp_path / "a.csv", {"path": str(tmp_path / "labels.csv")})
    assert seconds(one) == [("walk", 20, 80), ("sit", 140, 260)]


def test_a_loggers_own_clock(tmp_path):
    """Sensor Logger's and phyphox's times count from a start that another column or file has."""
    t, a = walk(seconds=60)
    sensor_logger(tmp_path / "ann", t, a, platform="android")
    begin = 1706425642.0
    table(tmp_path / "labels.csv", lambda s: f"{begin + s:.1f}")
    (one,) = read(tmp_path / "ann", {"path": str(tmp_path / "labels.csv")})
    assert seconds(one) == TRUTH


def test_one_file_for_all_by_recording_or_subject(tmp_path):
    for who in ("ann", "bob"):
        recording(tmp_path / "my" / who / "r.csv")
    said = Table(path="my", pattern="{subject}/r.csv", labels=Labels(path="all.csv"), **SAID)
    expected = {"ann": [("walk", 5, 20)], "bob": [("sit", 25.5, 50)]}
    for header, names in (
        ("recording,start,end,label", ("ann/r.csv", "my/bob/r")),
        ("participant,start,end,label", ("ann", "bob")),
        ("file,start,end,label", ("ann", "bob")),  # a folder
    ):
        lines = [f"{names[0]},5,20,walk", f"{names[1]},25.5,50,sit"]
        (tmp_path / "all.csv").write_text("\n".join([header, *lines, ""]))
        found = ingested(tmp_path, said)
        assert {r.subject: seconds(r) for r in found} == expected
        assert not {"labels-unused", "no-labels"} & {
            f["code"] for f in summary(tmp_path, said)["findings"]
        }


def ingested(root: Path, said: Table):
    from har.ingest import recording_files

    folder = root / "out"
    reading.ingest(said, folder, workspace=Workspace(root), crew=Crew(1, Console(quiet=True)))
    return list(recording_files.iterate(folder))


def summary(root: Path, said: Table) -> dict:
    ingested(root, said)
    return json.loads((root / "out" / "summary.json").read_text())


def test_every_interval_is_accounted_for(tmp_path):
    recording(tmp_path / "my" / "ann.csv")
    recording(tmp_path / "my" / "bob.csv")
    (tmp_path / "all.csv").write_text(
        "recording,start,end,label\n"
        "ann,5,20,walk\nann,10,25,walk\n"  # one label: 20 s
        "ann,30,40,sit\nann,36,50,lie\n"  # 4 s of two labels
        "ann,70,80,sit\n"  # after its end
        "ann,9,8,sit\nann,,8,sit\n"  # no intervals
        "carl,1,2,sit\n"  # nobody
        "bob,55,90,run\n"  # cut at the end
    )
    said = Table(path="my", pattern="{subject}.csv", labels=Labels(path="all.csv"), **SAID)
    ann, bob = ingested(tmp_path, said)
    assert seconds(ann) == [("walk", 5, 25), ("sit", 30, 36), ("lie", 40, 50)]
    assert seconds(bob) == [("run", 55, 60)]
    assert ann.provenance["labels"] == {"file": "all.csv", "intervals": [1, 2, 3, 4]}
    found = {f["code"]: f["first"].partition(": ")[2] for f in summary(tmp_path, said)["findings"]}
    assert found["labels"] == "all.csv: 4 intervals label 36.0 s of 60.0 s."
    assert found["label-overlap"].startswith("all.csv: 4.0 s with more than one label")
    assert found["label-lines"].startswith("2 lines lack a start, an end after it, or a label")
    assert found["labels-unused"] == (
        "2 of 7 intervals overlap no recording: 'sit' from 70.0 s to 80.0 s; "
        "'sit' from 1.0 s to 2.0 s"
    )
    result = CliRunner().invoke(
        main, ["data", "check", str(tmp_path / "my"), "--labels", str(tmp_path / "all.csv")]
    )
    text = " ".join(result.stdout.split())
    assert "4.0 s with more than one label are left unlabelled" in text
    assert "2 lines lack a start, an end after it, or a label" in text


def test_labels_that_fit_no_recording_are_refused(tmp_path):
    recording(tmp_path / "my" / "ann.csv", epoch(1000))
    table(tmp_path / "all.csv", lambda s: f"{BEGIN.timestamp() + s + 7200:.1f}")
    said = Table(path="my", subject="ann", labels=Labels(path="all.csv"), **SAID)
    with pytest.raises(DataError, match="No interval overlaps a recording"):
        ingested(tmp_path, said)
    shifted = said.model_copy(update={"labels": Labels(path="all.csv", shift_s=-7200)})
    assert seconds(ingested(tmp_path, shifted)[0]) == TRUTH


def test_a_file_for_each_recording(tmp_path):
    for who in ("ann", "bob"):
        recording(tmp_path / "my" / f"{who}.csv", epoch(1000))
    table(tmp_path / "my" / "ann_labels.csv", epoch(1000))
    table(tmp_path / "my" / "eve_labels.csv", epoch(1000))
    path = "{folder}/{name}_labels.csv"
    said = Table(path="my", pattern="{subject}.csv", labels=Labels(path=path), **SAID)
    ann, bob = ingested(tmp_path, said)
    assert seconds(ann) == TRUTH
    assert bob.annotations == ()
    account = summary(tmp_path, said)
    assert account["not_used"] == [
        {"file": "my/eve_labels.csv", "reason": "labels of a recording that is not here"}
    ]
    assert any("there is no such file" in f["first"] for f in account["findings"])
    by_subject = said.model_copy(update={"labels": Labels(path="my/{subject}_labels.csv")})
    assert [seconds(r) for r in ingested(tmp_path, by_subject)] == [TRUTH, []]


def zipped(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(folder.rglob("*.csv")):
            archive.write(path, path.relative_to(folder).as_posix())
    return to


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize(
    "path", ["set.zip/labels.csv", "{folder}/{name}_labels.csv", "{folder}/labels.csv"]
)
def test_labels_in_an_archive(tmp_path, path, within):
    """Inside one that holds the recordings, or inside one beside plain recordings."""
    made = tmp_path / "made"
    for who in ("ann", "bob"):
        recording(made / who / f"{who}.csv", epoch(1000))
        if "{" in path:
            table(made / who / path.partition("/")[2].replace("{name}", who), epoch(1000))
    if path == "set.zip/labels.csv":
        lines = ["recording,start,end,label", "ann,5,20,walk", "bob,25.5,50,sit", "eve,1,2,sit"]
        (made / "labels.csv").write_text("\n".join([*lines, ""]))
    elif "name" in path:
        table(made / "eve_labels.csv")
    zipped(made, tmp_path / "set.zip")
    said = Table(path="set.zip" if within else "made", pattern="{subject}.csv",
                 labels=Labels(path=path), **SAID)  # fmt: skip
    found = {r.subject: seconds(r) for r in ingested(tmp_path, said)}
    if path == "set.zip/labels.csv":
        assert found == {"ann": TRUTH[:1], "bob": TRUTH[1:]}
        assert "1 of 3 intervals overlap no recording" in str(summary(tmp_path, said)["findings"])
    else:
        assert found == {"ann": TRUTH, "bob": TRUTH}
    if within and "name" in path:
        assert {
            "file": "set.zip/eve_labels.csv",
            "reason": "labels of a recording that is not here",
        } in (summary(tmp_path, said)["not_used"])


def test_labels_beside_the_archive_of_their_recordings(tmp_path):
    recording(tmp_path / "made" / "ann.csv")
    zipped(tmp_path / "made", tmp_path / "set.zip")
    table(tmp_path / "ann_labels.csv")
    said = {"path": "{folder}/{name}_labels.csv"}
    assert seconds(read(tmp_path / "set.zip", said)[0]) == TRUTH


def test_a_check_of_an_archive_finds_the_labels_in_it(tmp_path):
    for who in ("ann", "bob"):
        recording(tmp_path / "made" / f"{who}.csv", epoch(1000))
        table(tmp_path / "made" / f"{who}_labels.csv", epoch(1000))
    path = zipped(tmp_path / "made", tmp_path / "set.zip")
    found = CliRunner().invoke(main, ["data", "check", str(path)])
    assert "--labels '{folder}/{name}_labels.csv'" in found.stdout
    said = ["--labels", "{folder}/{name}_labels.csv"]
    told = CliRunner().invoke(main, ["data", "check", str(path), *said])
    assert "2 intervals label 39.5 s of 60.0 s" in " ".join(told.stdout.split())


def test_a_table_without_header_and_its_labels_in_a_folder_beside(tmp_path):
    """Oxford's step counter writes ns since boot, x, y, z and counts of steps."""
    t, a = walk(rate_hz=100, seconds=60)
    boot_ns = 81_234_567_890_123
    rows = [f"{boot_ns + round(s * 1e9)},{x:.5f},{y:.5f},{z:.5f},0,0,0"
            for s, (x, y, z) in zip(t, a, strict=True)]  # fmt: skip
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "user1_hand_1505740246677.csv").write_text("\n".join([*rows, ""]))
    (tmp_path / "marks").mkdir()
    table(tmp_path / "marks" / "user1_hand_1505740246677.txt", lambda s: f"{boot_ns + s * 1e9:.0f}",
          header="")  # fmt: skip
    said = Table.model_validate({
        "path": "raw", "pattern": "{subject}_{placement}_{session}.csv", "unit": "m/s2",
        "columns": {"time": "_0", "x": "_1", "y": "_2", "z": "_3"}, "time_unit": "ns",
        "labels": {"path": "marks/{name}.txt", "time_unit": "ns"}, "convention": "android",
    })  # fmt: skip
    (one,) = ingested(tmp_path, said)
    assert (one.subject, one.placement, round(one.rate_hz)) == ("user1", "hand", 100)
    assert seconds(one) == TRUTH


def test_what_a_check_of_the_folder_says_and_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recording(tmp_path / "rec" / "p1.csv", epoch(1000), seconds=30)
    times = [(1600000000000, 1600000010000, "walk"), (1600000012000, 1600000029000, "sit")]
    lines = [f"{a},{b},{label}" for a, b, label in times]
    (tmp_path / "rec" / "p1_labels.csv").write_text("\n".join(["start,end,label", *lines, ""]))
    result = CliRunner().invoke(main, ["data", "check", "rec", "--write-pipeline", "p.yaml"])
    assert result.exit_code == 0
    assert "--labels '{folder}/{name}_labels.csv'" in result.stdout
    dataset = yaml.safe_load((tmp_path / "p.yaml").read_text().replace("FILL_IN", "wrist"))[
        "dataset"
    ]
    assert dataset["labels"] == {"path": "{folder}/{name}_labels.csv"}
    said = Table.model_validate(dataset | {"convention": "android", "subject": "p1"})
    (one,) = ingested(tmp_path, said)
    assert [(n.label, n.end - n.start) for n in one.annotations] == [("walk", 500), ("sit", 850)]
    options = ["--labels", "{folder}/{name}_labels.csv", "--write-pipeline", "q.yaml"]
    result = CliRunner().invoke(main, ["data", "check", "rec", *options])
    assert "2 intervals label 27.0 s of 30.0 s" in " ".join(result.stdout.split())
    assert "2 activities" in result.stdout or "activities" in (tmp_path / "q.yaml").read_text()


@pytest.mark.parametrize(
    ("header", "intervals_are"),
    [
        ("onset,duration,trial_type", True),
        ("recording_filename,start_time,stop_time,activity", True),
        ("timestamp,counts,steps,runDuration,sleepEventMarker", False),  # a Philips Health Band
        ("start,steps,state", False),
    ],
)
def test_which_tables_are_taken_for_intervals(tmp_path, header, intervals_are):
    recording(tmp_path / "a.csv")
    values = ",".join("1" for _ in header.split(","))
    (tmp_path / "b.csv").write_text(f"{header}\n{values}\n{values}\n")
    stdout = CliRunner().invoke(main, ["data", "check", str(tmp_path)]).stdout
    assert ("Labelled intervals in 1 file, such as b.csv" in stdout) == intervals_are


def test_labels_count_for_the_stage(tmp_path):
    recording(tmp_path / "ann.csv")
    table(tmp_path / "all.txt")
    said = {"path": "ann.csv", "subject": "a", "labels": {"path": "all.txt"}, **SAID}
    workspace = Workspace(tmp_path)
    context = Context(
        workspace=workspace, store=Store(workspace.cache), jobs=1, console=Console(quiet=True),
        pipeline=parse({"name": "t", "dataset": said, "models": ["cnn"]}),
    )  # fmt: skip
    before = STAGE.parts(context)
    assert "all.txt" in before["inputs"]["files"]
    table(tmp_path / "all.txt", truth=TRUTH[:1])
    assert STAGE.parts(context) != before


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"no field {nam}, did you mean 'name'"):
        parse({"name": "t", "models": ["cnn"],
               "dataset": {"path": "x", "labels": {"path": "{nam}.csv"}}})  # fmt: skip
    recording(tmp_path / "a.csv")
    (tmp_path / "labels.csv").write_text("a,b,c\n1,2,walk\n")
    with pytest.raises(DataError, match="no column for start; it has a, b, c"):
        read(tmp_path / "a.csv", {"path": str(tmp_path / "labels.csv")})
    with pytest.raises(ConfigError, match="{activity} is not known for a.csv"):
        read(tmp_path / "a.csv", {"path": "{activity}_l.csv"})


LABELS = st.sampled_from(["a", "b", "c"])
SPANS = st.lists(st.tuples(st.integers(-5, 45), st.integers(1, 20), LABELS), max_size=8)


@settings(max_examples=60, deadline=None)
@given(spans=SPANS, late=st.booleans())
def test_each_row_has_the_one_label_that_claims_it(tmp_path_factory, spans, late):
    """Against asking every interval about every row."""
    folder = tmp_path_factory.mktemp("x")
    lines = [f"{a},{a + n},{label}" for a, n, label in spans]
    (folder / "l.csv").write_text("\n".join(["start,end,label", *lines, ""]))
    time_s = np.arange(40.0)
    if late:  # a packet that came late
        time_s = np.concatenate([time_s[:10], time_s[15:20], time_s[10:15], time_s[20:]])
    raw = Raw("d", "s", "1", "p", np.ones((40, 3)), "g", "android", time_s=time_s)
    intervals.join(raw, Labelled(folder / "l.csv", "l.csv"), Labels(path="l.csv"), "a.csv")
    found = [""] * 40
    for label, a, b in raw.notes:
        found[a:b] = [label] * (b - a)
    claims = [{label for a, n, label in spans if a <= t < a + n} for t in time_s]
    assert found == [next(iter(c)) if len(c) == 1 else "" for c in claims]
