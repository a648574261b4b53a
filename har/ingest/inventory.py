"""The data sets that are known, and which of them are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har.ingest import datasets, fetch


def rows(raw: Path) -> list[dict[str, Any]]:
    """One row for each data set: plain JSON values."""
    out = []
    for name in datasets.names():
        d = datasets.get(name)
        known = fetch.records(d.folder(raw))
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
                "at_hand": d.at_hand(raw),
            }
        )
    return out
