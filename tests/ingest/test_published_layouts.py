"""Public sets that are not at hand: their readers on files written here in the published layout.

Each file holds values that are known, with the defects that the publication has.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

from har.errors import did_you_mean
from har.ingest import datasets
from har.ingest.repair import repair

G = 9.80665


def zipped(folder, name, members):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def read(name, folder, placement=None):
    dataset = datasets.get(name)
    found, rejected, total = [], Counter(), 0
    for source in dataset.sources(folder, dataset.placement(placement)):
        for raw in dataset.read(source):
            repaired = repair(raw)
            found += repaired.recordings
            rejected += repaired.account.rejected
            total += repaired.account.samples_in
    assert total == sum(r.n_samples for r in found) + rejected.total()
    return found, rejected


def signal(n, seed=0, unit=G):
    rng = np.random.default_rng(seed)
    return (np.array([0.1, 1.0, -0.2]) + rng.normal(0, 0.05, (n, 3))) * unit


def notes(recording):
    return [(a.label, a.start, a.end) for a in recording.annotations]


def lines(rows, delimiter=","):
    return "\n".join(delimiter.join(str(v) for v in row) for row in rows) + "\n"


def test_every_set_says_where_from_and_on_what_terms():
    for name in datasets.names():
        d = datasets.get(name)
        if not d.files:  # recorded by the user
            continue
        assert d.name == name
        assert d.title
        assert d.page.startswith("http")
        assert d.licence
        assert d.citation
        assert d.builtin or all(f.url.startswith("http") for f in d.files)
        assert all(f.checksum is None for f in d.files)  # none is published; none is invented
    assert did_you_mean("uci-har", datasets.names())


def test_wisdm_v1_with_its_line_defects(tmp_path):
    a = signal(60)

    def line(i, activity="Walking", user=33, t=None):
        t = 49_105_962_326_000 + i * 50_000_000 if t is None else t
        return f"{user},{activity},{t},{a[i][0]:.4f},{a[i][1]:.4f},{a[i][2]:.4f}"

    text = ";\n".join(line(i) for i in range(10)) + ";\n"
    text += line(10) + ";" + line(11) + ";\n"  # joined on one line
    text += line(12) + ",;\n"  # a trailing comma
    text += "33,Walking,49106612326000,1.1,2.2,;\n"  # empty z
    text += line(14, t=0) + ";\n"  # timestamp 0
    text += line(15) + ";\n" + line(15) + ";\n\n"  # the same instant twice
    text += ";\n".join(line(i) for i in range(16, 30)) + ";\n"
    text += ";\n".join(line(i, "Jogging") for i in range(30, 60)) + ";\n"
    path = tmp_path / "WISDM_ar_latest.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("WISDM_ar_v1.1/WISDM_ar_v1.1_raw.txt")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    found, rejected = read("wisdm-v1.1", tmp_path)
    assert [(r.subject, r.session, r.n_samples) for r in found] == [
        ("33", "walking-1", 28), ("33", "jogging-1", 30),
    ]  # fmt: skip
    assert rejected == {"malformed line": 1, "timestamp 0": 1, "repeated instant": 1}
    np.testing.assert_allclose(found[0].acceleration[10:13], a[10:13], atol=1e-4)
    assert found[0].acceleration[:, 1].mean() == pytest.approx(G, rel=0.05)  # upright, Android


def test_uci_har_windows_are_put_together(tmp_path):
    long = signal(128 + 64 * 3, unit=1)
    windows = np.stack([long[i : i + 128] for i in (0, 64, 128, 192)])
    other = signal(128, seed=1, unit=1)[None]
    both = np.concatenate([windows, other])
    members = {}
    for part in ("train", "test"):
        for k, axis in enumerate("xyz"):
            rows = "\n".join(" ".join(f" {v:.9e}" for v in w[:, k]) for w in both)
            members[f"UCI HAR Dataset/{part}/Inertial Signals/total_acc_{axis}_{part}.txt"] = rows
        members[f"UCI HAR Dataset/{part}/subject_{part}.txt"] = "1\n1\n1\n1\n3\n"
        members[f"UCI HAR Dataset/{part}/y_{part}.txt"] = "5\n5\n5\n5\n1\n"
    zipped(tmp_path, "UCI HAR Dataset.zip", members)
    found, rejected = read("uci-har-windows", tmp_path)
    assert [(r.subject, r.session, r.n_samples) for r in found] == [
        ("1", "train-0001", 320), ("3", "train-0005", 128),
        ("1", "test-0001", 320), ("3", "test-0005", 128),
    ]  # fmt: skip
    np.testing.assert_allclose(found[0].acceleration, long * G, rtol=1e-5)
    assert notes(found[0]) == [("standing", 0, 320)]
    assert rejected == {"in the window before": 2 * 3 * 64}


@pytest.mark.parametrize(("placement", "first"), [("wrist", 4), ("chest", 21), ("ankle", 38)])
def test_pamap2(tmp_path, placement, first):
    n, a = 300, signal(300)
    table = np.full((n, 54), 1.0)
    table[:, 0] = 8.38 + np.arange(n) / 100
    table[:, 1] = [0] * 100 + [4] * 200
    table[:, first : first + 3] = a
    text = lines([[f"{v:.6f}" if j != 1 else int(v) for j, v in enumerate(row)] for row in table],
                 " ")  # fmt: skip
    text = text.replace(f"{a[250][0]:.6f}", "NaN")  # a lost packet
    zipped(tmp_path, "PAMAP2_Dataset.zip", {"PAMAP2_Dataset/Protocol/subject101.dat": text})
    (got,), rejected = read("pamap2", tmp_path, placement)
    assert (got.subject, got.session, got.placement) == ("101", "protocol", placement)
    assert rejected == {"not finite": 1}
    assert notes(got) == [("walking", 100, 299)]
    np.testing.assert_allclose(got.acceleration[:250], a[:250], atol=1e-5)
    assert got.rate_hz == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize(("placement", "first"), [("wrist", 14), ("chest", 0), ("ankle", 5)])
def test_mhealth(tmp_path, placement, first):
    n, a = 200, signal(200)
    table = np.ones((n, 24))
    table[:, first : first + 3] = a
    table[:, 23] = [0] * 50 + [10] * 150
    rows = [[f"{v:.5f}" if j < 23 else int(v) for j, v in enumerate(row)] for row in table]
    members = {f"MHEALTHDATASET/mHealth_subject{s}.log": lines(rows, "\t") for s in (1, 10, 2)}
    zipped(tmp_path, "MHEALTHDATASET.zip", members)
    found, _ = read("mhealth", tmp_path, placement)
    assert [r.subject for r in found] == ["1", "2", "10"]
    assert notes(found[0]) == [("jogging", 50, 200)]
    np.testing.assert_allclose(found[0].acceleration, a, atol=1e-4)


def mat(**content):
    buffer = io.BytesIO()
    savemat(buffer, content)
    return buffer.getvalue()


def test_unimib_shar(tmp_path):
    windows = np.stack([signal(151, seed=s) for s in range(3)])
    flat = windows.transpose(0, 2, 1).reshape(3, 453)
    labels = np.array([[3, 1, 1], [3, 1, 2], [12, 30, 1]])
    zipped(tmp_path, "UniMiB-SHAR.zip", {
        "UniMiB-SHAR/data/acc_data.mat": mat(acc_data=flat),
        "UniMiB-SHAR/data/acc_labels.mat": mat(acc_labels=labels),
        "UniMiB-SHAR/data/adl_data.mat": mat(adl_data=flat[:2]),
    })  # fmt: skip
    found, _ = read("unimib-shar", tmp_path)
    assert [(r.subject, r.annotations[0].label) for r in found] == [
        ("1", "Walking"), ("1", "Walking"), ("30", "FallingBack"),
    ]  # fmt: skip
    np.testing.assert_allclose(found[2].acceleration, windows[2], rtol=1e-6)


def test_usc_had(tmp_path):
    a = signal(500, unit=1)
    readings = np.column_stack([a, np.zeros((500, 3))])
    names = [(1, 1, 1), (1, 12, 1), (14, 2, 5)]
    members = {
        f"USC-HAD/Subject{s}/a{k}t{t}.mat": mat(sensor_readings=readings, activity="x")
        for s, k, t in names
    }
    zipped(tmp_path, "USC-HAD.zip", members)
    found, _ = read("usc-had", tmp_path)
    assert [(r.subject, r.session, r.annotations[0].label) for r in found] == [
        ("1", "a1t1", "walking-forward"), ("1", "a12t1", "elevator-down"),
        ("14", "a2t5", "walking-left"),
    ]  # fmt: skip
    np.testing.assert_allclose(found[0].acceleration, a * G, rtol=1e-5)


def test_hhar_by_person_and_device(tmp_path):
    a, rows = signal(400), []
    for i in range(400):
        device, user = (("nexus4_1", "a"), ("s3_1", "b"))[i % 2]
        step = 5_000_000 if device == "nexus4_1" else 10_000_000
        created = 1_424_696_631_913_248_572 + (i // 2) * step
        rows.append([i // 2, 1_424_696_633_908 + i, created, *a[i], user, device[:-2], device,
                     "stand" if i < 200 else "null"])  # fmt: skip
    rows.insert(100, rows[99])  # the same sample twice, as is known of it
    header = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt\n"
    zipped(tmp_path, "Activity recognition exp.zip", {
        "Activity recognition exp/Phones_accelerometer.csv": header + lines(rows),
        "Activity recognition exp/Watch_accelerometer.csv": header + lines(rows[:20]),
    })  # fmt: skip
    found, rejected = read("hhar", tmp_path)
    assert [(r.id, r.n_samples, round(r.rate_hz)) for r in found] == [
        ("a/nexus4_1/waist", 200, 200), ("b/s3_1/waist", 200, 100),
    ]  # fmt: skip
    assert notes(found[0]) == [("stand", 0, 100)]
    assert rejected == {"repeated instant": 1}
    np.testing.assert_allclose(found[1].acceleration, a[1::2], rtol=1e-5)
    assert len(read("hhar", tmp_path, "wrist")[0]) == 2


def inner(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_realworld_with_archives_in_archives(tmp_path):
    a = signal(150)
    rows = [[i + 1, 1_435_993_909_000 + 20 * i, *a[i]] for i in range(150)]
    table = "id,attr_time,attr_x,attr_y,attr_z\n" + lines(rows)
    walking = inner({"acc_walking_chest.csv": table, "acc_walking_forearm.csv": table,
                     "readMe": "see"})  # fmt: skip
    broken_off = inner({
        "acc_climbingup_1_csv.zip": inner({"acc_climbingup_chest.csv": table}),
        "acc_climbingup_2_csv.zip": inner({"acc_climbingup_chest_2.csv": table}),
    })  # fmt: skip
    zipped(tmp_path, "realworld2016_dataset.zip", {
        "proband1/data/acc_walking_csv.zip": walking,
        "proband1/data/gyr_walking_csv.zip": walking,
        "proband12/data/acc_climbingup_csv.zip": broken_off,
    })  # fmt: skip
    found, _ = read("realworld", tmp_path, "chest")
    assert [(r.subject, r.session, r.annotations[0].label) for r in found] == [
        ("1", "walking-1", "walking"), ("12", "climbingup-1", "climbingup"),
        ("12", "climbingup-2", "climbingup"),
    ]  # fmt: skip
    np.testing.assert_allclose(found[0].acceleration, a, rtol=1e-5)
    assert [r.placement for r in read("realworld", tmp_path, "wrist")[0]] == ["wrist"]


@pytest.mark.parametrize(
    ("name", "file", "member"),
    [("harth", "harth.zip", "harth/S006.csv"), ("har70plus", "har70.zip", "har70plus/501.csv")],
)
def test_harth_and_har70plus(tmp_path, name, file, member):
    back, thigh = signal(300, 1, 1), signal(300, 2, 1)
    base = np.datetime64("2019-01-12T00:00:00.000")
    rows = [[str(base + 20 * i).replace("T", " "), *back[i], *thigh[i], 6 if i < 100 else 13]
            for i in range(300)]  # fmt: skip
    header = "timestamp,back_x,back_y,back_z,thigh_x,thigh_y,thigh_z,label\n"
    zipped(tmp_path, file, {member: header + lines(rows)})
    (got,), _ = read(name, tmp_path)
    assert got.placement == "thigh"
    np.testing.assert_allclose(got.acceleration, thigh * G, rtol=1e-5)
    assert notes(got) == [("standing", 0, 100), ("cycling (sit)", 100, 300)]
    assert got.rate_hz == pytest.approx(50)
    (got,), _ = read(name, tmp_path, "back")
    np.testing.assert_allclose(got.acceleration, back * G, rtol=1e-5)


def test_capture24(tmp_path):
    a = signal(400, unit=1)
    base = np.datetime64("2016-11-13T02:18:00.000000")
    said = ["7030 sleeping;MET 0.95"] * 150 + [""] * 50 + ["home;sitting;MET 1.5"] * 200
    rows = [[str(base + 10_000 * i).replace("T", " "), *a[i], said[i]] for i in range(400)]
    dictionary = (
        "annotation,label:WillettsSpecific2018,label:Walmsley2020\n"
        "7030 sleeping;MET 0.95,sleep,sleep\nhome;sitting;MET 1.5,sitting,sedentary\n"
    )
    zipped(tmp_path, "capture24.zip", {
        "capture24/annotation-label-dictionary.csv": dictionary,
        "capture24/P001.csv.gz": gzip.compress(("time,x,y,z,annotation\n" + lines(rows)).encode()),
    })  # fmt: skip
    (got,), _ = read("capture24", tmp_path)
    assert got.subject == "P001"
    assert notes(got) == [("sleep", 0, 150), ("sedentary", 200, 400)]
    np.testing.assert_allclose(got.acceleration, a * G, rtol=1e-5)
    assert got.rate_hz == pytest.approx(100)


def test_dsads_puts_segments_together(tmp_path):
    a = signal(125 * 4)
    members = {}
    for i, number in enumerate((1, 2, 3, 5)):  # s04 is missing
        table = np.ones((125, 45))
        table[:, 9:12] = a[125 * i : 125 * (i + 1)]
        rows = [[f"{v:.5f}" for v in row] for row in table]
        members[f"data/a09/p1/s{number:02d}.txt"] = lines(rows)
    zipped(tmp_path, "data.zip", members)
    found, _ = read("dsads", tmp_path)
    assert [(r.session, r.n_samples, r.annotations[0].label) for r in found] == [
        ("a09", 375, "walking in a parking lot"), ("a09-2", 125, "walking in a parking lot"),
    ]  # fmt: skip
    np.testing.assert_allclose(found[0].acceleration, a[:375], atol=1e-4)
    assert found[0].placement == "wrist"
