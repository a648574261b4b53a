"""Which columns are an accelerometer's: by their names, their units, and their values at rest.

A name such as `Accel_LN_X_CAL`, `x-axis (g)`, `linear_acceleration.x` or `ax` is split into words.
One of them holds the axis, some may name the sensor or the unit, in any order. Three names that
differ by the axis alone are a `Triple`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from har.errors import DataError
from har.ingest.examine import values
from har.ingest.raw import Unit

ACCELERATION, OTHER = "acceleration", "other"
"""Kinds of sensors; None is not known."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ACCELERATION = re.compile(
    r"a|[a-z]*acc(?!ur|ount|ess)[a-z]*|acel[a-z]*|beschl[a-z]*|gf|gforce", re.IGNORECASE
)
_TURNING = re.compile(
    r"[a-z]*gyr[a-z]*|omega|w|ang[a-z]*|rot[a-z]*|dreh[a-z]*|giro[a-z]*|mag|magn[a-z]*|geomag[a-z]*",
    re.IGNORECASE,
)
_TURNED = re.compile(r"rot[a-z]*|ang(?!ular)[a-z]*", re.IGNORECASE)
"""What is turned or held at an angle in a file's name need not be a gyroscope."""
_RATE = re.compile(r"rotation[\s_.-]*rate", re.IGNORECASE)
_ROTATION = {"rotation", "vector", "game", "geomagnetic", "sensor", "data", "raw", "device"}
"""With nothing else in it a name is of a sensor, and of no exercise such as `internal_rotation`."""
_OTHER = re.compile(
    r"grav[a-z]*|euler|orient[a-z]*|quat[a-z]*|attitude|compass|heading|baro[a-z]*|gps|vel[a-z]*"
    r"|speed|pos[a-z]*|jerk|pitch|roll|yaw",
    re.IGNORECASE,
)
_UNITS: tuple[tuple[str, str], ...] = (
    ("m/s2", r"m(eters?)?[\s/p·._]*\(?s(ec)?\)?(/s|[\s^*]*[-−⁻]?\s*Â?[2²])"),
    ("other", r"(m?rad|m?deg|°|º|m?dps)|[uµμn]t|m?gauss|tesla|hpa|lux|km|m/s"),
    ("mg", r"m(illi)?[-_ ]?gs?"),
)
_BY_UNIT = [(u, re.compile(rf"(?<![a-z])({p})(?![a-z])", re.IGNORECASE)) for u, p in _UNITS]
_G = re.compile(r"[(\[{]\s*gs?\s*[)\]}]|(?<=[xyz])[-_. ]gs?$", re.IGNORECASE)
_LINEAR = re.compile(r"lin[a-z]*|[a-z]*user[a-z]*|free[a-z]*|without|removed|lacc", re.IGNORECASE)
_PLAIN = {"axis", "value", "values", "data", "sensor", "imu", "raw"}
_AXES = (("x", "y", "z"), ("v", "ml", "ap"), ("0", "1", "2"), ("1", "2", "3"))
"""Names of x, y and z: also vertical, mediolateral and anteroposterior, and numbers."""
# What two ranges or treatments of one sensor differ by. Left and right, or 1 and 2, are two.
_VARIANT = re.compile(
    r"ln|wr|low|wide|high|noise|range|raw|un?cal[a-z]*|filtered|total|including|gravity|\d+g|g|acc"
    r"[a-z]*|a|ms|m|s|body|" + _LINEAR.pattern,
    re.IGNORECASE,
)


LONGEST_NAME = 200
"""What is longer is no name of a column."""


@dataclass(frozen=True)
class Triple:
    """Three columns that differ by their axis alone.

    Parameters
    ----------
    names : tuple of str
        Of the x, y and z column.
    words : tuple of str
        What else the names say, in lower case.
    kind : str or None
        `acceleration`, `other`, or None if the names and units do not tell.
    unit : str or None
        As the header says.
    """

    names: tuple[str, str, str]
    words: tuple[str, ...]
    kind: str | None
    unit: Unit | None

    def __str__(self) -> str:
        return ", ".join(self.names)

    @property
    def plain(self) -> bool:
        """Whether the names say nothing but the axis."""
        return all(w.isdigit() or w in _PLAIN for w in self.words)

    @property
    def linear(self) -> bool:
        """Whether the names say that gravity was taken out."""
        return says_linear(" ".join(self.words))


