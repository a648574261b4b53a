"""The doctor: what it finds, what it mends, what it leaves to the user, and how it is shown."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har import pipeline_file
from har.cli.app import main
from har.errors import ConfigError
from har.ingest import datasets, draft
from har.ingest.check import check
from har.ingest.clean import clean
from har.ingest.examine import labels, timing, values
from har.ingest.examine.treat import treat
from har.ingest.raw import Raw
from har.ingest.summary import Tally
from har.report import check_page
from har.studies import defects, detection, strange_files

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import walk


def raw(t=None, a=None, **changes):
    if a is None:
        t, a = walk()
    values = {
        "dataset": "own", "subject": "ann", "session": "1", "placement": "wrist",
        "acceleration": a, "unit": "m/s2", "convention": "android", "gravity": "present",
        "time_s": t, "source": "file.csv", "notes": [("walk", 0, len(a))],
    }  # fmt: skip
    return Raw(**(values | changes))


def codes(r):
    return {f.code: (f.severity, f.action) for f in treat(r).findings}


def test_nothing_to_say_of_a_good_recording():
    assert codes(raw()) == {}


@pytest.mark.parametrize(("unit", "scale"), [("m/s2", 1.0), ("g", 1 / exports.G)])
def test_unit_and_gravity_are_told(unit, scale):
    t, a = walk()
    r = raw(t, a * scale, unit=None, gravity=None)
    assert codes(r) == {"unit": ("info", "fixed"), "gravity": ("info", "fixed")}
    assert (r.unit, r.gravity) == (unit, "present")


def test_milli_g_and_counts_are_named_not_guessed():
    t, a = walk()
    r = raw(t, a * 1000 / exports.G, unit=None, gravity=None)
    treat(r)
    assert "mg, or raw counts" in r.findings[0].message
    assert r.unit is None
    r = raw(t, a * 4096 / exports.G, unit=None)
    assert codes(r)["unit"] == ("error", "none")
    assert "about 4096 counts per g" in r.findings[0].message


def test_wrong_unit_is_an_error_with_what_to_set():
    t, a = walk()
    r = raw(t, a / exports.G, unit="m/s2")
    assert codes(r)["unit"] == ("error", "none")
    assert "Set dataset.unit: g" in r.findings[0].message


def test_gravity_removed():
    t, a = walk(gravity=False)
    assert codes(raw(t, a, gravity=None))["gravity"] == ("info", "fixed")
    assert codes(raw(t, a, gravity=None))["gravity-removed"] == ("warning", "kept")
    assert codes(raw(t, a))["gravity"] == ("error", "none")
    t, a = walk()
    assert codes(raw(t, a, gravity="removed"))["gravity"] == ("error", "none")


def test_sign_cannot_be_told_and_is_asked_for():
    r = raw(convention=None)
    assert codes(r)["convention"] == ("warning", "none")
    assert "dataset.convention" in r.findings[-1].message


def test_published_rate_against_the_timestamps():
    t, a = walk(rate_hz=50)
    r = raw(t, a, rate_hz=20.0)
    assert codes(r)["rate"] == ("warning", "fixed")
    (got,), _ = clean(r)
    assert got.rate_hz == pytest.approx(50)
    assert "20 Hz published" in got.provenance["rate"]


def test_gap():
    t, a = walk()
    t = t + 1.0 * (np.arange(len(t)) > 500)
    r = raw(t, a)
    assert codes(r)["gap"] == ("warning", "kept")
    assert "1 gaps, the longest 1.02 s at 10.0 s" in r.findings[0].message


def test_flat_is_rejected_and_counted():
    r = treat(raw(*[walk()[0], np.ones((1000, 3))]))
    found, account = clean(r)
    assert found == []
    assert account.rejected == {"flat sensor": 1000}
    assert account.samples_in == 1000


@pytest.mark.parametrize("tick", [0.1, 0.5, 1.0])
def test_a_clock_that_is_coarser_than_the_sampling(tick):
    """Samples within a tick come back to within a period of where they were."""
    t, a = walk(rate_hz=50, seconds=20.37)
    t = t + 0.63
    r = raw(np.floor(t / tick + 1e-9) * tick, a)
    assert codes(r)["coarse-clock"] == ("warning", "fixed")
    (got,), account = clean(r)
    assert account.kept == len(t)
    assert got.rate_hz == pytest.approx(50, rel=0.01)
    offset = got.time_s - (t - t[0])
    assert np.abs(offset - np.median(offset)).max() < 0.021


def test_clock_that_stands_still():
    t, a = walk()
    assert codes(raw(np.zeros_like(t), a))["clock"] == ("error", "none")


def test_no_rate_at_all():
    _, a = walk()
    assert codes(raw(None, a))["rate"] == ("error", "none")


def test_names_that_differ_by_a_slip():
    found = labels.names(["Walking", "walking", "climbing_stairs", "climbing stairs", "wlaking"])
    assert sorted(f.code for f in found) == ["label-case", "label-case", "label-spelling"]
    for name in ("uci-hapt", "watch", "mhealth", "usc-had", "unimib-shar", "dsads"):
        module = importlib.import_module(datasets.module(name))
        published = {*getattr(module, "ACTIVITIES", getattr(module, "EXERCISES", ()))} - {""}
        assert labels.names(published) == []


def test_classes_that_few_people_have():
    found = labels.coverage({"walk": {"a", "b", "c"}, "ski": {"a"}}, {"a", "b", "c"})
    assert [(f.code, f.severity) for f in found] == [("class-people", "warning")]
    assert "(not b, c)" in found[0].message


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(range(len(defects.defects()))), st.integers(0, 2**31))
def test_whatever_is_wrong_every_sample_is_accounted_for(which, seed):
    t, a = walk(seconds=8, seed=seed % 7)
    broken = defects.defects()[which].inject(
        raw(t, a, unit=None, gravity=None), np.random.default_rng(seed)
    )
    n = len(broken.acceleration)
    treated = treat(broken)
    found, account = clean(replace(treated, unit=treated.unit or "m/s2"))
    assert account.samples_in == n
    assert sum(r.n_samples for r in found) + account.rejected.total() == n


@pytest.mark.dataset
def test_untouched_recordings_raise_no_error(data_mirror):
    recordings = list(detection.sample(data_mirror, 12))
    assert len(recordings) == 48
    assert detection.false_errors(recordings) == 0


@pytest.mark.dataset
def test_the_defects_that_are_known_of_are_found(data_mirror):
    report = check(data_mirror / "wisdm-2019", root=Path())
    by_code = {}
    for f in report.findings():
        by_code.setdefault(f.code, []).append(f)
    rates = [f for f in by_code["rate"] if "Published as 20 Hz" in f.message]
    assert any("49.6" in f.message for f in rates)
    assert any("25.0" in f.message or "25.1" in f.message for f in rates)
    assert any("0.224 s" in f.message for f in by_code["gap"])
    assert {f.where.split("data_")[1][:4] for f in by_code["two-rates"]} >= {"1609", "1625"}
    assert "jogging" in by_code["class-people"][0].message
    loggers = check(data_mirror / "phone-logger-sensor-logger", root=Path())
    assert {"axis-order", "gravity-removed"} <= {f.code for f in loggers.findings()}
    motion = check(data_mirror / "motionsense", root=Path())
    assert "convention" in {f.code for f in motion.findings()}
    # One recording stands there twice: a fact of the publication.
    (twin,) = [f for f in motion.findings() if f.code == "twin"]
    assert "sit_13/sub_1.csv" in twin.message
    assert "sit_5/sub_1.csv" in twin.message


# The command ------------------------------------------------------------------------------------


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for subject in ("ann", "bob", "cy"):
        for activity in ("walk", "run"):
            t, a = walk(seed=10 * ord(subject[0]) + len(activity))
            rows = [(s, *xyz) for s, xyz in zip(t, a, strict=True)]
            exports.table(tmp_path / "my" / subject / f"{activity}.csv", "time,x,y,z", rows)
    return tmp_path


def run(*args):
    return CliRunner().invoke(main, ["data", "check", *args])


def test_check_says_what_it_is_and_what_is_missing(recordings):
    result = run("my")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "my: table, 50 Hz, m/s2, gravity present, sign unknown"
    assert lines[1] == "  6 recordings, 6,000 samples in = 6,000 kept"
    assert any(line.startswith("  warning  convention") for line in lines)
    assert lines[-1] == "  No errors."
    assert run("my", "--strict").exit_code == 1


def test_check_as_json(recordings):
    result = run("my", "--json")
    got = json.loads(result.stdout)
    assert {k: got[k] for k in ("path", "format", "rate_hz", "unit", "gravity", "convention")} == {
        "path": "my", "format": "table", "rate_hz": 50.0, "unit": "m/s2", "gravity": "present",
        "convention": "unknown",
    }  # fmt: skip
    for finding in got["findings"]:
        assert {"code", "severity", "action", "where", "message"} <= set(finding)
    assert len(got["files"]) == 6


def test_check_of_one_file_with_an_error(tmp_path):
    t, a = walk()
    rows = [(s, *(xyz * 16384 / exports.G)) for s, xyz in zip(t, a, strict=True)]
    path = exports.table(tmp_path / "a.csv", "time,x,y,z", rows)
    result = run(str(path))
    assert result.exit_code == 1
    assert "raw counts" in result.stdout
    assert "counts_per_g" in result.stdout


def test_check_of_nothing(tmp_path):
    result = run(str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "There is nothing at" in result.stderr
    (tmp_path / "notes.txt").write_text("hello\n")
    result = run(str(tmp_path))
    assert result.exit_code == 1
    assert "No recording could be read" in result.stdout


def test_written_pipeline_file_is_complete_but_for_what_only_the_user_knows(recordings):
    result = run("my", "--write-pipeline", "pipelines/mine.yaml", "--html", "page.html")
    assert result.exit_code == 0
    text = Path("pipelines/mine.yaml").read_text()
    assert text.count("FILL_IN") == 4  # the comment, subject, convention, placement
    assert "columns: {time: time, x: x, y: y, z: z}" in text
    with pytest.raises(ConfigError, match="convention"):
        pipeline_file.load("pipelines/mine.yaml")
    filled = yaml.safe_load(text)
    filled["dataset"] |= {"convention": "android", "placement": "pocket"}
    del filled["dataset"]["subject"]
    filled["dataset"]["pattern"] = "{subject}/{activity}.csv"
    Path("pipelines/mine.yaml").write_text(yaml.safe_dump(filled))
    again = run("pipelines/mine.yaml")
    assert again.exit_code == 0
    assert "3 subjects, 2 activities" in again.stdout
    assert run("pipelines/mine.yaml", "--strict").exit_code == 0
    page = Path("page.html").read_text()
    assert "<h1>Check of my</h1>" in page
    assert "my/ann/run.csv" in page


def test_written_pipeline_file_of_columns_that_nobody_knows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    t, a = walk()
    rows = [(s, *xyz, "w") for s, xyz in zip(t, a, strict=True)]
    exports.table(tmp_path / "my" / "a.csv", "when,east,north,up,what", rows)
    result = run("my", "--write-pipeline", "mine.yaml")
    assert result.exit_code == 1
    text = Path("mine.yaml").read_text()
    assert "columns: {time: FILL_IN, x: FILL_IN, y: FILL_IN, z: FILL_IN}" in text
    assert "# not used: when, east, north, up, what" in text
    filled = yaml.safe_load(text)
    filled["dataset"] |= {
        "columns": {"time": "when", "x": "east", "y": "north", "z": "up", "label": "what"},
        "subject": "ann", "placement": "wrist", "convention": "android",
        "unit": "m/s2", "gravity": "present",
    }  # fmt: skip
    Path("mine.yaml").write_text(yaml.safe_dump(filled))
    assert run("mine.yaml").exit_code == 0


def test_measures_are_scale_free():
    t, a = walk()
    m, k = values.measure(a, 50), values.measure(a * 7, 50)
    assert k.length == pytest.approx(7 * m.length)
    assert k.spread == pytest.approx(m.spread)
    assert timing.rate_hz(raw(t, a)) == pytest.approx(50)


# Damaged files ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One export of each kind, as bytes by name."""
    root = tmp_path_factory.mktemp("exported")
    t, a = walk(seconds=4)
    exports.sensor_logger(root, t, a, platform="ios", marks=[(1.0, "walk")])
    exports.phyphox(root, t, a)
    exports.androsensor(root / "andro.csv", t, a)
    exports.physics_toolbox(root / "toolbox.csv", t, a, ios=True)
    rows = [(s, *xyz, "walk") for s, xyz in zip(t, a, strict=True)]
    exports.table(root / "table.csv", "time,x,y,z,label", rows)
    with zipfile.ZipFile(root / "export.zip", "w") as archive:
        archive.write(root / "TotalAcceleration.csv", "s1/TotalAcceleration.csv")
    return [(p.name, p.read_bytes()) for p in sorted(root.glob("*.*"))]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_files_are_told_of_and_never_crash(exported, tmp_path_factory, data):
    """Cut off, bytes changed, pieces gone: findings, and an account that adds up."""
    name, content = data.draw(st.sampled_from(exported))
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["cut", "change", "remove", "insert"])):
            case "cut":
                del damaged[at + 1 :]
            case "change":
                damaged[at] = data.draw(st.integers(0, 255))
            case "remove":
                del damaged[at : at + data.draw(st.integers(1, 90))]
            case "insert":
                damaged[at:at] = data.draw(st.binary(max_size=30))
        damaged = damaged or bytearray(b"x")
    folder = tmp_path_factory.mktemp("damaged")
    (folder / name).write_bytes(damaged)
    report = check(folder, root=folder)
    assert all(f.samples_in == f.kept + f.rejected.total() for f in report.files)
    printed = run(str(folder))
    assert isinstance(printed.exception, SystemExit | None), printed.exception
    draft.pipeline(report, path="damaged")
    check_page.render(report)
    json.dumps(report.as_dict(), allow_nan=False)


