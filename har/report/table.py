"""The comparison as text: what `har run` prints at its end."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from har.evaluation.numerals import count, duration, interval, score
from har.evaluation.results import Results

WIDTH = 100


HEAD = ("", "model", "macro-F1", "95 % over people", "accuracy", "validation", "parameters",
        "training")  # fmt: skip


def comparison_rows(results: Results) -> list[tuple[str, ...]]:
    """Cells under `HEAD`, the best model first; `*` marks the selected one."""
    rows: list[tuple[str, ...]] = []
    for name in results.ranked:
        m = results.models[name]
        mark = "*" if name == results.selected else ""
        if m.macro_f1 is None:
            rows.append((mark, name, "failed", "", "", "", "", ""))
            continue
        rows.append(
            (
                mark,
                name,
                score(m.macro_f1),
                interval(m.macro_f1_ci95),
                score(m.accuracy),
                score(m.validation_macro_f1),
                count(m.parameters),
                duration(m.train_seconds),
            )
        )
    return rows


def comparison_table(results: Results) -> str:
    """The headline and one line per model, for the terminal.

    Returns
    -------
    str
        Several lines without a newline at the end.
    """
    head = [textwrap.fill(line, WIDTH) for line in results.headline]
    return "\n".join([*head, "", *padded([HEAD, *comparison_rows(results)], text=2)])


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


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text."""
    ruler = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(r) + " |" for r in (head, ruler, *rows))
