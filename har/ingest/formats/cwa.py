"""Blocks of Axivity `.cwa` files: which are whole, and what they hold.

scikit-digital-health decodes whole files too, but its C code writes past its buffers where a field
of a block is not as it should be. Tests hold this decoder to the library's output.

References
----------
Open Movement, cwa.md: https://github.com/digitalinteraction/openmovement/blob/master/Docs/ax3/cwa.md
"""

from __future__ import annotations

import numpy as np

BLOCK = 512
HEADER = 2 * BLOCK
PAYLOAD = 480

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
        It begins with `AX`, sums to zero as 16-bit words, and its fields can be as they are.
    fields : structured ndarray, shape (n_blocks,)
    """
    body = data[HEADER : len(data) // BLOCK * BLOCK]
    words = np.frombuffer(body, "<u2").reshape(-1, BLOCK // 2)
    fields = np.frombuffer(body, _FIELDS)
    axes, packing = fields["axes"] >> 4, fields["axes"] & 15
    capacity = np.where(packing == 2, PAYLOAD // 2 // np.maximum(axes, 1), PAYLOAD // 4)
    month, day = (fields["clock"] >> 22) & 15, (fields["clock"] >> 17) & 31
    whole = (fields["magic"] == 0x5841) & (words.astype(np.uint32).sum(axis=1) % 65536 == 0)
    whole &= np.isin(packing, (0, 2)) & (axes >= 3) & (fields["n"] > 0) & (fields["n"] <= capacity)
    return whole & (month > 0) & (month < 13) & (day > 0), fields


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
    body = data[HEADER + first * BLOCK : HEADER + last * BLOCK]
    fields = np.frombuffer(body, _FIELDS)
    n = fields["n"].astype(int)
    begin, period = _begins(fields)
    steps = np.append(np.diff(begin) / n[:-1], period[-1])
    apart = np.abs(steps / period - 1) > 0.1  # blocks are missing in between
    steps = np.where(apart, period, steps)
    within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    time = np.repeat(begin, n) + within * np.repeat(steps, n)
    payload = np.frombuffer(body, np.uint8).reshape(-1, BLOCK)[:, 30 : 30 + PAYLOAD]
    values = np.empty((n.sum(), 3))
    for axes, scale in {(int(f["axes"]), int(f["scale"]) >> 13) for f in fields}:
        alike = (fields["axes"] == axes) & (fields["scale"] >> 13 == scale)
        samples = _samples(payload[alike], axes, 1 << (8 + scale))
        given = np.arange(samples.shape[1]) < n[alike, None]
        values[np.repeat(alike, n)] = samples[given]
    return time, values


def _samples(payload: np.ndarray, axes: int, one_g: int) -> np.ndarray:
    """Acceleration in g, shape (n_blocks, capacity, 3), of blocks that are packed alike."""
    if axes & 15 == 2:  # 16-bit integers; three of gyroscope come before those of acceleration
        n_axes = axes >> 4
        capacity = PAYLOAD // 2 // n_axes
        raw = np.ascontiguousarray(payload[:, : 2 * n_axes * capacity]).view("<i2")
        raw = raw.reshape(-1, capacity, n_axes)
        return (raw[..., 3:6] if n_axes >= 6 else raw[..., :3]) / one_g
    packed = np.ascontiguousarray(payload).view("<u4").astype(np.int64)
    exponent = packed >> 30
    columns = [(packed >> shift) & 0x3FF for shift in (0, 10, 20)]
    signed = [np.where(c >= 512, c - 1024, c) << exponent for c in columns]
    return np.stack(signed, axis=-1) / 256


def _begins(fields: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Time of each block's first sample, and the period of its samples."""
    clock = fields["clock"].astype(np.int64)
    month = np.datetime64("2000-01") + 12 * (clock >> 26) + ((clock >> 22) & 15) - 1
    day = month.astype("datetime64[D]") + ((clock >> 17) & 31) - 1
    time = 3600 * ((clock >> 12) & 31) + 60 * ((clock >> 6) & 63) + (clock & 63)
    period = 2.0 ** (15 - (fields["rate"] & 15)) / 3200
    stamp = fields["fraction"].astype(np.int64)
    fraction = np.where(stamp & 0x8000, (stamp & 0x7FFF) / 32768, 0)
    offset = fields["offset"] + (fraction / period).astype(int)
    return day.astype("datetime64[s]").astype(np.int64) + time + fraction - offset * period, period
