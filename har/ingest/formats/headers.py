"""The first lines of a text: its delimiter, decimal sign, header and where its data begin.

The data are found first: lines of one number of fields, mostly numbers. The names are in the line
above them, past a line of units (`s,g,g,g`) or one that says the same of every column (`CAL,CAL`);
units may also stand above the names. What else comes before, such as `sep=;`, comments and a
preamble, is skipped: also one of numbers, where names part it from the data.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LOOKED_AT = 200
"""Lines at the beginning of a file among which its data must begin."""

PREAMBLE = 40
"""Lines of numbers that may stand above the names."""

SHOWN_NAMES, LONG_NAME = 12, 40

DELIMITERS = ";\t|, "

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?|nan|NaN|[-+]?inf")
_DATE = re.compile(
    r"\d{1,4}([-/.])(\d{1,2}|[A-Za-z]{3})\1\d{1,4}\.?([T ,]+\d{1,2}:\d{2}.*)?"
    r"|\d{1,2}:\d{2}(:\d{2})?([.,:]\d+)?( ?[AaPp]\.?[Mm]\.?)?"
)
_UNIT = re.compile(
    r"([munµμ]?s|sec|seconds|m?g|m/?\(?s(ec)?\)?(\^?-?2|²|\^2\))|(rad|deg|°)(/?s(-1)?)?|dps|[munµμ]?t"
    r"|m?gauss|h?pa|m?v(olts?)?|hz|%|counts?|raw|no_?units?|unitless|n/a|-|mbar|°?c|lux"
    r"|y{2,4}[-/]mm[-/]dd.*|epoch|unix|bpm)?",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
_SURE_COMMA = re.compile(r"[-+]?(0?|\d+(?=,(?!\d{3}$))),\d+([eE][-+]?\d+)?")
"""In quotes between commas: no thousands set apart."""
_COMMENT = ("#", "%", "//")


@dataclass(frozen=True)
class Header:
    """What the first lines say.

    Parameters
    ----------
    columns, units : tuple of str
        Names and units of the columns; empty if there are none.
    delimiter, decimal : str
    skip_rows : int
        Lines before the first line of data.
    n_fields : int
        Of a line of data, without an empty one after a trailing separator.
    rows : tuple of tuples of str
        The fields of the first lines of data.
    line : str
        The line of the names.
    """

    columns: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    delimiter: str = ","
    decimal: str = "."
    skip_rows: int = 0
    n_fields: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    line: str = ""


def listed(names: Iterable[str]) -> str:
    """The first names of columns as a message has them, in a length that can be read."""
    names = [n if len(n) <= LONG_NAME else f"{n[:LONG_NAME]}…" for n in names if n]
    return ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")


def is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text.strip()))


def read(lines: Sequence[str]) -> Header:
    """Find the header of some text.

    Parameters
    ----------
    lines : sequence of str
        Whole lines from the beginning of the text.
    """
    said = re.fullmatch(r'"?sep=(.)"?\s*', lines[0]) if lines else None
    tried = [_data(lines, d) for d in (said[1] if said else DELIMITERS)]
    start, width, delimiter = max(tried, key=lambda t: t[3])[:3]
    if start is None:
        return names_alone(lines)
    while start and _is_torn(_fields(lines[start - 1], delimiter), width):
        start -= 1
    start = _past_numbers(lines, start, delimiter, width)
    rows = [_fields(line, delimiter) for line in lines[start:] if line.strip()]
    columns, units, line = _names(lines[:start], delimiter, width)
    decimal = _DECIMAL_COMMA if delimiter != "," else _SURE_COMMA
    comma = any(decimal.fullmatch(f) for row in rows for f in row if "," in f)
    return Header(
        columns, units, delimiter, "," if comma else ".", start, max(width, len(columns)),
        tuple(rows), line,
    )  # fmt: skip


def _fields(line: str, delimiter: str) -> tuple[str, ...]:
    if delimiter == " ":
        return tuple(line.split())
    if '"' not in line:
        return tuple(map(str.strip, line.split(delimiter)))
    return tuple(f.strip() for f in next(_quoted([line], delimiter), []))


def _quoted(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _stripped(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Without the empty field after a trailing separator."""
    return fields[:-1] if len(fields) > 1 and not fields[-1] else fields


