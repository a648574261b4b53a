"""Blocks of Axivity `.cwa` files: which are whole, and what the whole ones of a damaged file hold.

Whole files are decoded by scikit-digital-health; it refuses a damaged one, and crashes on its
pieces. Tests hold this decoder to the library's output on whole files: equal values, times within
25 ms.

References
----------
Open Movement, cwa.md: https://github.com/digitalinteraction/openmovement/blob/master/Docs/ax3/cwa.md
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

BLOCK = 512
HEADER = 2 * BLOCK

_FIELDS = np.dtype(
    {
        "names": ["magic", "fraction", "sequence", "clock", "scale", "rate", "axes", "offset", "n"],
        "formats": ["<u2", "<u2", "<u4", "<u4", "<u2", "u1", "u1", "<i2", "<u2"],
        "offsets": [0, 4, 10, 14, 18, 24, 25, 26, 28],
        "itemsize": BLOCK,
    }
)


def blocks(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Whether each data block is whole, and its fields.

    Returns
    -------
    whole : ndarray of bool, shape (n_blocks,)
        It begins with `AX` and sums, as 16-bit words, to zero.
    fields : structured ndarray, shape (n_blocks,)
    """
    body = data[HEADER : len(data) // BLOCK * BLOCK]
    words = np.frombuffer(body, "<u2").reshape(-1, BLOCK // 2)
    fields = np.frombuffer(body, _FIELDS)
    whole = (fields["magic"] == 0x5841) & (words.astype(np.uint32).sum(axis=1) % 65536 == 0)
    return whole, fields


def decode(data: bytes, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and acceleration of whole blocks in a row.

    Parameters
    ----------
    data : bytes
        The file.
    first, last : int
        Blocks, end exclusive.

    Returns
    -------
    time_s : ndarray of float64, shape (n,)
        Seconds since 1970 on the device's own clock.
    acceleration : ndarray of float64, shape (n, 3)
        In g.
    """
    _, fields = blocks(data)
    fields = fields[first:last]
    begins, values = [], []
    for i, field in enumerate(fields):
        at = HEADER + (first + i) * BLOCK + 30
        values.append(_samples(data[at : at + 480], field))
        begins.append(_begin(field))
    rate = 3200 / (1 << (15 - (int(fields["rate"][0]) & 15)))
    time = []
    for i, block in enumerate(values):
        n = len(block)
        end = begins[i + 1] if i + 1 < len(values) else begins[i] + n / rate
        if abs((end - begins[i]) * rate / n - 1) > 0.1:  # blocks are missing in between
            end = begins[i] + n / rate
        time.append(begins[i] + np.arange(n) * (end - begins[i]) / n)
    return np.concatenate(time), np.concatenate(values)


def _samples(payload: bytes, field: np.void) -> np.ndarray:
    n, axes, packing = int(field["n"]), int(field["axes"]) >> 4, int(field["axes"]) & 15
    if packing == 2:  # 16-bit integers; three of gyroscope come before those of acceleration
        raw = np.frombuffer(payload[: 2 * axes * n], "<i2").reshape(n, axes)
        one_g = 1 << (8 + (int(field["scale"]) >> 13))
        return raw[:, 3:6] / one_g if axes >= 6 else raw[:, :3] / one_g
    packed = np.frombuffer(payload[: 4 * n], "<u4").astype(np.int64)
    exponent = packed >> 30
    columns = [((packed >> shift) & 0x3FF) for shift in (0, 10, 20)]
    signed = [np.where(c >= 512, c - 1024, c) << exponent for c in columns]
    return np.column_stack(signed) / 256


def _begin(field: np.void) -> float:
    """Time of a block's first sample."""
    clock = int(field["clock"])
    moment = datetime(
        2000 + (clock >> 26), (clock >> 22) & 15, (clock >> 17) & 31, (clock >> 12) & 31,
        (clock >> 6) & 63, clock & 63, tzinfo=UTC,
    )  # fmt: skip
    rate = 3200 / (1 << (15 - (int(field["rate"]) & 15)))
    fraction, offset = 0.0, int(field["offset"])
    if field["fraction"] & 0x8000:
        fraction = (int(field["fraction"]) & 0x7FFF) / 32768
        offset += int(fraction * rate)
    return moment.timestamp() + fraction - offset / rate
