"""What `har lecture` does, for the command line to call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from har.lectures import catalogue, page


def listing(as_json: bool) -> str:
    """The lectures as a table, or as JSON."""
    lectures = catalogue.lectures()
    if as_json:
        keys = ("name", "title", "teaches")
        return json.dumps([{k: getattr(x, k) for k in keys} for x in lectures], indent=2)
    width = max(len(x.name) for x in lectures)
    return "\n".join(f"{x.name:<{width}}  {x.teaches}" for x in lectures)


def run(
    root: Path,
    names: tuple[str, ...],
    *,
    quick: bool,
    as_json: bool,
    echo: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Run lectures in order; numbers go to `echo`, progress to `say`."""
    root = root.resolve()
    out = page.folder(root, quick)
    records = []
    for i, name in enumerate(names):
        lecture = catalogue.get(name)
        if len(names) > 1:
            say(f"[{i + 1}/{len(names)}] {name}")
        result = page.run(lecture, root, quick=quick, say=lambda line: say(f"  {line}"))
        if as_json:
            records.append(page.stored(out, name))
        else:
            echo(page.as_text(lecture, result, quick) + "\n")
            for figure in result.figures:
                echo(f"figure: {out / figure}")
    if as_json:
        echo(json.dumps(records if len(names) > 1 else records[0], indent=2, ensure_ascii=False))
    say(f"page: {out / 'README.md'}")
