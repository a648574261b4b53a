"""Which columns are times, by their names, and the unit that a name gives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

_UNITS = {
    "s": "s sec secs second seconds sek sekunden",
    "ms": "ms msec msecs milli millis millisecond milliseconds",
    "us": "us usec usecs micro micros microsecond microseconds",
    "ns": "ns nsec nsecs nano nanos nanosecond nanoseconds",
}
UNIT_WORDS = {word: unit for unit, words in _UNITS.items() for word in words.split()}
TIME_WORDS = {
    "time", "times", "timestamps", "epoch", "clock", "elapsed", "uptime", "realtime", "unixtime",
    "zeit", "zeitstempel", "uhrzeit", "temps", "heure", "tiempo", "tempo", "czas", "tijd", "时间",
    "時間", "时间戳",
}  # fmt: skip
NOT_TIME = {
    "delta", "dt", "diff", "difference", "interval", "duration", "zone", "gps", "location", "label",
    "activity", "count", "counter", "window", "rate", "frequency", "offset",
}  # fmt: skip
DATE = re.compile(r"([a-z]+[\s_.-]?)?(date|day|datum|fecha)", re.IGNORECASE)
"""A column that may hold the days of a column of times of day."""

OTHER_SENSOR = re.compile(r"gyr|mag|grav|rot|orient|baro|heart|hr|ecg|ppg|temp(?!s)")


def column(names: Iterable[str]) -> str | None:
    """The time column among some names: the accelerometer's, with a unit, or else the first."""

    def rank(name: str) -> tuple[bool, bool, bool]:
        lower = name.lower()
        return bool(OTHER_SENSOR.search(lower)), "acc" not in lower, unit_in(name) is None

    return min((n for n in names if is_time(n)), key=rank, default=None)


def by_unit(names: Iterable[str], units: Iterable[str]) -> str | None:
    """The one column whose unit, in a line of units, is one of time."""
    pairs = zip(names, units, strict=False)
    timed = [n for n, u in pairs if u.strip("()[] ").lower() in UNIT_WORDS]
    return timed[0] if len(timed) == 1 and not NOT_TIME & {*_words(timed[0])} else None


def is_time(name: str) -> bool:
    """Whether a column's name says that it is a time.

    Examples
    --------
    >>> [is_time(n) for n in ("sensor timestamp [ns]", "SampleTimeFine", "t_ms", "time zone")]
    [True, True, True, False]
    """
    words = _words(name)
    if not words or NOT_TIME & set(words) or words[0] in ("start", "end"):
        return False
    stamp = any(pair == ("time", "stamp") for pair in itertools.pairwise(words))
    return words[0] in ("t", "ts") or stamp or any(_is_time_word(w) for w in words)


def _is_time_word(word: str) -> bool:
    return word in TIME_WORDS or word.endswith(("timestamp", "datetime"))


def unit_in(name: str) -> str | None:
    """The unit of time in a column's name, in whatever place.

    Examples
    --------
    >>> [unit_in(n) for n in ("time_us", "epoch (ms)", "seconds_elapsed", "Timestamp")]
    ['us', 'ms', 's', None]
    """
    words = _words(name)
    if words == ["sample", "time", "fine"]:  # Xsens
        return "us"
    return next((UNIT_WORDS[w] for w in reversed(words) if w in UNIT_WORDS), None)


def _words(name: str) -> list[str]:
    plain = name.replace("µ", "u").replace("μ", "u")
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+", plain)]
