"""The registry as a table; parameter counts come from closed forms: nothing heavy is imported."""

from __future__ import annotations

import json
from typing import Any

from har.models import registry

STEPS, CLASSES = 128, 6


def rows() -> list[dict[str, Any]]:
    out = []
    for name in registry.names():
        spec = registry.get(name)
        out.append(
            {
                "name": name,
                "parameters": spec.n_parameters(STEPS, CLASSES, {}),
                "exportable": spec.exportable,
                "extra": spec.extra or None,
                "summary": spec.summary,
                "paper": spec.paper,
                "defaults": spec.defaults,
            }
        )
    return out


def as_json() -> str:
    return json.dumps(rows(), indent=2, ensure_ascii=False)


def as_table() -> str:
    lines = [f"{'model':<14} {'parameters':>10}  when to use it"]
    for row in rows():
        count = f"{row['parameters']:,}" if row["parameters"] else "–"
        lines.append(f"{row['name']:<14} {count:>10}  {row['summary']}")
        lines.append(f"{'':<25}  {row['paper']}")
    lines.append(
        f"\nParameters for windows of {STEPS} samples and {CLASSES} activities; "
        "–: as many as the data ask for."
    )
    return "\n".join(lines)