def test_without_gravity_the_unit_is_told_only_where_it_must_be_ms2():
    t, a = walk(gravity=False)
    r = raw(t, 3 * a, unit=None, gravity=None)
    assert codes(r)["unit"] == ("info", "fixed")
    assert (r.unit, r.gravity) == ("m/s2", "removed")
    r = raw(t, a / exports.G, unit=None, gravity=None)
    assert codes(r)["unit"] == ("warning", "none")
    assert (r.unit, r.gravity) == (None, "removed")


def test_files_that_cannot_be_read_are_told_by_their_header_the_commonest_first(tmp_path):
    rows = "".join(f"{i},{i % 7},{i % 5},{i % 3}\n" for i in range(30))
    exports.table(tmp_path / "walk.csv", "time,x,y,z", np.column_stack(walk(seconds=4)))
    (tmp_path / "a.csv").write_text("moment,left,up,front\n" + rows)
    for i in range(3):
        (tmp_path / f"b{i}.csv").write_text("moment,east,north,down\n" + rows)
    (tmp_path / "c.csv").write_text(rows)
    result = run(str(tmp_path), "--write-pipeline", str(tmp_path / "p.yaml"))
    told = [line for line in result.output.splitlines() if "unreadable-file" in line]
    assert "b0.csv (and 2 more): " in told[0]
    assert "moment, east, north, down" in told[0]
    assert "moment, left, up, front" in told[1]
    assert "its first row is 0, 0, 0, 0" in told[2]
    assert "  No errors in what was read; 5 files were not." in result.output.splitlines()
    drafted = (tmp_path / "p.yaml").read_text()
    assert "not used: moment, east, north, down" in drafted


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["walking-2024-01-28_10-33", "walking-2024-01-29_08-01"], "{activity}-{session}"),
        (["walk 1.csv", "walk 2.csv", "sit 1.csv"], "{activity} {session}.csv"),
        (["walking.csv", "sitting.csv"], "{activity}.csv"),
        (["walk-1.csv", "sit-1.csv"], "{activity}.csv"),
        (["walk-1.csv", "walk_2.csv"], "{activity}.csv"),
    ],
)
def test_a_draft_suggests_how_paths_say_who_and_what(tmp_path, names, pattern):
    for person in ("ann", "ben"):
        for name in names:
            path = tmp_path / "my" / person / name
            path = path if path.suffix == ".csv" else path / "acceleration.csv"
            exports.table(path, "time,x,y,z", np.column_stack(walk(seconds=4)))
    run(str(tmp_path / "my"), "--write-pipeline", str(tmp_path / "p.yaml"))
    suggested = (tmp_path / "p.yaml").read_text().split("suggested pattern: ")[1].split('"')[1]
    assert suggested.removesuffix("/acceleration.csv") == "{subject}/" + pattern


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["p1_Walking", "p2_Jumping", "p3_Walking"], "{subject}_{activity}"),
        (["walking-ann-1", "sitting-ben-1"], "{subject}-{activity}-1"),
        (["acc_s1_walk_1", "acc_s2_sit_2"], "acc_{subject}_{activity}_{session}"),
        (["2024-01-28_ann_walk", "2024-01-29_ben_sit"], "{session}_{subject}_{activity}"),
        (["walk 1", "walk 2"], "{subject}"),
        (["ann", "ben_walking"], "{subject}"),
    ],
)
def test_a_draft_suggests_how_the_names_of_a_folders_files_do(tmp_path, names, pattern):
    for name in names:
        path = tmp_path / "my" / f"{name}.csv"
        exports.table(path, "time,x,y,z", np.column_stack(walk(seconds=4)))
    run(str(tmp_path / "my"), "--write-pipeline", str(tmp_path / "p.yaml"))
    suggested = (tmp_path / "p.yaml").read_text().split("suggested pattern: ")[1].split('"')[1]
    assert suggested == pattern + ".csv"


