"""`har predict`: the interpreter alone, window for window as the offline pipeline."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from har.cli.app import main
from har.cli.predict import describe, scored
from har.config import Signal, WindowsConfig
from har.errors import DataError
from har.ingest import chunks, opening, resolution
from har.own_recordings import Table
from har.recording import Annotation, Recording
from har.runtime import smoothing
from har.runtime.bundle import Bundle
from har.runtime.chain import Abstention, Alignment
from har.runtime.predict import predict
from har.signal.prepare import prepare
from tests import manifests
from tests.conftest import ROOT

MakeBundle = Callable[[str], Path]


def movement(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 50
    slow = np.sin(2 * np.pi * 0.02 * t)[:, None] * rng.normal(0, 6, 3)
    out = slow + rng.normal(0, 1, (n, 3)) * (2 + np.sin(0.3 * t))[:, None]
    return (out + np.array([0, 0, 9.81])).astype(np.float32)


def recording(kind: str, seed: int = 3) -> Recording:
    rng = np.random.default_rng(seed)
    n = 4000
    time = None
    rate = 50.0
    if kind == "irregular":
        time = np.cumsum(rng.uniform(0.2, 1.8, n) / 50)
        time[2500:] += 2.0  # and a gap
        time -= time[0]
    if kind == "fast":
        rate = 104.0
        time = np.cumsum(rng.uniform(0.7, 1.3, n) / rate)
        time -= time[0]
    half = n // 2
    return Recording(
        "test", "s0", kind, "wrist", rate, movement(n, seed), time_s=time,
        annotations=(Annotation("sit", 0, half), Annotation("walk", half, n)),
    )  # fmt: skip


def write_csv(path: Path, r: Recording, labels: bool = False) -> Path:
    time = np.arange(r.n_samples) / r.rate_hz if r.time_s is None else r.time_s
    names = [""] * r.n_samples
    for note in r.annotations:
        names[note.start : note.end] = [note.label] * (note.end - note.start)
    with path.open("w") as f:
        f.write("time,x,y,z" + (",label" if labels else "") + "\n")
        for t, (x, y, z), name in zip(time.tolist(), r.acceleration.tolist(), names, strict=True):
            f.write(f"{t!r},{x!r},{y!r},{z!r}" + (f",{name}" if labels else "") + "\n")
    return path


@pytest.mark.parametrize("kind", ["uniform", "irregular", "fast"])
@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_recording_to_probabilities_as_the_offline_pipeline(
    make_bundle: MakeBundle, tmp_path: Path, kind: str, name: str
) -> None:
    """recording → prepare → windows → model equals recording → model.json + .tflite."""
    opened = Bundle.open(make_bundle(name))
    r = recording(kind)
    windows = prepare(
        [r],
        signal=Signal.model_validate({"filter": {"kind": "lowpass", "cutoff_hz": 20.0}}),
        windows=WindowsConfig(length_s=1.28, overlap=0.5, min_purity=0.01),
    )
    offline = opened.model()(windows.gather(np.arange(len(windows))))
    for source in (
        chunks.of_recording(r),
        *opening.open_path(write_csv(tmp_path / f"{kind}.csv", r)),
    ):
        found = predict(opened, source)
        assert found.n_windows == len(windows)
        np.testing.assert_allclose(found.probabilities, offline, atol=1e-4)
        begin = (windows.spans[:, 0] + opened.manifest.lead_in_samples / 2) / 50
        np.testing.assert_allclose(found.window_start_s, begin)
    assert found.length_s == pytest.approx(r.length_s, abs=0.05)


def changed(bundle: Bundle, **changes: Any) -> Bundle:
    return Bundle(bundle.folder, bundle.manifest.model_copy(update=changes))


def turning(bundle: Bundle, **said: Any) -> Bundle:
    """The bundle, as if its model had been trained on samples that are turned upright."""
    return changed(bundle, align=Alignment(**{**manifests.ALIGN, **said}))


@pytest.mark.parametrize("seconds", [20, 3600])
def test_turned_as_the_offline_pipeline_turns(make_bundle: MakeBundle, seconds: int) -> None:
    """The whole of a recording is turned by its own walking, found on the way."""
    r = recording("irregular")
    signal = Signal.model_validate(
        {
            "filter": {"kind": "lowpass", "cutoff_hz": 20.0},
            "align": {"kind": "walking", "seconds": seconds, "axis": "-x"},
        }
    )
    shape = WindowsConfig(length_s=1.28, overlap=0.5, min_purity=0.01)
    windows = prepare([r], signal=signal, windows=shape)
    plain = Bundle.open(make_bundle("gru"))
    opened = turning(plain, seconds=seconds, axis="-x")
    offline = opened.model()(windows.gather(np.arange(len(windows))))
    found = predict(opened, chunks.of_recording(r))
    np.testing.assert_allclose(found.probabilities, offline, atol=1e-4)
    assert found.walked_s == windows.aligned[r.id]
    assert found.walked_s == 20 if seconds == 20 else 20 < found.walked_s < 80
    assert f"Aligned with gravity by {found.walked_s} s of walking." in describe(found)
    as_recorded = predict(plain, chunks.of_recording(r))
    assert as_recorded.walked_s is None
    assert np.abs(as_recorded.probabilities - found.probabilities).max() > 0.01


def test_too_little_walking_is_said(make_bundle: MakeBundle) -> None:
    plain = Bundle.open(make_bundle("gru"))
    opened = turning(plain, seconds=20, axis="y")
    r = recording("uniform")
    lying = dataclasses.replace(r, acceleration=np.tile(np.float32([0, 0, 9.81]), (4000, 1)))
    found = predict(opened, chunks.of_recording(lying))
    assert found.walked_s == 0
    assert "Too little walking" in describe(found)
    same = predict(plain, chunks.of_recording(lying))
    np.testing.assert_array_equal(found.probabilities, same.probabilities)


def test_bouts_are_runs_of_the_smoothed_answer(make_bundle: MakeBundle) -> None:
    opened = Bundle.open(make_bundle("gru"))
    found = predict(opened, chunks.of_recording(recording("uniform")))
    p, hop_s, length_s = found.probabilities.astype(float), 0.64, 1.28
    answer = []
    for i in range(len(p)):  # the answer about window i is known one window later
        late = min(i + 1, len(p) - 1)
        answer.append(opened.manifest.activities[p[max(0, late - 2) : late + 1].mean(0).argmax()])
    runs: list[list] = []
    for i, a in enumerate(answer):
        centre = found.window_start_s[i] + length_s / 2
        start = found.window_start_s[0] if i == 0 else centre - hop_s / 2
        end = found.window_start_s[-1] + length_s if i == len(p) - 1 else centre + hop_s / 2
        if runs and runs[-1][2] == a:
            runs[-1][1] = end
        else:
            runs.append([start, end, a])
    assert [b.activity for b in found.bouts] == [r[2] for r in runs]
    for b, (start, end, _) in zip(found.bouts, runs, strict=True):
        assert (b.start_s, b.end_s) == (pytest.approx(start), pytest.approx(end))
        assert 0 < b.confidence <= 1
    assert len(found.bouts) > 3
    covered = sum(b.end_s - b.start_s for b in found.bouts)
    assert sum(found.minutes().values()) * 60 == pytest.approx(covered)
    assert found.delay_s == pytest.approx(
        1.28 / 2 + opened.manifest.lead_in_samples / 2 / 50 + 0.64
    )


def test_unknown_where_the_model_is_not_sure(make_bundle: MakeBundle) -> None:
    opened = Bundle.open(make_bundle("gru"))
    abstention = Abstention(threshold=0.6, answer="unknown", how="for this test")
    careful = changed(opened, abstention=abstention)
    found = predict(careful, chunks.of_recording(recording("uniform")))
    smoothed = smoothing.causal_mean(found.probabilities, 3)
    assert (smoothed.max(1) < 0.6).any()
    unknown = [b for b in found.bouts if b.activity == "unknown"]
    assert unknown
    assert all(b.confidence < 0.6 for b in unknown)
    assert all(b.confidence >= 0.6 for b in found.bouts if b.activity != "unknown")


def test_no_tensorflow_is_imported(make_bundle: MakeBundle, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", recording("uniform"))
    code = (
        "import sys\n"
        "from har.cli.app import main\n"
        f"main(['predict', {str(make_bundle('cnn'))!r}, {str(path)!r}], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("r.csv: 1:20.0, 123 windows, ")
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["uniform", "irregular"])
def test_the_runtime_needs_little(make_bundle: MakeBundle, tmp_path: Path, kind: str) -> None:
    """In a process that has numpy, scipy, pandas, pyarrow, pydantic, PyYAML and LiteRT alone."""
    path = write_csv(tmp_path / "r.csv", recording(kind))
    arguments = [sys.executable, "-m", "tests.runtime.alone", str(make_bundle("gru")), str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" windows")


def test_the_command_writes_what_it_says(make_bundle: MakeBundle, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", recording("uniform"), labels=True)
    out, plot = tmp_path / "bouts.csv", tmp_path / "day.png"
    args = ["predict", str(make_bundle("gru")), str(path), "--json"]
    done = CliRunner().invoke(main, [*args, "--out", str(out), "--plot", str(plot)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    rows = out.read_text().splitlines()
    assert rows[0] == "recording,start_s,end_s,activity,confidence"
    (only,) = found["recordings"]
    assert only["scores"]["events"] == 2
    assert len(rows) == len(only["bouts"]) + 1
    assert rows[1].split(",")[3] == only["bouts"][0]["activity"]
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No recording at"),
        ("a,b\n1,2\n", "no readable recording in it"),
        ("time,x,y,z\n0,0,0,9.81\n0.02,0,0.1,9.81\n", "no window of"),
        ("time,x,y,z\n" + "".join(f"{t / 50},0,0,9\n" for t in range(99)), "was not running"),
        ("time,x,y,z\n" + "".join(f"{t / 3},0,{t % 2},9\n" for t in range(99)), "--time-unit"),
        ("time,x,y,z\n", "It has no samples. Run `har data check` for details.\n"),
    ],
)
def test_what_cannot_be_read_is_said(
    make_bundle: MakeBundle, tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "r.csv"
    if text is not None:
        path.write_text(text)
    done = CliRunner().invoke(main, ["predict", str(make_bundle("cnn")), str(path)])
    assert done.exit_code == 1
    assert message in done.output


def table(rows: Iterable[object], header: str = "time,x,y,z") -> str:
    return "\n".join([header, *map(str, rows)]) + "\n"


def moving(n: int = 200, rate_hz: float = 50, row: str = "{t:.4f},{x:.3f},{y:.3f},{z:.3f}") -> str:
    values = movement(n).tolist()
    return table(row.format(t=i / rate_hz, x=x, y=y, z=z) for i, (x, y, z) in enumerate(values))


def zipped(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return out.getvalue()


ODD: dict[str, str | bytes] = {
    "good.csv": moving(),
    "good.csv.gz": gzip.compress(moving().encode()),
    "good.zip": zipped(a_csv=moving(), b_csv=moving(100)),
    "wide.csv": moving().encode("utf-16"),
    "empty.csv": "",
    "lines.csv": "\n\n\n",
    "nothing": "   ",
    "header.csv": table([]),
    "headers.csv": table(["time,x,y,z"] * 50),
    "one.csv": table(["0,0,0,9.81"]),
    "still.csv": table(f"{i / 50},0,0,9.81" for i in range(300)),
    "zeros.csv": table(f"{i / 50},0,0,0" for i in range(300)),
    "no-time.csv": table((f"{i % 3},{i % 5},9" for i in range(300)), "x,y,z"),
    "no-header.csv": moving().partition("\n")[2],
    "one-instant.csv": table(f"7,{i % 3},{i % 5},9" for i in range(300)),
    "backwards.csv": table(f"{-i / 50},{i % 3},{i % 5},9" for i in range(300)),
    "restarts.csv": table(f"{i % 7 * 2},{i % 3},{i % 5},9" for i in range(300)),
    "holes.csv": table(f"{i},{i % 3},{i % 5},9" for i in range(300)),
    "nan.csv": table(f"{i / 50},nan,nan,nan" for i in range(300)),
    "words.csv": table(f"{i / 50},left,right,up" for i in range(300)),
    "endless.csv": table(f"{i / 50},inf,-inf,{i}" for i in range(300)),
    "too-large.csv": table(f"{i / 50},{i % 3}e38,{i}e300,9" for i in range(300)),
    "slow.csv": moving(rate_hz=0.2),
    "fast.csv": moving(rate_hz=1e9, row="{t:.12f},{x:.3f},{y:.3f},{z:.3f}"),
    "no-clock.csv": moving(row="soon,{x:.3f},{y:.3f},{z:.3f}"),
    "mostly-torn.csv": moving().replace("1,", "1,,,,") + "a,b\n" * 400,
    "open-quote.csv": moving() + '"' + "x" * 200,
    "gyroscope.csv": moving().replace("x,y,z", "gx,gy,gz", 1),
    "one-axis.csv": table((f"{i / 50},{i % 3}" for i in range(300)), "time,acc_x"),
    "label.csv": table(["0,1,sit", "1,2,walk"], "start,end,label"),
    "bytes.csv": bytes(range(256)) * 40,
    "zeros.bin": bytes(5000),
    "bytes.cwa": b"MD" + bytes(range(256)) * 40,
    "torn.gt3x": zipped(**{"log.bin": bytes(100)}),
    "torn.csv.gz": gzip.compress(moving().encode())[:-20],
    "torn.zip": zipped(a_csv=moving())[:-30],
    "bare.zip": zipped(),
    "torn.parquet": b"PAR1" + bytes(range(256)) * 4,
    "list.json": json.dumps([{"time": 0, "x": 1}]),
    "README.md": "Recorded in May, by Ann, on foot.\n",
}


@pytest.fixture(scope="module")
def small_bundle(make_bundle: MakeBundle) -> Path:
    return make_bundle("cnn")


@pytest.mark.parametrize("name", [*ODD, "all of them", "an empty folder"])
def test_a_prediction_or_a_reason_never_silence(
    small_bundle: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for n in ODD if name == "all of them" else [n for n in ODD if n == name]:
        content = ODD[n]
        (folder / n).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / name if name in ODD else folder
    done = CliRunner().invoke(main, ["predict", str(small_bundle), str(path)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.exit_code in (0, 1)
    assert not re.search(r"(?m) nan$", done.output)
    if done.exit_code:
        assert len(done.output.split()) > 5
    else:
        assert re.search(r"(?m)^ +\d+:\d\d\.\d +\d+:\d\d\.\d  \w+ +[01]\.\d\d$", done.output)
        assert name.startswith("good") or name in ("wide.csv", "all of them", "open-quote.csv")


def test_a_restart_that_is_too_short_is_left_out_and_said(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    path = tmp_path / "r.csv"
    times = (*range(31), *range(5, 9))
    rows = (f"{t / 10},{t % 3},{t % 5},{9 + t % 2}\n" for t in times)
    path.write_text("time,x,y,z\n" + "".join(rows))
    arguments = ["predict", str(make_bundle("cnn")), str(path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("r.csv: 0:03.0, ")
    assert done.output.splitlines()[-1].startswith("not read: r.csv#2: no window of ")
    (left_out,) = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)["left_out"]
    assert left_out["name"] == "r.csv#2"


def test_a_file_of_a_folder_that_cannot_be_read_is_left_out_and_said(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    write_csv(folder / "a.csv", recording("uniform"))
    lines = (folder / "a.csv").read_text().splitlines()
    torn = [line if i % 3 else line.rpartition(",")[0] for i, line in enumerate(lines)]
    (folder / "b.csv").write_text("\n".join([lines[0], *torn[1:]]) + "\n")
    (folder / "notes.csv").write_text("day,mood\nmonday,good\n")
    done = CliRunner().invoke(main, ["predict", str(make_bundle("cnn")), str(folder)])
    assert done.exit_code == 0, done.output
    said = done.output[done.output.index("not read") :]
    assert "b.csv: These recordings cannot be used as they are" in said
    assert "notes.csv" in said


def test_rows_left_out_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "time,x,y,z,label\n5.00,0,0,9,sit\n5.02,,0,9,sit\n5.04,1,0,9,sit\n5.04,1,0,9,sit\n"
        "5.03,2,0,9,walk\n5.06,0,0,9,walk\n5.08,0,0,9,\n"
    )
    (source,) = opening.open_path(path, Table(path="", unit="m/s2"))
    (chunk,) = source.chunks
    np.testing.assert_allclose(chunk.time_s, [0, 0.03, 0.04, 0.06, 0.08])
    np.testing.assert_allclose(chunk.samples[:, 0], [0, 2, 1, 0, 0])
    assert source.rejected == {"not finite": 1, "repeated instant": 1}
    times = [(label, round(a, 6), round(b, 6)) for a, b, label in source.annotations]
    assert times == [  # to the next sample of another label
        ("sit", 0.0, 0.03), ("walk", 0.03, 0.04), ("sit", 0.04, 0.06), ("walk", 0.06, 0.08),
    ]  # fmt: skip


def test_blocks_of_a_table_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    r = recording("irregular")
    path = write_csv(tmp_path / "r.csv", r, labels=True)
    whole = next(opening.open_path(path)).annotations
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 2000)
    opened = opening.open_path(path)
    source = next(opened)
    blocks = list(source.chunks)
    assert len(blocks) > 50
    assert next(opened, None) is None
    np.testing.assert_allclose(np.concatenate([c.time_s for c in blocks]), r.time_s, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([c.samples for c in blocks]), r.acceleration)
    assert [n[2] for n in source.annotations] == [n[2] for n in whole] == ["sit", "walk"]
    np.testing.assert_allclose([n[:2] for n in source.annotations], [n[:2] for n in whole])


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("time,x,y,z", "{t:.4f},{x:.5f},{y:.5f},{z:.5f}", {}),
        ("timestamp_ms;ax;ay;az", "{ms:.1f};{x:.5f};{y:.5f};{z:.5f}", {}),
        ("elapsed\tacc_x (g)\tacc_y (g)\tacc_z (g)", "{t:.4f}\t{gx:.6f}\t{gy:.6f}\t{gz:.6f}", {}),
        ("t;x;y;z", "{t:.4f};{gx:.6f};{gy:.6f};{gz:.6f}", {}),  # the doctor sees that it is g
        ("time,z,y,x", "{t:.4f},{z:.5f},{y:.5f},{x:.5f}", {}),
        ("time,x,y,z", "{t:.4f},{nx:.5f},{ny:.5f},{nz:.5f}", {"convention": "ios"}),
    ],
)
def test_tables_in_other_words_are_the_same_recording(
    tmp_path: Path, header: str, row: str, said: dict[str, str]
) -> None:
    a = movement(1500)
    lines = [header]
    for i, (x, y, z) in enumerate(a.tolist()):
        values = {"t": 7 + i / 50, "ms": 7e3 + i * 20.0, "x": x, "y": y, "z": z}
        values |= {f"g{c}": values[c] / 9.80665 for c in "xyz"}
        values |= {f"n{c}": -values[c] for c in "xyz"}
        lines.append(row.format(**values))
    path = tmp_path / "r.csv"
    text = "\n".join(lines) + "\n"
    path.write_text(text.replace(".", ",") if header == "t;x;y;z" else text)
    (source,) = opening.open_path(path, Table.model_validate({"path": "", **said}))
    parts = list(source.chunks)
    np.testing.assert_allclose(np.concatenate([c.time_s for c in parts]), np.arange(1500) / 50,
                               atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(np.concatenate([c.samples for c in parts]), a, atol=2e-5)


def test_a_phone_loggers_export(make_bundle: MakeBundle, tmp_path: Path) -> None:
    """Sensor Logger writes z, y, x; of its files the one with gravity is read."""
    a = movement(1500)
    folder = tmp_path / "walk"
    folder.mkdir()
    for name, values in (("TotalAcceleration", a), ("Accelerometer", a - [0, 0, 9.81])):
        rows = [
            f"{1.7e18 + i * 2e7:.0f},{i / 50:.4f},{z:.5f},{y:.5f},{x:.5f}"
            for i, (x, y, z) in enumerate(values.tolist())
        ]
        text = "\n".join(["time,seconds_elapsed,z,y,x", *rows]) + "\n"
        (folder / f"{name}.csv").write_text(text)
    (folder / "Metadata.csv").write_text("version,device name,platform\n3,Pixel,android\n")
    opened = Bundle.open(make_bundle("cnn"))
    (source,) = opening.open_path(folder)
    found = predict(opened, source)
    (expected,) = [predict(opened, chunks.of_recording(Recording("t", "s", "0", "wrist", 50.0, a)))]
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-3)
    with pytest.raises(DataError, match="gravity is removed, but the model was trained"):
        (source,) = opening.open_path(folder / "Accelerometer.csv")
        predict(opened, source)


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_a_large_phone_loggers_file_is_read_as_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """As its own reader reads it, sign and all."""
    a = movement(20_000)
    folder = tmp_path / "walk"
    folder.mkdir()
    rows = [
        f"{1.7e18 + i * 2e7:.0f},{i / 50:.4f},{z:.5f},{y:.5f},{x:.5f}"
        for i, (x, y, z) in enumerate(a.tolist())
    ]
    text = "\n".join(["time,seconds_elapsed,z,y,x", *rows]) + "\n"
    (folder / "TotalAcceleration.csv").write_text(text)
    (folder / "Metadata.csv").write_text(f"version,device name,platform\n3,Phone,{platform}\n")

    def read() -> tuple[list, np.ndarray, np.ndarray]:
        ((source, blocks),) = ((s, list(s.chunks)) for s in opening.open_path(folder))
        assert source.name == "TotalAcceleration.csv"
        return (
            blocks,
            np.concatenate([c.time_s for c in blocks]),
            np.concatenate([c.samples for c in blocks]),
        )

    _, time, samples = read()
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    monkeypatch.setattr(resolution, "PART_BYTES", 100_000)
    blocks, streamed_time, streamed = read()
    assert len(blocks) > 5, "not read whole"
    np.testing.assert_allclose(streamed_time, time, atol=1e-6)
    np.testing.assert_allclose(streamed, samples, atol=1e-5)


def test_a_long_files_recordings_are_used_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolution, "LONG_BYTES", 1000)
    sources = list(opening.open_path(write_csv(tmp_path / "r.csv", recording("irregular"))))
    with pytest.raises(RuntimeError, match="the next recording was asked for first"):
        list(sources[0].chunks)


def test_two_recordings_in_a_folder(make_bundle: MakeBundle, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    write_csv(folder / "a.csv", recording("uniform"))
    write_csv(folder / "b.csv", recording("fast"))
    done = CliRunner().invoke(main, ["predict", str(make_bundle("cnn")), str(folder), "--json"])
    assert done.exit_code == 0, done.output
    names = [r["recording"] for r in json.loads(done.output)["recordings"]]
    assert names == ["a.csv", "b.csv"]


def test_a_recording_with_annotations_is_scored(make_bundle: MakeBundle) -> None:
    opened = Bundle.open(make_bundle("gru"))
    found = predict(opened, chunks.of_recording(recording("uniform")))
    assert found.scores is None
    found = scored(found, opened.manifest)
    assert found.scores is not None
    assert found.scores["events"] == 2
    assert "against 2 annotated events: F1 0." in describe(found)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_stays_flat(make_bundle: MakeBundle, tmp_path: Path) -> None:
    """Three hours at 100 Hz take no more than ten minutes do."""
    import pyarrow as pa
    from pyarrow import csv

    peaks = []
    for minutes in (10, 180):
        n = minutes * 60 * 100
        rng = np.random.default_rng(0)
        time = np.round((np.arange(n) + rng.uniform(-0.2, 0.2, n)) / 100, 4)
        values = {c: np.round(rng.normal(9.8 * (c == "z"), 3, n), 3) for c in "xyz"}
        path = tmp_path / f"{minutes}.csv"
        csv.write_csv(pa.table({"time": time, **values}), path)
        code = (
            "import sys\n"
            "from har.cli.app import main\n"
            "main(['predict', *sys.argv[1:]], standalone_mode=False)\n"
            # not ru_maxrss: a child inherits its parent's
            "(peak,) = [r for r in open('/proc/self/status') if r.startswith('VmHWM')]\n"
            "print(peak.split()[1])\n"
        )
        arguments = [sys.executable, "-c", code, str(make_bundle("cnn")), str(path)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 25, f"{peaks} MB"


# What the tables that it was trained on are like -------------------------------------------------


@pytest.fixture
def trained_on_tables(make_bundle: MakeBundle, tmp_path: Path) -> Path:
    """A bundle of tables with columns of their own names, in milliseconds, g and iOS's sign."""
    folder = tmp_path / "bundle"
    shutil.copytree(make_bundle("cnn"), folder)
    content = json.loads((folder / "model.json").read_text())
    columns = {"time": "clock", "x": "sx", "y": "sy", "z": "sz", "label": "what"}
    content["data"]["tables"] = {
        "columns": columns, "time_unit": "ms", "unit": "g", "convention": "ios",
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def predicted(bundle: Path, path: Path, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["predict", str(bundle), str(path), "--json", *options])
    assert done.exit_code == 0, done.output
    (recording,) = json.loads(done.stdout)["recordings"]
    return {k: recording[k] for k in ("bouts", "read_as")}


def table_of(path: Path, header: str, scale: float, *, ms: bool = False) -> Path:
    rows = [
        f"{i * 20 if ms else i / 50:g},{x * scale:.7f},{y * scale:.7f},{z * scale:.7f}"
        for i, (x, y, z) in enumerate(movement(2000))
    ]
    path.write_text("\n".join([header, *rows, ""]))
    return path


def test_a_bundle_reads_the_tables_that_it_was_trained_on(
    trained_on_tables: Path, tmp_path: Path
) -> None:
    own = table_of(tmp_path / "own.csv", "clock,sx,sy,sz", -1 / 9.80665, ms=True)
    plain = table_of(tmp_path / "plain.csv", "time,x,y,z", 1)
    got, expected = predicted(trained_on_tables, own), predicted(trained_on_tables, plain)
    assert got["bouts"] == expected["bouts"]
    assert got["read_as"] == {
        "unit": "g", "convention": "ios", "gravity": "present (by its values)",
    }  # fmt: skip
    assert expected["read_as"]["convention"] == "android (assumed)"


def test_other_columns_are_said_on_the_command_line(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    named = table_of(tmp_path / "named.csv", "t0,one,two,three", 1)
    plain = table_of(tmp_path / "plain.csv", "time,x,y,z", 1)
    bundle = make_bundle("cnn")
    columns = "time=t0,x=one,y=two,z=three"
    said = ["--columns", columns, "--time-unit", "s", "--unit", "m/s2"]
    got = predicted(bundle, named, *said)
    assert got["bouts"] == predicted(bundle, plain)["bouts"]
    for wrong in ("x=one", "x=one,y=two,z=three,w=four", "one,two,three"):
        done = CliRunner().invoke(main, ["predict", str(bundle), str(named), "--columns", wrong])
        assert done.exit_code == 2
        assert "such as x=ax,y=ay,z=az" in done.output


def test_sets_that_a_bundle_does_not_have_are_refused(make_bundle: Any, tmp_path: Path) -> None:
    path = table_of(tmp_path / "walk.csv", "time,x,y,z", 1)
    done = CliRunner().invoke(
        main, ["predict", str(make_bundle("cnn")), str(path), "--sets", "0.9"]
    )
    assert done.exit_code == 1
    assert "no prediction sets of level 0.9 (none were held out)" in done.output


def test_the_first_lines_say_what_was_assumed(make_bundle: MakeBundle, tmp_path: Path) -> None:
    path = table_of(tmp_path / "walk.csv", "time,x,y,z", 1)
    done = CliRunner().invoke(main, ["predict", str(make_bundle("cnn")), str(path)])
    said = "Read as unit m/s2 (assumed), convention android (assumed), gravity present"
    assert done.stdout.splitlines()[1].startswith(said)


def test_a_recording_that_is_too_slow_is_refused_as_such(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    rows = [f"{i / 4},{x},{y},{z}" for i, (x, y, z) in enumerate(movement(400))]
    path = tmp_path / "slow.csv"
    path.write_text("\n".join(["time,x,y,z", *rows, ""]))
    options = ["--time-unit", "s"]
    done = CliRunner().invoke(main, ["predict", str(make_bundle("cnn")), str(path), *options])
    assert done.exit_code == 1
    assert "slow.csv: Samples are 0.25 s apart" in done.stderr
    assert "too slow" in done.stderr
