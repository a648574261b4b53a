"""`python -m tests.phone.small_disk FOLDER` under `unshare -rm`: a server whose disk fills up.

Phones send pieces until each has been refused one, then the disk gets larger, and they go on.
Prints what came of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.phone.serving import put, small_server, to
from tests.small_disk import mount

ABOUT = {"name": "Ada", "activity": "walking", "placement": "wrist"}
PHONES, PIECES = 8, 40


def piece(n: int) -> dict[str, Any]:
    return {"samples": [[n + i / 100, 1.5, 2.5, 3.5] for i in range(100)]}


def steps(id_: str) -> list[tuple[str, Any]]:
    at = f"/api/recordings/{id_}"
    pieces = [(f"{at}/chunks/{n}", piece(n)) for n in range(PIECES)]
    return [(at, ABOUT), *pieces, (f"{at}/finish", {"chunks": PIECES})]


def send(port: int, id_: str) -> tuple[int, str]:
    """How many steps were acknowledged, and what was said of the one that was not."""
    for done, step in enumerate(steps(id_)):
        status, answer = put(to(port), *step)
        if status not in (200, 201):
            return done, f"{status} {answer['error']}"
    return PIECES + 2, ""


def told(folder: Path) -> dict[str, Any]:
    raw = folder / "raw"
    raw.mkdir()
    mount("-t", "tmpfs", "-o", "size=300k", "none", str(raw))
    ids = [f"{i:032x}" for i in range(PHONES)]
    with small_server(folder) as server, ThreadPoolExecutor(PHONES) as pool:
        came = list(pool.map(lambda id_: send(server.port, id_), ids))
        states = [server.uploads.state(id_)[1] for id_ in ids]
        unfinished = [str(p) for p in raw.rglob(".*.json-*")]
        mount("-o", "remount,size=64m", str(raw))
        again = list(pool.map(lambda id_: send(server.port, id_), ids))
    tables = list(raw.glob("recorded/*/*.csv"))
    sides = [json.loads(p.with_suffix(".json").read_text()) for p in tables]
    whole = [
        side["n_samples"] == PIECES * 100
        and side["sha256"] == hashlib.sha256(p.read_bytes()).hexdigest()
        for p, side in zip(tables, sides, strict=True)
    ]
    return {
        "phones": PHONES,
        "refused": sum(bool(said) for _, said in came),
        "said": came[0][1],
        "acknowledged": sum(max(done - 1, 0) for done, _ in came),
        "kept": sum(len(s["chunks"]) for s in states),
        "unfinished": unfinished,
        "landed": sum(done == PIECES + 2 for done, _ in again),
        "whole": sum(whole),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(told(Path(sys.argv[1]))))