def _numeric(fields: Sequence[str]) -> tuple[int, int]:
    """How many fields are numbers or dates, and how many are words."""
    given = [g for f in fields if (g := f.rstrip(";"))]
    numbers = sum(bool(_NUMBER.fullmatch(f.strip()) or _DATE.fullmatch(f)) for f in given)
    return numbers, len(given) - numbers


def _data(lines: Sequence[str], delimiter: str) -> tuple[int | None, int, str, int]:
    """First line of data, its number of fields, and how many numbers the delimiter gives."""
    found = []
    for number, line in enumerate(lines[:LOOKED_AT]):
        if delimiter not in line or line.startswith(_COMMENT):
            continue
        fields = _fields(line, delimiter)
        numbers, words = _numeric(fields)
        enough = numbers > words or (numbers > 2 and delimiter != " ")
        if enough and len(fields) >= (3 if delimiter == " " else 2):
            found.append((number, fields, numbers))
    if not found:
        return None, 0, delimiter, 0
    widths = Counter(len(_stripped(fields)) for _, fields, _ in found)
    width = max(widths, key=lambda w: (widths[w], w))
    whole = {len(fields) for _, fields, _ in found}
    if len(whole) == 1 and any(fields[-1] for _, fields, _ in found):
        width = whole.pop()  # a last column that is often empty
    block = [f for f in found if width <= len(f[1]) <= width + 1]
    if not block or 3 * len(block) < sum(bool(x.strip()) for x in lines[block[0][0] : LOOKED_AT]):
        return None, 0, delimiter, 0  # prose with some numbers in it
    return block[0][0], width, delimiter, sum(numbers for *_, numbers in block)


def _is_torn(fields: tuple[str, ...], width: int) -> bool:
    """Whether a line above the data is one of them, with most of its values missing."""
    return len(_stripped(fields)) == width and _numeric(fields)[0] > 0


def _names(
    lines: Sequence[str], delimiter: str, width: int
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The names, units and names line above the data; empty where there are none."""
    units: tuple[str, ...] = ()
    named: tuple[tuple[str, ...], str] | None = None
    for line in reversed(lines):
        comment = line.startswith(_COMMENT)
        bare = line.lstrip("#%/ \t").strip() if comment else line.strip()
        fields = _stripped(_fields(bare, delimiter)) if bare else ()
        if not bare or (comment and len(fields) != width) or not _numeric(fields)[1]:
            continue
        if len(fields) < 2 or abs(len(fields) - width) > max(1, width // 2):
            break
        given = [f.strip("()[]*") for f in fields if f]
        if all(_UNIT.fullmatch(f.replace(" ", "")) for f in given):
            units = tuple(f.strip("*") for f in fields)
        elif named is None and (len(set(given)) > 1 or width == 2):
            named = fields, line.strip()
        if named and (units or fields != named[0]):
            break  # units may be in the line above the names
    if named is None:
        return (), (), ""
    return named[0], units if len(units) == len(named[0]) else (), named[1]


def _past_numbers(lines: Sequence[str], start: int, delimiter: str, width: int) -> int:
    """Where the data begin if what looked like them is a preamble of numbers, above names."""
    if _names(lines[:start], delimiter, width)[0]:
        return start
    named = False
    for number, line in enumerate(lines[start + 1 : start + 1 + PREAMBLE], start + 1):
        fields = _stripped(_fields(line, delimiter))
        numbers, words = _numeric(fields)
        if named and numbers and len(fields) == width:
            return number
        named = named or words == width == len(set(fields))
    return start


def names_alone(lines: Sequence[str]) -> Header:
    """The header of a table without a row of numbers."""
    for number, line in enumerate(lines[:40]):
        if not line.strip() or line.startswith(_COMMENT):
            continue
        delimiter = max(",;\t|", key=line.count)
        fields = _fields(line, delimiter)
        following = next((f for f in lines[number + 1 :] if f.strip()), "")
        n = len(_fields(following, delimiter)) if following else len(fields)
        if len(fields) > 1 and n == len(fields) and (following or number == 0):
            rows = (_fields(following, delimiter),) if following else ()
            return Header(fields, (), delimiter, ".", number + 1, n, rows, line.strip())
    return Header()
