"""Writes files in the layouts of phone loggers, from a signal whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

G = 9.80665


def walk(rate_hz=50.0, seconds=20.0, *, gravity=True, seed=0):
    """Time and specific force of a phone upright in a pocket: 2 Hz steps about +1 g on y."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    a = np.column_stack(
        [0.8 * np.sin(2 * np.pi * t), 3 * np.sin(4 * np.pi * t), 1.5 * np.cos(4 * np.pi * t)]
    )
    a += rng.normal(0, 0.05, a.shape)
    if gravity:
        a[:, 1] += G
    return t, a


def table(path: Path, header: str, rows, delimiter=",", decimal=".", end="\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header]
    for row in rows:
        cells = [c if isinstance(c, str) else f"{c:.9g}" for c in row]
        if decimal != ".":
            cells = [c.replace(".", decimal) for c in cells]
        lines.append(delimiter.join(cells))
    path.write_text(end.join(lines) + end, encoding="utf-8")
    return path


def sensor_logger(folder: Path, t, a, name="TotalAcceleration", *, platform=None, marks=()):
    """`time,seconds_elapsed,z,y,x`, with Metadata.csv and Annotation.csv."""
    epoch = 1706425642000000000
    rows = [(str(epoch + round(s * 1e9)), s, z, y, x) for s, (x, y, z) in zip(t, a, strict=True)]
    table(folder / f"{name}.csv", "time,seconds_elapsed,z,y,x", rows)
    if platform:
        standard = "true" if platform.endswith("+") else "false"
        table(
            folder / "Metadata.csv",
            "version,device name,recording epoch time,recording time,recording timezone,platform,"
            "appVersion,device id,sensors,sampleRateMs,standardisation",
            [("3", "phone", "1706425642000", "2024-01-28_07-07-22", "Europe/Rome",
              platform.rstrip("+"), "1.30", "abc", name, "0", standard)],
        )  # fmt: skip
    if marks:
        rows = [(str(epoch + round(s * 1e9)), s, text, "120") for s, text in marks]
        table(
            folder / "Annotation.csv", "time,seconds_elapsed,text,millisecond_press_duration", rows
        )


def phyphox(folder: Path, t, a, name="Raw Data", *, kind="Acceleration", delimiter=",",
            decimal="."):  # fmt: skip
    """The zip export's folder: one table and `meta/`."""
    axes = [f'"{kind} {x} (m/s^2)"' if kind else f'"{x.upper()} (m/s^2)"' for x in "xyz"]
    header = ['"Time (s)"', *axes]
    rows = [(s, *xyz) for s, xyz in zip(t, a, strict=True)]
    if kind:
        header.append(f'"Absolute {kind.split()[-1].lower()} (m/s^2)"')
        rows = [(*row, float(np.linalg.norm(row[1:]))) for row in rows]
    table(folder / f"{name}.csv", delimiter.join(header), rows, delimiter, decimal)
    table(folder / "meta" / "device.csv", '"property","value"',
          [('"version"', '"1.1.16"'), ('"deviceModel"', '"iPhone14,5"')])  # fmt: skip
    table(
        folder / "meta" / "time.csv", '"event","experiment time","system time","system time text"',
        [('"START"', "0.000000000E0", "1759650000.000", '"2025-10-05 10:20:00.000 UTC+02:00"')],
    )  # fmt: skip


def androsensor(path: Path, t, a, *, delimiter=";") -> Path:
    header = delimiter.join(
        ["ACCELEROMETER X (m/s²)", "ACCELEROMETER Y (m/s²)", "ACCELEROMETER Z (m/s²)",
         "LINEAR ACCELERATION X (m/s²)", "LINEAR ACCELERATION Y (m/s²)",
         "LINEAR ACCELERATION Z (m/s²)", "GYROSCOPE X (rad/s)", "Time since start in ms ",
         "YYYY-MO-DD HH-MI-SS_SSS"]
    )  # fmt: skip
    rows = [
        (*xyz, xyz[0], xyz[1] - G, xyz[2], 0.1, str(round(1000 * s)), "2014-05-01 12:00:00:000")
        for s, xyz in zip(t, a, strict=True)
    ]
    return table(path, header, rows, delimiter)


def physics_toolbox(path: Path, t, a, *, linear=False, ios=False) -> Path:
    rows = []
    for s, xyz in zip(t, a, strict=True):
        values = list(xyz) if linear else [v / G for v in xyz]
        if ios:
            values = [-v for v in values]
            stamp = f"2018-10-03 17:23:{int(10 + s):02d}.{round(1e4 * (s % 1)):04d}"
        total = float(np.linalg.norm(values))
        rows.append((stamp if ios else s, *values, total))
    header = "time,ax,ay,az,aT" if linear else f"time,gFx,gFy,gFz,{'gFTotal' if ios else 'TgF'}"
    return table(path, header, rows)
