"""Tables as text, for pages and for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def padded(rows: Sequence[Sequence[str]], *, text: int) -> list[str]:
    """Lines of equal columns: the first `text` of them to the left, numbers to the right."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            c.ljust(w) if i < text else c.rjust(w)
            for i, (c, w) in enumerate(zip(r, widths, strict=True))
        ).rstrip()
        for r in rows
    ]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], *, text: int = 1) -> str:
    """A table: the first `text` columns to the left, numbers to the right."""
    ruler = [":--"] * text + ["--:"] * (len(head) - text)
    return "\n".join("| " + " | ".join(r) + " |" for r in (head, ruler, *rows))
