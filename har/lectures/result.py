"""What a lecture's experiment is, and what it gives: expected numbers beside obtained ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Verdict = Literal["ok", "differs", "not yet run"]


@dataclass(frozen=True)
class Row:
    """One number of the lecture.

    Parameters
    ----------
    quantity, expected, obtained : str
        As they are printed.
    how : str
        The rule by which they were compared.
    verdict : str
        `ok`, `differs`, or `not yet run` where the data are missing.
    """

    quantity: str
    expected: str
    obtained: str
    how: str
    verdict: Verdict


@dataclass(frozen=True)
class Setting:
    """What an experiment is given.

    Parameters
    ----------
    out : Path
        The folder for its figures; exists.
    quick : bool
        Small and short, on built-in or generated data: shows that it works, not what it reaches.
    root : Path
        The workspace: data sets of the user's own are under its `data/raw/`.
    say : callable
        Told of progress, a line at a time.
    """

    out: Path
    quick: bool = False
    root: Path = Path(".")
    say: Callable[[str], None] = lambda _line: None


@dataclass
class Result:
    """What an experiment gave.

    Parameters
    ----------
    figures : list of str
        File names in the setting's folder.
    explanation : str
        What was seen, in a few plain sentences.
    listing : str
        Text to be shown as it is, such as a table of tensor shapes.
    """

    rows: list[Row] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    explanation: str = ""
    listing: str = ""


@dataclass(frozen=True)
class Lecture:
    """An experiment of the course.

    Parameters
    ----------
    teaches : str
        A sentence or two: what one should have understood afterwards.
    """

    name: str
    title: str
    teaches: str
    run: Callable[[Setting], Result]

    @property
    def anchor(self) -> str:
        """Of its part of the page, as GitHub makes it of the title."""
        dashed = self.title.lower().replace(" ", "-")
        return "".join(c for c in dashed if c.isalnum() or c == "-")
