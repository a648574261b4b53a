"""What a phone sends is checked here, to the last number, before anything is written."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MAX_MPS2 = 2000.0
"""No phone's accelerometer reads more (200 g)."""


@dataclass(frozen=True)
class Limits:
    """What one server takes: a phone at 250 Hz may record for two hours.

    Recordings are those that are under way, of everybody and from one address: many phones may be
    behind one router.
    """

    chunk_bytes: int = 512 * 1024
    chunk_samples: int = 4096
    chunks: int = 4096
    samples: int = 2_000_000
    recordings: int = 4096
    client_recordings: int = 256
    total_bytes: int = 2 * 1024**3


class Refused(Exception):
    """An upload that is not taken: an HTTP status and what is wrong, for the page to show."""

    def __init__(self, status: int, reason: str, **more: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.body = {"error": reason, **more}


def slug(text: str) -> str:
    """A name that is safe as a file's: `Zoë O'Neil` becomes `zoe-o-neil`; may be empty."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_.lower()).strip("-")[:40].strip("-")


def _text(about: dict[str, Any], key: str, *, most: int, optional: bool = False) -> str:
    value = about.get(key, "" if optional else None)
    if not isinstance(value, str) or len(value) > most or not (optional or value.strip()):
        raise Refused(422, f"{key} must be a text of 1 to {most} characters, got {value!r:.80}.")
    return "".join(c for c in value.strip() if c.isprintable())


def check_about(about: Any) -> dict[str, Any]:
    """What a page may say of a recording, and nothing else.

    Raises
    ------
    Refused
        422, with the field and the value received.
    """
    if not isinstance(about, dict):
        raise Refused(422, f"A recording's description must be an object, got {about!r:.80}.")
    known = {"name", "activity", "placement", "started", "device", "negated"}
    if unknown := sorted(set(about) - known):
        raise Refused(422, f"Unknown fields {unknown!r:.80}; known: {sorted(known)}.")
    checked: dict[str, Any] = {}
    for key in ("name", "activity", "placement"):
        checked[key] = _text(about, key, most=60)
        if not slug(checked[key]):
            raise Refused(
                422, f"{key} needs at least one letter from a to z or digit, got {checked[key]!r}."
            )
    checked["started"] = _text(about, "started", most=40, optional=True)
    checked["device"] = _text(about, "device", most=300, optional=True)
    checked["negated"] = about.get("negated", False)
    if not isinstance(checked["negated"], bool):
        raise Refused(422, f"negated must be true or false, got {checked['negated']!r:.80}.")
    return checked


def check_rows(rows: Any, limits: Limits) -> list[list[float]]:
    """The samples of one piece: `[[time_s, x, y, z], …]`, finite, times rising.

    Raises
    ------
    Refused
        413 if there are too many, 422 for anything that is not such a list.
    """
    if not isinstance(rows, list) or not rows:
        raise Refused(422, "samples must be a list of [time_s, x, y, z], and not be empty.")
    if len(rows) > limits.chunk_samples:
        raise Refused(413, f"{len(rows)} samples in a piece; the most is {limits.chunk_samples}.")
    for i, row in enumerate(rows):
        good = isinstance(row, list) and len(row) == 4
        good = good and all(type(v) in (int, float) and abs(v) < 1e12 for v in row)
        if not good or any(abs(v) > MAX_MPS2 for v in row[1:]) or row[0] < 0:
            raise Refused(
                422,
                f"sample {i} must be [time_s, x, y, z] with m/s² up to {MAX_MPS2:g}, "
                f"got {row!r:.80}.",
            )
    checked = [[round(float(row[0]), 6), *map(float, row[1:])] for row in rows]
    if any(b[0] <= a[0] for a, b in pairwise(checked)):
        raise Refused(422, "times must rise from sample to sample, by a microsecond at least.")
    return checked


def finite_json(data: bytes) -> Any:
    """Parse JSON; NaN and Infinity, which JSON has not but Python takes, are refused."""

    def refuse(constant: str) -> float:
        raise Refused(400, f"JSON has no {constant}.")

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise Refused(422, f"{text[:40]} is not a finite number.")
        return value

    try:
        return json.loads(data, parse_constant=refuse, parse_float=number)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as e:
        raise Refused(400, f"The body is not JSON: {e}") from None