def test_columns_are_not_drafted_for_files_of_several_kinds(tmp_path):
    t, a = walk(seconds=4)
    exports.table(tmp_path / "my" / "ann.csv", "time,x,y,z", np.column_stack([t, a]))
    exports.table(tmp_path / "my" / "ben.csv", "t,acc_x,acc_y,acc_z", np.column_stack([t, a]))
    run(str(tmp_path / "my"), "--write-pipeline", str(tmp_path / "p.yaml"))
    assert "columns" not in yaml.safe_load((tmp_path / "p.yaml").read_text())["dataset"]


def test_a_sign_that_only_some_files_state_is_to_be_filled_in(tmp_path):
    t, a = walk(seconds=4)
    exports.table(tmp_path / "my" / "a" / "plain.csv", "time,x,y,z", np.column_stack([t, a]))
    phyphox = (
        '"Time (s)","Acceleration x (m/s^2)","Acceleration y (m/s^2)","Acceleration z (m/s^2)"'
    )
    exports.table(tmp_path / "my" / "b" / "phyphox.csv", phyphox, np.column_stack([t, a]))
    run(str(tmp_path / "my"), "--write-pipeline", str(tmp_path / "p.yaml"))
    drafted = (tmp_path / "p.yaml").read_text()
    assert "convention: FILL_IN   # android or ios; only some files say which" in drafted


