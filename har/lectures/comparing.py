"""Ways to compare an expected number with the obtained one.

Each gives a row that says by which rule, so that `ok` means something.
"""

from __future__ import annotations

import numpy as np

from har.lectures.result import Row


def exact(quantity: str, expected: object, obtained: object) -> Row:
    """Equal, element by element."""
    same = np.array_equal(np.asarray(expected), np.asarray(obtained))
    return _row(quantity, _text(expected), _text(obtained), "equal", same)


def agree(quantity: str, a: np.ndarray, b: np.ndarray, tolerance: float) -> Row:
    """Two computations of one array, by their largest difference."""
    worst = float(np.max(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))))
    ok = np.shape(a) == np.shape(b) and worst <= tolerance
    rule = f"within {tolerance:.0e}"
    return _row(quantity, "the same", f"difference ≤ {worst:.1e}", rule, ok)


def near(quantity: str, expected: float, obtained: float, within: float) -> Row:
    """A number that training gives, which a seed or a version moves a little."""
    ok = abs(expected - obtained) <= within
    return _row(quantity, f"about {expected:g}", f"{obtained:.3g}", f"within {within:g}", ok)


def below(quantity: str, limit: float, obtained: float, what: str = "") -> Row:
    """`what` names where the limit comes from."""
    expected = f"below {limit:.3g}{what and f' ({what})'}"
    return _row(quantity, expected, f"{obtained:.3g}", "<", obtained < limit)


def above(quantity: str, limit: float, obtained: float, what: str = "") -> Row:
    """`what` names where the limit comes from."""
    expected = f"above {limit:.3g}{what and f' ({what})'}"
    return _row(quantity, expected, f"{obtained:.3g}", ">", obtained > limit)


def not_yet_run(quantity: str, expected: str, why: str) -> Row:
    """A number that needs data which are not here."""
    return Row(quantity, expected, "—", why, "not yet run")


def _row(quantity: str, expected: str, obtained: str, how: str, ok: bool) -> Row:
    return Row(quantity, expected, obtained, how, "ok" if ok else "differs")


def _text(value: object) -> str:
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, float):
        return f"{value:g}"
    return "(" + ", ".join(_text(v) for v in np.asarray(value).tolist()) + ")"
