"""What is known of the data sets, for people and for programs."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from har.ingest import datasets, fetch


def rows(raw: Path) -> list[dict[str, Any]]:
    """One row for each data set: plain JSON values."""
    out = []
    for name in datasets.names():
        d = datasets.get(name)
        try:
            at_hand = d.at_hand(raw)
        except Exception:  # the package that carries it is not installed
            at_hand = False
        known = fetch.records(raw / name) if not d.builtin else {}
        out.append(
            {
                "name": d.name,
                "title": d.title,
                "subjects": d.subjects,
                "rate_hz": d.rate_hz,
                "placements": list(d.placements),
                "licence": d.licence,
                "citation": d.citation,
                "page": d.page,
                "files": [
                    {
                        "name": f.name,
                        "url": f.url,
                        "checksum": f.checksum or "unknown",
                        "at_hand": known.get(f.name, {}).get("from"),
                    }
                    for f in d.files
                ],
                "sign": d.convention,
                "note": d.note,
                "proven_on": d.proven_on,
                "at_hand": at_hand,
            }
        )
    return out


def as_text(raw: Path) -> str:
    """A table, then what each set asks of those who use it."""
    found = rows(raw)
    head = ("name", "at hand", "subjects", "Hz", "placements")
    table = [
        (
            r["name"],
            "yes" if r["at_hand"] else "-",
            str(r["subjects"]),
            f"{r['rate_hz']:g}",
            ", ".join(r["placements"]),
        )
        for r in found
    ]
    widths = [max(len(row[i]) for row in [head, *table]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [head, *table]
    ]
    for r in found:
        lines += ["", f"{r['name']}: {r['title']}. {r['page']}"]
        for label in ("licence", "citation", "note"):
            if r[label]:
                lines += textwrap.wrap(
                    f"{label}: {r[label]}",
                    96,
                    initial_indent="  ",
                    subsequent_indent="    ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        if r["proven_on"] != "published files":
            lines.append(f"  reader proven on {r['proven_on']}")
    return "\n".join(lines)
