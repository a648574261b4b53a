"""The comparison as text: what `har run` prints at its end."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 100


def ordered(results: Mapping[str, Any]) -> list[str]:
    """Models by macro-F1 on unseen people, best first; those without a score last."""
    models = results["models"]
    return sorted(models, key=lambda n: (-(models[n]["macro_f1"] or -1), n))


def comparison_table(results: Mapping[str, Any]) -> str:
    """The headline and one line per model.

    Parameters
    ----------
    results : mapping
        As in `results.json`.

    Returns
    -------
    str
        Several lines without a newline at the end. `*` marks the selected model.
    """
    rows = [("", "model", "macro-F1", "95 % over people", "accuracy", "validation", "parameters",
             "training")]  # fmt: skip
    for name in ordered(results):
        m = results["models"][name]
        mark = "*" if name == results["selected"] else ""
        if m["macro_f1"] is None:
            rows.append((mark, name, "failed", "", "", "", "", ""))
            continue
        rows.append(
            (
                mark,
                name,
                f"{m['macro_f1']:.3f}",
                interval(m["macro_f1_ci95"]),
                f"{m['accuracy']:.3f}",
                f"{m['validation_macro_f1']:.3f}",
                count(m["parameters"]),
                duration(m["train_seconds"]),
            )
        )
    head = [textwrap.fill(line, WIDTH) for line in results["headline"]]
    return "\n".join([*head, "", *padded(rows, text=2)])


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


def interval(ci: Sequence[float] | None) -> str:
    return "–" if ci is None else f"{ci[0]:.3f} to {ci[1]:.3f}"


def signed(value: float) -> str:
    """`+0.012` or `−0.012`, with a minus and not a hyphen."""
    return f"{value:+.3f}".replace("-", "−")


def signed_interval(ci: Sequence[float] | None) -> str:
    return "–" if ci is None else f"{signed(ci[0])} to {signed(ci[1])}"


def count(n: int | None) -> str:
    return "–" if n is None else f"{n:,}"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    s = round(seconds)
    if s < 100:
        return f"{s} s"
    if s < 6000:
        return f"{s // 60} min {s % 60:02d} s"
    return f"{s // 3600} h {s % 3600 // 60:02d} min"