def words(name: str) -> tuple[str, ...]:
    return tuple(w.lower() for w in _WORD.findall(name))


def kind_of(said: Iterable[str]) -> str | None:
    """The kind of sensor that some words name."""
    said = [*said]
    if any(_TURNING.fullmatch(w) for w in said):
        return OTHER
    if any(_ACCELERATION.fullmatch(w) for w in said) or "".join(said) in {"gf", "gforce"}:
        return ACCELERATION
    return OTHER if any(_OTHER.fullmatch(w) for w in said) else None


def kind_of_path(stem: str, folder: str) -> str | None:
    """The kind of sensor that a file's name says, or else its folder's."""
    for name in (stem, folder):
        said = {w for w in words(name) if not w.isdigit()}
        if _RATE.search(name) or ("rotation" in said and said <= _ROTATION):
            return OTHER
        kind = kind_of(w for w in words(name) if len(w) > 2 and not _TURNED.fullmatch(w))
        if kind is not None:
            return kind
    return None


def says_linear(name: str) -> bool:
    """Whether a name says that gravity was taken out."""
    return any(_LINEAR.fullmatch(w) for w in words(name))


def unit_in(text: str) -> str | None:
    """m/s2, g or mg; `other` for another sensor's unit; None if there is none."""
    return next((u for u, p in _BY_UNIT if p.search(text)), "g" if _G.search(text) else None)


def acceleration_unit(text: str) -> Unit | None:
    unit = unit_in(text)
    return unit if unit != "other" else None  # type: ignore[return-value]


def triples(names: Sequence[str], units: Sequence[str] = ()) -> list[Triple]:
    """The triples among some columns, in the order of their first columns.

    Parameters
    ----------
    names : sequence of str
    units : sequence of str, optional
        Of each column, from a line of their own.
    """
    groups: dict[tuple[int, int, str], dict[str, int]] = {}
    for i, name in enumerate(names):
        if len(name) > LONGEST_NAME:
            continue
        for level, of, start, end in _axis_places(name):
            template = f"{name[:start]}\0{name[end:]}".lower()
            axes = groups.setdefault((level, of, template), {})
            axes.setdefault(name[start:end].lower(), i)
    found: dict[int, Triple] = {}
    taken: set[int] = set()
    for (_, of, template), axes in sorted(groups.items(), key=lambda g: g[0][:2]):
        numbered = _AXES[of][1].isdigit()
        if axes.keys() != set(_AXES[of]) or taken & set(axes.values()):
            continue
        x, y, z = (axes[a] for a in _AXES[of])
        unit = unit_in(names[x]) or (unit_in(f"({units[x]})") if x < len(units) else None)
        said = words(_without_unit(template, names[x]))
        if numbered:
            said = tuple("value" if w in {"v", "val"} else w for w in said)
        kind = kind_of(said)
        if unit is not None and kind is None:
            kind = OTHER if unit == "other" else ACCELERATION
        known: Unit | None = unit if unit != "other" else None  # type: ignore[assignment]
        triple = Triple((names[x], names[y], names[z]), said, kind, known)
        if numbered and kind is None and not (said and triple.plain):
            continue  # of anything
        taken |= set(axes.values())
        found[min(axes.values())] = triple
    return [found[i] for i in sorted(found)]


def _axis_places(name: str) -> Iterable[tuple[int, int, int, int]]:
    """Where an axis may stand: as a word of its own, last in a word, first in a word.

    With its rank, the place of its kind in `_AXES`, and its ends.
    """
    for match in _WORD.finditer(name):
        word, (start, end) = match[0].lower(), match.span()
        for of, axes in enumerate(_AXES):
            if word in axes or (word.isdigit() and axes[1].isdigit()):
                yield of, of, start, end
        if len(word) > 1 and word[-1] in "xyz":
            yield 4, 0, end - 1, end
        if len(word) > 1 and word[0] in "xyz":
            yield 5, 0, start, start + 1


