"""The lectures in the course's order, each in its module."""

from __future__ import annotations

import importlib

from har.errors import ConfigError, did_you_mean
from har.lectures.result import Lecture

MODULES = (
    "rnn_by_hand",
    "lstm_by_hand",
    "vanishing_gradient",
    "alphabet",
    "sine",
    "airline",
    "digits",
    "reviews",
    "shapes",
    "har_lab",
)


def lectures() -> tuple[Lecture, ...]:
    """All of them; nothing heavy is imported."""
    return tuple(importlib.import_module(f"har.lectures.{m}").LECTURE for m in MODULES)


def names() -> list[str]:
    return [lecture.name for lecture in lectures()]


def get(name: str) -> Lecture:
    """The lecture of that name.

    Raises
    ------
    ConfigError
        With the nearest name that exists.
    """
    for lecture in lectures():
        if lecture.name == name:
            return lecture
    raise ConfigError(
        f"No lecture {name!r}{did_you_mean(name, names())} Known: {', '.join(names())}."
    )
