"""How many of something, in words."""

from __future__ import annotations

CHANGES_NO_RESULT = True


def counted(n: int, one: str, more: str = "") -> str:
    """A number and its noun.

    Parameters
    ----------
    one, more : str
        For 1, and for other numbers; `one` with an s if left out.

    Examples
    --------
    >>> counted(1, "job"), counted(1200, "job"), counted(3, "person", "people")
    ('1 job', '1,200 jobs', '3 people')
    """
    return f"{n:,} {one if n == 1 else more or one + 's'}"