def _without_unit(template: str, name: str) -> str:
    """The names' common part with its words told apart as in one of them."""
    before, after = template.split("\0")
    rest = f"{name[: len(before)]} {name[len(name) - len(after) :]}"
    for _, pattern in _BY_UNIT:
        rest = pattern.sub(" ", rest)
    return _G.sub(" ", rest)


def choose(
    found: Sequence[Triple], read: Callable[[Triple], np.ndarray], *, linear: bool = False
) -> tuple[Triple | None, str]:
    """The acceleration among some triples, and why it is taken where that is worth saying.

    Parameters
    ----------
    found : sequence of Triple
    read : callable
        `(triple) -> ndarray, shape (n, 3)`: some of its rows.
    linear : bool
        Whether the one without gravity is wanted, if there is one.

    Returns
    -------
    triple : Triple or None
        None if there is no triple but other sensors'.
    why : str

    Raises
    ------
    DataError
        If several may be, or the values of one that may be do not say so.
    """
    candidates = [t for t in found if t.kind == ACCELERATION]
    candidates = candidates or [t for t in found if t.kind is None and t.plain]
    if linear:
        candidates = [t for t in candidates if t.linear] or candidates
    if len(candidates) == 1:
        return candidates[0], ""
    by_name = bool(candidates)
    candidates = candidates or [t for t in found if t.kind is None]
    if not candidates:
        return None, ""
    rest = {t: at_rest(read(t)) for t in candidates}
    upright = [t for t in candidates if _is_gravity(rest[t], t.unit)]
    if by_name:
        upright = upright or [t for t in candidates if not t.linear] or candidates
        upright = [t for t in upright if not t.linear] or upright
    listed = "; ".join(f"{t} ({described(rest[t])})" for t in candidates)
    if upright and (len(upright) == 1 or (by_name and _variants(upright))):
        best = upright[0]
        others = ", ".join(f"{t} ({described(rest[t])})" for t in candidates if t is not best)
        why = f"Acceleration is {best}, which {described(rest[best])}"
        return best, f"{why}; not taken: {others}." if others else f"{why}."
    raise DataError(
        f"which columns are the acceleration is not clear. Candidates: {listed}. "
        "Name them in dataset.columns."
    )


def reads_gravity(rows: np.ndarray) -> bool:
    """Whether some rows are surely of an accelerometer that measures gravity."""
    return _is_gravity(at_rest(rows), None)


def differ(measures: Iterable[values.Measure | None]) -> bool:
    """Whether some of several measures are of gravity, and others cannot be in the same unit."""
    known = [m for m in measures if m is not None]
    upright = [m.length for m in known if _is_gravity(m, None)]
    low, high = values.PLAUSIBLE
    return any(not low * upright[0] < m.length < high * upright[0] for m in known if upright)


def _variants(several: Sequence[Triple]) -> bool:
    """Whether triples are ranges or treatments of one sensor."""
    common = set.intersection(*(set(t.words) for t in several))
    return all(_VARIANT.fullmatch(w) for t in several for w in set(t.words) - common)


def at_rest(rows: np.ndarray) -> values.Measure | None:
    rows = rows[np.isfinite(rows).all(axis=1)]
    return values.measure(rows, min(50.0, len(rows) / values.WINDOW_S)) if len(rows) else None


def _is_gravity(m: values.Measure | None, unit: Unit | None) -> bool:
    if m is None:
        return False
    if unit is not None:
        return m.steady and values.SURE[0] <= m.in_g(unit) <= values.SURE[1]
    return values.guess_unit(m)[0] is not None


def described(m: values.Measure | None) -> str:
    return "has no values" if m is None else f"reads {m.length:.3g} at rest"
