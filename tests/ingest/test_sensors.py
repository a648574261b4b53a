"""Of several sensors in a file or a folder, the accelerometer is read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from har.errors import DataError
from har.ingest import discovery, opening, resolution
from har.ingest.check import check
from har.ingest.formats import long_form, sensors
from har.ingest.raw import ANOTHER_SENSOR
from har.ingest.repair import repair
from har.own_recordings import Table

sys.path.insert(0, str(Path(__file__).parent))
import exports
from exports import G, walk

T, A = walk()
_, LINEAR = walk(gravity=False)
TURN = 2 * np.sin(2 * np.pi * T[:, None] * [1, 1.3, 0.7])  # rad/s, near 1 g in length
FIELD = np.array([22.0, -5.0, -42.0]) + TURN  # µT


def written(folder, header, *columns, name="a.csv"):
    return exports.table(folder / name, header, np.column_stack(columns).tolist())


def only(folder, **said):
    """The one stretch that a folder gives, examined."""
    table = Table(path="*", subject="ann", **said)
    found = discovery.find(table, folder)
    (raw,) = [r for s in found.sources for r in resolution.read(s, table)]
    return repair(raw, {"convention": "android"})


def is_acceleration(repaired, expected=A, atol=1e-4):
    (recording,) = repaired.recordings
    np.testing.assert_allclose(recording.acceleration, expected, atol=atol)


ANY_ORDER = [
    "ax,ay,az", "acc_x,acc_y,acc_z", "x_acc,y_acc,z_acc", "AccX,AccY,AccZ", "ACCX,ACCY,ACCZ",
    "xAcc,yAcc,zAcc", "accel-x,accel-y,accel-z", "x-axis (m/s²),y-axis (m/s²),z-axis (m/s²)",
    "linear_acceleration.x,linear_acceleration.y,linear_acceleration.z",
    "Accel_LN_X,Accel_LN_Y,Accel_LN_Z", "Shimmer_5E2D_Accel_LN_X_CAL,Shimmer_5E2D_Accel_LN_Y_CAL,"
    "Shimmer_5E2D_Accel_LN_Z_CAL", "X [m/s^2],Y [m/s^2],Z [m/s^2]", "accelerometerAccelX(m/s2)"
    ",accelerometerAccelY(m/s2),accelerometerAccelZ(m/s2)",
    "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]", "wrist acc x,wrist acc y,wrist acc z",
    "AccV,AccML,AccAP", "V,ML,AP", "v0,v1,v2", "values[0],values[1],values[2]", "acc_1,acc_2,acc_3",
    "x,y,z", "Acceleration X (m/s/s),Acceleration Y (m/s/s),Acceleration Z (m/s/s)",
]  # fmt: skip
OTHERS = [
    "gx,gy,gz", "wx,wy,wz", "omega_x,omega_y,omega_z", "angular_velocity.x,angular_velocity.y,"
    "angular_velocity.z", "w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1]",
    "x_gyro,y_gyro,z_gyro", "GyrX,GyrY,GyrZ", "rot x (deg/s),rot y (deg/s),rot z (deg/s)",
    "mx,my,mz", "Mag_X,Mag_Y,Mag_Z", "B x (µT),B y (µT),B z (µT)", "gravity_x,gravity_y,gravity_z",
    "vx,vy,vz", "pos_x,pos_y,pos_z", "rotationRateX,rotationRateY,rotationRateZ",
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("names", ANY_ORDER)
def test_names_alone_tell_acceleration_from_others(names, other):
    names, other = tuple(names.split(",")), tuple(other.split(","))
    for columns in (other + names, names + other):
        found = sensors.triples(columns)
        assert {t.names for t in found} == {names, other}
        best, _ = sensors.choose(found, lambda t: TURN if t.names == other else A)
        assert best.names == names


@pytest.mark.parametrize(
    ("names", "unit", "scale"),
    [("x_mg,y_mg,z_mg", "mg", 1000 / G), ("X [mg],Y [mg],Z [mg]", "mg", 1000 / G),
     ("x-axis (g),y-axis (g),z-axis (g)", "g", 1 / G), ("acc_x_g,acc_y_g,acc_z_g", "g", 1 / G),
     ("ACC_X_MG,ACC_Y_MG,ACC_Z_MG", "mg", 1000 / G), ("ax(m/s^2),ay(m/s^2),az(m/s^2)", "m/s2", 1)],
)  # fmt: skip
def test_a_unit_in_the_names_is_read(tmp_path, names, unit, scale):
    written(tmp_path, f"time,gx,gy,gz,{names}", T, TURN, A * scale)
    repaired = only(tmp_path)
    assert repaired.raw.unit == unit
    is_acceleration(repaired)


@pytest.mark.parametrize("gyro", ["gx,gy,gz", "wx,wy,wz", "angular_velocity.x,angular_velocity.y,"
                                  "angular_velocity.z", "rad_x,rad_y,rad_z"])  # fmt: skip
def test_a_gyroscope_before_the_accelerometer_is_left_alone(tmp_path, gyro):
    written(tmp_path, f"time,{gyro},ax,ay,az", T, TURN, A)
    is_acceleration(only(tmp_path))
    (one,) = opening.open_path(tmp_path)
    got = np.concatenate([chunk.samples for chunk in one.chunks])
    np.testing.assert_allclose(got, A, atol=1e-4)


def test_of_two_accelerations_the_one_with_gravity_is_taken_and_it_is_said(tmp_path):
    header = "time,acc_lin_x,acc_lin_y,acc_lin_z,acc_x,acc_y,acc_z"
    written(tmp_path, header, T, LINEAR, A)
    repaired = only(tmp_path)
    is_acceleration(repaired)
    (told,) = [f for f in repaired.account.findings if f.code == "sensor"]
    assert "Acceleration is acc_x, acc_y, acc_z" in told.message
    assert "not taken: acc_lin_x" in told.message
    is_acceleration(only(tmp_path, gravity="removed", unit="m/s2"), LINEAR)


def test_values_tell_gravity_where_names_mislead(tmp_path):
    header = ("time,acceleration.x,acceleration.y,acceleration.z,accelerationIncludingGravity.x,"
              "accelerationIncludingGravity.y,accelerationIncludingGravity.z")  # fmt: skip
    written(tmp_path, header, T, LINEAR, A)
    is_acceleration(only(tmp_path))


def test_of_a_low_and_a_wide_range_one_is_taken(tmp_path):
    header = "time,Accel_LN_X,Accel_LN_Y,Accel_LN_Z,Accel_WR_X,Accel_WR_Y,Accel_WR_Z"
    written(tmp_path, header, T, A, np.round(A, 1))
    repaired = only(tmp_path)
    is_acceleration(repaired)
    assert any("Accel_WR_X" in f.message for f in repaired.account.findings)


def test_two_places_are_asked_about_with_their_values_at_rest(tmp_path):
    header = "time,acc_left_x,acc_left_y,acc_left_z,acc_right_x,acc_right_y,acc_right_z"
    written(tmp_path, header, T, A, A)
    with pytest.raises(DataError, match=r"acc_left_x.* \(reads 9\.\d+ at rest\); acc_right_x"):
        only(tmp_path)
    said = {"x": "acc_right_x", "y": "acc_right_y", "z": "acc_right_z", "time": "time"}
    is_acceleration(only(tmp_path, columns=said))


def test_names_that_say_nothing_need_values_that_do(tmp_path):
    written(tmp_path, "time,foo_x,foo_y,foo_z,bar_x,bar_y,bar_z", T, TURN, A)
    repaired = only(tmp_path)
    is_acceleration(repaired)
    assert any("bar_x, bar_y, bar_z" in f.message for f in repaired.account.findings)
    written(tmp_path, "time,foo_x,foo_y,foo_z,bar_x,bar_y,bar_z", T, TURN, FIELD)
    with pytest.raises(DataError, match="not clear. Candidates: foo_x"):
        only(tmp_path)


def test_a_gyroscope_alone_is_no_acceleration(tmp_path):
    written(tmp_path, "time,gyro_x,gyro_y,gyro_z", T, TURN)
    written(tmp_path, "time,x,y,z", T, TURN, name="walking_gyro_1.csv")
    written(tmp_path, "time,x,y,z", T, FIELD, name="b/magnetometer.csv")
    written(tmp_path, "time,x,y,z", T, A, name="walking_acc_1.csv")
    found = discovery.find(Table(path="**/*.csv"), tmp_path)
    assert [s.path.name for s in found.sources] == ["walking_acc_1.csv"]
    reasons = [reason for _, reason in found.not_used]
    assert reasons == ["no acceleration in it"] * 3


def test_a_sensor_loggers_files_under_other_names(tmp_path):
    for what, values in (("acc", A), ("gyro", TURN)):
        exports.sensor_logger(tmp_path, T, values, f"walking_{what}_1")
    found = discovery.find(Table(path="*.csv"), tmp_path)
    assert [s.path.name for s in found.sources] == ["walking_acc_1.csv"]


def test_one_axis_in_a_file(tmp_path):
    for axis, values in zip("xyz", A.T, strict=True):
        written(tmp_path, "time,value", T, values, name=f"acc_{axis}.csv")
    report = check(tmp_path, root=tmp_path)
    assert report.errors()
    (first, *_) = [f.message for f in report.findings() if f.code == "unreadable-file"]
    assert "one column of values beside time" in first


def test_a_barometer_and_a_readme_beside_the_accelerometer(tmp_path):
    header = '"Time (s)","X (m/s^2)","Y (m/s^2)","Z (m/s^2)"'
    written(tmp_path, header, T, A, name="Accelerometer.csv")
    written(tmp_path, '"Time (s)","Pressure (hPa)"', T, T + 1000, name="Barometer.csv")
    (tmp_path / "README.md").write_text(
        "# Notes\n\nRecorded in the hall, the lift, and the yard, with x, y, z in m/s^2.\n"
        "One walk, one phone, one pocket, x, y, z.\n"
    )
    report = check(tmp_path, root=tmp_path)
    assert (report.errors(), report.whole.recordings, report.whole.kept) == (0, 1, len(A))
    assert [Path(name).name for name, _ in report.not_used] == ["Barometer.csv", "README.md"]


# Long form --------------------------------------------------------------------------------------

SPELLINGS = [
    ("sensor", "ACC", "GYR", "MAG"), ("Sensor Name", "accelerometer", "gyroscope", "magnetometer"),
    ("sensor_type", "1", "4", "2"), ("type", "1", "4", "2"), ("stream", "Accel", "Gyro", "Mag"),
    ("sensor", "android.sensor.accelerometer", "android.sensor.gyroscope", "LIGHT"),
    ("Sensor", "Beschleunigung", "Drehrate", "Magnetfeld"),
    ("kind", "TYPE_ACCELEROMETER", "TYPE_LINEAR_ACCELERATION", "TYPE_MAGNETIC_FIELD"),
]  # fmt: skip


def long_table(path, column, *sensors, one_by_one=False):
    rows = []
    for name, values, late in sensors:
        rows += [(float(t + late), name, *map(float, v)) for t, v in zip(T, values, strict=True)]
    if not one_by_one:
        rows.sort(key=lambda row: row[0])
    return exports.table(path, f"time,{column},x,y,z", rows)


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(("column", "acc", "gyr", "mag"), SPELLINGS)
def test_rows_of_the_accelerometer_are_read(tmp_path, column, acc, gyr, mag, one_by_one):
    long_table(tmp_path / "a.csv", column, (gyr, TURN, 0.003), (acc, A, 0), (mag, FIELD, 0.007),
               one_by_one=one_by_one)  # fmt: skip
    repaired = only(tmp_path)
    is_acceleration(repaired)
    assert repaired.account.samples_in == 3 * len(A)
    assert dict(repaired.account.rejected) == {ANOTHER_SENSOR: 2 * len(A)}
    assert any(f"1000 of {gyr}" in f.message for f in repaired.account.findings)
    (one,) = opening.open_path(tmp_path / "a.csv")
    assert sum(len(chunk.samples) for chunk in one.chunks) == len(A)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_dump_of_androids_sensor_events(tmp_path, kind):
    import pandas as pd

    sensors_of = {1: (A, 0), 4: (TURN, 3_000_000), 2: (FIELD, 7_000_000)}
    frames = [
        pd.DataFrame({"timestamp": (T * 1e9).astype(np.int64) + 10**12 + late, "sensorType": number,
                      **{f"values[{i}]": values[:, i] for i in range(3)}, "accuracy": 3})
        for number, (values, late) in sensors_of.items()
    ]  # fmt: skip
    events = pd.concat(frames).sort_values("timestamp")
    if kind == "csv":
        events.to_csv(tmp_path / "a.csv", index=False)
    else:
        events.to_parquet(tmp_path / "a.parquet")
    repaired = only(tmp_path)
    is_acceleration(repaired)
    assert repaired.recordings[0].rate_hz == pytest.approx(50)
    assert dict(repaired.account.rejected) == {ANOTHER_SENSOR: 2 * len(A)}


@pytest.mark.parametrize(("column", "gyr", "mag"), [("sensor", "GYR", "MAG"),
                                                    ("sensor_type", "4", "2")])  # fmt: skip
def test_no_row_of_an_accelerometer_is_an_error(tmp_path, column, gyr, mag):
    long_table(tmp_path / "a.csv", column, (gyr, TURN, 0), (mag, FIELD, 0.003))
    with pytest.raises(DataError, match=rf"no row of column '{column}' is an accelerometer's"):
        only(tmp_path)


def test_two_accelerometers_in_rows_are_asked_about(tmp_path):
    long_table(tmp_path / "a.csv", "sensor", ("acc left", A, 0), ("acc right", A, 0.003))
    with pytest.raises(DataError, match="several accelerometers: acc left, acc right"):
        only(tmp_path)


def test_numbers_that_are_no_sensor_types_are_left_alone(tmp_path):
    long_table(tmp_path / "a.csv", "type", ("1", A, 0), ("2", A, 30.0))
    assert only(tmp_path).account.kept == 2 * len(A)
    said = {"label": ["walking", "rotating arms"], "flag": ["1", "0"]}
    assert long_form.sensor_column(said, A[:2]) is None


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("names", [("A", "G", "M"), ("0", "1", "2"), ("s1", "s2", "s3")])
def test_rows_of_sensors_that_nobody_can_name_are_asked_about(tmp_path, names, one_by_one):
    acc, gyr, mag = names
    long_table(tmp_path / "a.csv", "stream", (gyr, TURN, 0.003), (acc, A, 0), (mag, FIELD, 0.007),
               one_by_one=one_by_one)  # fmt: skip
    with pytest.raises(
        DataError, match=rf"column 'stream' separates .* {acc} reads 9.8.*; {gyr} read"
    ):
        only(tmp_path, unit="m/s2")


def test_rows_of_two_places_that_take_turns_are_asked_about(tmp_path):
    long_table(tmp_path / "a.csv", "device", ("wrist", A, 0), ("ankle", A[::-1], 0.003))
    with pytest.raises(
        DataError, match=r"column 'device' separates .* ankle reads 9.8.*; wrist reads"
    ):
        only(tmp_path)
    long_table(tmp_path / "a.csv", "device", ("wrist", A, 0), ("ankle", A[::-1], 30.0))
    assert only(tmp_path).account.kept == 2 * len(A)


@pytest.mark.parametrize("which", ["first", "second"])
def test_of_columns_with_one_name_the_user_says_which(tmp_path, which):
    columns = (A, TURN) if which == "first" else (TURN, A)
    written(tmp_path, "time,x,y,z,x,y,z", T, *columns)
    with pytest.raises(DataError, match="several columns are called x, y, z.* _4, _5, _6"):
        only(tmp_path)
    x, y, z = "xyz" if which == "first" else ("_4", "_5", "_6")
    is_acceleration(only(tmp_path, columns={"time": "time", "x": x, "y": y, "z": z}))


@pytest.mark.parametrize("name", ["jump_angular.csv", "jumpRotationRate.csv", "jump_omega.csv"])
def test_a_file_of_turning_is_no_acceleration(tmp_path, name):
    written(tmp_path, "time,x,y,z", T, TURN, name=name)
    written(tmp_path, "time,x,y,z", T, A, name="rotating_arms.csv")
    is_acceleration(only(tmp_path))
