"""Pages of GENEActiv `.bin` files: which are whole, and what those of a damaged file hold.

Whole files are decoded by scikit-digital-health, which crashes on some damaged ones. Tests hold
this decoder to the library's output on a whole file.

A page is a block of text lines and 3600 hexadecimal digits: 300 samples of 48 bits, of which 12
each are x, y and z; acceleration in g is (100 × raw − offset) / gain [1]_.

References
----------
.. [1] GENEActiv instructions, "Decoding of the .bin file", Activinsights.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np

PAGE_SAMPLES = 300
MARK = b"Recorded Data"

_PAGE = re.compile(
    rb"\r?\nDevice Unique Serial Code:[^\r\n]*\r?\nSequence Number:(\d+)\r?\n"
    rb"Page Time:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3})\r?\nUnassigned:[^\r\n]*\r?\n"
    rb"Temperature:[-\d.]+\r?\nBattery voltage:[-\d.]+\r?\nDevice Status:[^\r\n]*\r?\n"
    rb"Measurement Frequency:([\d.]+)\r?\n([0-9A-Fa-f]{3600})\s*"
)
# The lines of the header up to their colon: the library counts on their number and order.
_HEADER = (
    "Device Identity", "Device Unique Serial Code", "Device Type", "Device Model",
    "Device Firmware Version", "Calibration Date", "", "Device Capabilities",
    "Accelerometer Range", "Accelerometer Resolution", "Accelerometer Units", "Light Meter Range",
    "Light Meter Resolution", "Light Meter Units", "Temperature Sensor Range",
    "Temperature Sensor Resolution", "Temperature Sensor Units", "", "Configuration Info",
    "Measurement Frequency", "Measurement Period", "Start Time", "Time Zone", "", "Trial Info",
    "Study Centre", "Study Code", "Investigator ID", "Exercise Type", "Config Operator ID",
    "Config Time", "Config Notes", "Extract Operator ID", "Extract Time", "Extract Notes", "",
    "Subject Info", "Device Location Code", "Subject Code", "Date of Birth", "Sex", "Height",
    "Weight", "Handedness Code", "Subject Notes", "", "Calibration Data", "x gain", "x offset",
    "y gain", "y offset", "z gain", "z offset", "Volts", "Lux", "", "Memory Status",
    "Number of Pages", "", "",
)  # fmt: skip


_NUMBERS = (
    b"x gain", b"x offset", b"y gain", b"y offset", b"z gain", b"z offset", b"Volts", b"Lux",
)  # fmt: skip


def pages(data: bytes) -> tuple[bytes, list[re.Match[bytes] | None]]:
    """The header, and each page, None where it is damaged or broke off."""
    header, *rest = data.split(MARK)
    return header, [_PAGE.fullmatch(page) for page in rest]


def is_whole(header: bytes, found: list[re.Match[bytes] | None]) -> bool:
    """Whether the library can be trusted with the file."""
    named = re.search(rb"\nNumber of Pages:(\d+)\s", header)
    lines = header.decode("latin-1").replace("\r", "").split("\n")
    return (
        header.isascii()
        and tuple(line.partition(":")[0] for line in lines) == _HEADER
        and all(re.search(rb"\n%s:-?\d+\s" % k, header) for k in _NUMBERS)
        and all(found)
        and named is not None
        and int(named[1]) == len(found)
    )


def decode(header: bytes, found: list[re.Match[bytes] | None]) -> tuple[np.ndarray, np.ndarray]:
    """Times (s since 1970, the device's clock) and acceleration (n, 3) in g of the whole pages.

    Raises
    ------
    ValueError
        If the header does not hold the calibration.
    """
    gain, offset = np.empty(3), np.empty(3)
    for i, axis in enumerate((b"x", b"y", b"z")):
        g = re.search(rb"\n" + axis + rb" gain:(-?\d+)", header)
        o = re.search(rb"\n" + axis + rb" offset:(-?\d+)", header)
        if not g or not o or int(g[1]) == 0:
            raise ValueError(f"no calibration of axis {axis.decode()} in the header")
        gain[i], offset[i] = int(g[1]), int(o[1])
    times, values = [], []
    for page in found:
        if page is None:
            continue
        begin = datetime.strptime(page[2].decode(), "%Y-%m-%d %H:%M:%S:%f").replace(tzinfo=UTC)
        rate = float(page[3]) or np.nan
        times.append(begin.timestamp() + np.arange(PAGE_SAMPLES) / rate)
        b = np.frombuffer(bytes.fromhex(page[4].decode()), np.uint8).reshape(-1, 6).astype(int)
        raw = np.column_stack(
            [(b[:, 0] << 4) | (b[:, 1] >> 4), ((b[:, 1] & 15) << 8) | b[:, 2],
             (b[:, 3] << 4) | (b[:, 4] >> 4)]
        )  # fmt: skip
        raw[raw >= 2048] -= 4096
        values.append((100 * raw - offset) / gain)
    return np.concatenate(times), np.concatenate(values)
