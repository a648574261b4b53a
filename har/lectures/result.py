"""What a lecture's experiment is, and what it gives: expected numbers beside obtained ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

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
    rows : list of Row
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

    @property
    def differs(self) -> list[Row]:
        return [r for r in self.rows if r.verdict == "differs"]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Result:
        return cls(**{**value, "rows": [Row(**r) for r in value["rows"]]})


@dataclass(frozen=True)
class Lecture:
    """An experiment of the course.

    Parameters
    ----------
    name, title : str
    teaches : str
        A sentence or two: what one should have understood afterwards.
    run : callable
    """

    name: str
    title: str
    teaches: str
    run: Callable[[Setting], Result]


# Ways to compare. Each one says by which rule, so that `ok` means something --------------------


def exact(quantity: str, expected: object, obtained: object) -> Row:
    """Equal, element by element."""
    same = np.array_equal(np.asarray(expected), np.asarray(obtained))
    return Row(quantity, _text(expected), _text(obtained), "equal", "ok" if same else "differs")


def agree(quantity: str, a: np.ndarray, b: np.ndarray, tolerance: float) -> Row:
    """Two computations of one array, by their largest difference."""
    worst = float(np.max(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))))
    ok = np.shape(a) == np.shape(b) and worst <= tolerance
    return Row(
        quantity,
        "the same",
        f"difference ≤ {worst:.1e}",
        f"within {tolerance:.0e}",
        "ok" if ok else "differs",
    )


def near(quantity: str, expected: float, obtained: float, within: float) -> Row:
    """A number that training gives, which a seed or a version moves a little."""
    ok = abs(expected - obtained) <= within
    verdict: Verdict = "ok" if ok else "differs"
    return Row(quantity, f"about {expected:g}", f"{obtained:.3g}", f"within {within:g}", verdict)


def below(quantity: str, limit: float, obtained: float, what: str = "") -> Row:
    """`what` names where the limit comes from."""
    verdict: Verdict = "ok" if obtained < limit else "differs"
    return Row(
        quantity, f"below {limit:.3g}{what and f' ({what})'}", f"{obtained:.3g}", "<", verdict
    )


def above(quantity: str, limit: float, obtained: float, what: str = "") -> Row:
    """`what` names where the limit comes from."""
    verdict: Verdict = "ok" if obtained > limit else "differs"
    return Row(
        quantity, f"above {limit:.3g}{what and f' ({what})'}", f"{obtained:.3g}", ">", verdict
    )


def not_yet_run(quantity: str, expected: str, why: str) -> Row:
    """A number that needs data which are not here."""
    return Row(quantity, expected, "—", why, "not yet run")


def _text(value: object) -> str:
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, float):
        return f"{value:g}"
    return "(" + ", ".join(_text(v) for v in np.asarray(value).tolist()) + ")"
