"""Pages of GENEActiv `.bin` files: which are whole, and what those of a damaged file hold.

scikit-digital-health decodes whole files too, but crashes on some damaged ones. Tests hold this
decoder to the library's output.

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


def pages(data: bytes) -> tuple[bytes, list[re.Match[bytes] | None]]:
    """The header, and each page, None where it is damaged or broke off."""
    header, *rest = data.split(MARK)
    return header, [_PAGE.fullmatch(page) for page in rest]


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