def test_a_draft_of_a_pipeline_file_has_its_data_not_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    t, a = walk(seconds=4)
    exports.table(
        tmp_path / "rec" / "ann" / "walk.csv", "when,e,n,u", np.column_stack([t * 1e3, a])
    )
    said = {
        "path": "rec/**/*.csv", "columns": {"time": "when", "x": "e", "y": "n", "z": "u"},
        "pattern": "{subject}/{activity}.csv", "time_unit": "ms", "unit": "m/s2",
        "convention": "android",
    }  # fmt: skip
    Path("mine.yaml").write_text(yaml.safe_dump({"dataset": said, "models": ["cnn"]}))
    result = run("mine.yaml", "--write-pipeline", "again.yaml")
    assert result.exit_code == 0, result.output
    drafted = yaml.safe_load(Path("again.yaml").read_text())["dataset"]
    assert drafted == {**said, "gravity": "present", "placement": draft.FILL_IN}


def test_hours_count_samples_not_gaps():
    t = np.concatenate([np.arange(500) / 50, 1000 + np.arange(500) / 50])
    (recording,), _ = clean(raw(t, walk(seconds=20)[1], notes=[("walk", 250, 750)]))
    tally = Tally()
    tally.add(recording)
    assert tally.seconds == pytest.approx(20)
    assert tally.seconds_of == {"walk": pytest.approx(10)}


@pytest.mark.parametrize("file", strange_files.files(), ids=lambda f: f"{f.name}, {f.strength}")
def test_a_strangers_file_is_read_as_a_plain_one(file):
    table = strange_files.beginning(raw())
    plain = strange_files.written_and_read(strange_files.write_plain, table)
    assert [r.n_samples for r in plain] == [len(table)]
    assert strange_files.survives(file, table, plain)
    assert not strange_files.survives(file, table * 1.01, plain)
