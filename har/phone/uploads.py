"""Recordings that arrive from a phone in pieces, over a connection that may drop.

    <raw>/recorded/.partial/<id>/about.json        who, what, where: the first that came
    <raw>/recorded/.partial/<id>/00000012.json     piece 12, checked
    <raw>/recorded/<subject>/<activity>_<id>.csv   the recording: time_s,x,y,z
    <raw>/recorded/<subject>/<activity>_<id>.json  its sidecar, written last

Every request may be sent again: a piece is stored under its number, and finishing twice gives the
same files. The sidecar is what makes a recording count, so that a crash between the two files
leaves nothing half there. No part of a path comes from the network unless it is made of a to z,
digits and single dashes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from har.files import canonical, replace_file
from har.ingest.datasets.recorded import FOLDER, SCHEMA
from har.phone.intake import Limits, Refused, check_about, check_rows, slug

_ID = re.compile(r"[0-9a-f]{32}")
_STALE_S = 14 * 24 * 3600
_EMPTY_S = 600
"""A recording that was begun and of which nothing came; the phone begins it again."""


class Uploads:
    """The recordings under way and those that landed.

    Parameters
    ----------
    raw : Path
        The workspace's `data/raw`.
    """

    def __init__(self, raw: Path, limits: Limits | None = None) -> None:
        self.folder = raw / FOLDER
        self.limits = limits or Limits()
        self._lock = threading.Lock()
        self._client: dict[str, str] = {}

    # What a page asks for ----------------------------------------------------------------------

    def begin(self, id_: str, about: Any, client: str = "") -> tuple[int, dict[str, Any]]:
        """Say who and what; 201, or 200 if it was said before in the same words."""
        checked = check_about(about)
        with self._lock:
            if done := self._landed(id_):
                return 200, self._state(id_, done)
            partial = self._partial(id_)
            known = self._read(partial / "about.json")
            if known is not None:
                if known != checked:
                    raise Refused(409, "This recording was begun with another description.")
                return 200, self._state(id_, None)
            self._make_room(client)
            replace_file(partial / "about.json", canonical(checked).encode())
            self._client[id_] = client
            return 201, self._state(id_, None)

    def put(self, id_: str, number: int, body: Any) -> tuple[int, dict[str, Any]]:
        """Store piece `number`; the same piece again changes nothing, another one is refused."""
        if not 0 <= number < self.limits.chunks:
            raise Refused(
                413, f"A recording has at most {self.limits.chunks} pieces, got number {number}."
            )
        rows = check_rows(body.get("samples") if isinstance(body, dict) else None, self.limits)
        data = canonical(rows).encode()
        with self._lock:
            if done := self._landed(id_):
                return 200, self._state(id_, done)
            partial = self._begun(id_)
            path = partial / f"{number:08d}.json"
            if path.is_file():
                if path.read_bytes() != data:
                    raise Refused(409, f"Piece {number} is here already, with other samples.")
                return 200, {"received": number}
            if self._used() + len(data) > self.limits.total_bytes:
                raise Refused(507, "No room for more unfinished recordings on this server.")
            replace_file(path, data)
            return 201, {"received": number}

    def finish(self, id_: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Put the pieces together; 409 names the pieces that are still missing."""
        chunks = body.get("chunks") if isinstance(body, dict) else None
        if type(chunks) is not int or not 1 <= chunks <= self.limits.chunks:
            raise Refused(422, f"chunks must be a number of pieces, got {chunks!r:.80}.")
        with self._lock:
            if done := self._landed(id_):
                return 200, self._state(id_, done)
            partial = self._begun(id_)
            here = self._numbers(partial)
            if missing := sorted(set(range(chunks)) - here):
                raise Refused(409, f"Pieces are missing: {len(missing)}.", missing=missing[:100])
            if extra := sorted(here - set(range(chunks))):
                raise Refused(409, f"Piece {extra[0]} is here, though {chunks} were announced.")
            rows = [r for n in range(chunks) for r in self._read(partial / f"{n:08d}.json")]
            sidecar = self._assemble(id_, self._read(partial / "about.json"), rows)
            shutil.rmtree(partial, ignore_errors=True)
            return 201, self._state(id_, sidecar)

    def discard(self, id_: str) -> tuple[int, dict[str, Any]]:
        """Drop a recording that is under way; one that landed stays."""
        with self._lock:
            if self._landed(id_):
                raise Refused(409, "This recording has landed; delete its files if you want to.")
            shutil.rmtree(self._partial(id_), ignore_errors=True)
            return 200, {"id": id_, "state": "unknown", "chunks": []}

    def state(self, id_: str) -> tuple[int, dict[str, Any]]:
        """What of a recording is here, so that a page knows what to send again."""
        with self._lock:
            return 200, self._state(id_, self._landed(id_))

    def summary(self) -> dict[str, Any]:
        """Seconds that landed, by person and activity."""
        people: dict[str, dict[str, float]] = {}
        count = 0
        for path in sorted(self.folder.glob("*/*.json")):
            side = self._read(path)
            if isinstance(side, dict) and side.get("schema") == SCHEMA:
                count += 1
                of = people.setdefault(side["subject"], {})
                of[side["activity"]] = round(of.get(side["activity"], 0.0) + side["length_s"], 1)
        return {"recordings": count, "people": people}

    # Inside ------------------------------------------------------------------------------------

    def _assemble(self, id_: str, about: dict[str, Any], rows: list[list[float]]) -> dict[str, Any]:
        if len(rows) > self.limits.samples:
            raise Refused(413, f"{len(rows)} samples; the most is {self.limits.samples}.")
        steps = [b[0] - a[0] for a, b in pairwise(rows)]
        if not steps or min(steps) <= 0:
            raise Refused(
                422, "times must rise from piece to piece, and two samples are the least."
            )
        origin = rows[0][0]
        text = io.StringIO()
        out = csv.writer(text, lineterminator="\n")
        out.writerow(["time_s", "x", "y", "z"])
        out.writerows([round(r[0] - origin, 6), *r[1:]] for r in rows)
        data = text.getvalue().encode()
        subject, activity = slug(about["name"]), slug(about["activity"])
        median = sorted(steps)[len(steps) // 2]
        sidecar = {
            "schema": SCHEMA,
            "id": id_,
            "subject": subject,
            "activity": activity,
            "placement": slug(about["placement"]),
            "as_typed": {k: about[k] for k in ("name", "activity", "placement")},
            "started": about["started"],
            "device": about["device"],
            "unit": "m/s2",
            "gravity": "present",
            "convention": "android",
            "negated_by_the_page": about["negated"],
            "n_samples": len(rows),
            "length_s": round(rows[-1][0] - origin + median, 3),
            "rate_hz": round(1 / median, 3),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        base = self.folder / subject / f"{activity}_{id_}"
        replace_file(base.with_suffix(".csv"), data)
        side = json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n"
        replace_file(base.with_suffix(".json"), side.encode())
        return sidecar

    def _partial(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise Refused(404, "A recording's id is 32 hexadecimal digits.")
        return self.folder / ".partial" / id_

    def _begun(self, id_: str) -> Path:
        partial = self._partial(id_)
        if not (partial / "about.json").is_file():
            raise Refused(404, "No such recording is under way; begin it first.")
        return partial

    def _landed(self, id_: str) -> dict[str, Any] | None:
        partial = self._partial(id_)
        found = sorted(self.folder.glob(f"*/*_{id_}.json"))
        if found and partial.exists():  # this program was killed while it was finishing
            shutil.rmtree(partial, ignore_errors=True)
        return self._read(found[0]) if found else None

    def _state(self, id_: str, landed: dict[str, Any] | None) -> dict[str, Any]:
        if landed is not None:
            file = f"{FOLDER}/{landed['subject']}/{landed['activity']}_{id_}.csv"
            keep = ("subject", "activity", "placement", "n_samples", "length_s", "rate_hz")
            return {"id": id_, "state": "landed", "file": file} | {k: landed[k] for k in keep}
        partial = self._partial(id_)
        begun = (partial / "about.json").is_file()
        chunks = sorted(self._numbers(partial))
        return {"id": id_, "state": "under way" if begun else "unknown", "chunks": chunks}

    @staticmethod
    def _numbers(partial: Path) -> set[int]:
        return {int(p.stem) for p in partial.glob("[0-9]*.json")}

    @staticmethod
    def _read(path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def _used(self) -> int:
        return sum(p.stat().st_size for p in (self.folder / ".partial").glob("*/*.json"))

    def _make_room(self, client: str) -> None:
        """Abandoned recordings go; beyond its share, a client's new ones are refused."""
        here = {p.name: p for p in (self.folder / ".partial").glob("*") if p.is_dir()}
        for id_, path in list(here.items()):
            age_s = time.time() - path.stat().st_mtime
            if age_s > _STALE_S or (age_s > _EMPTY_S and not self._numbers(path)):
                shutil.rmtree(path, ignore_errors=True)
                del here[id_]
        self._client = {id_: who for id_, who in self._client.items() if id_ in here}
        own = sum(who == client for who in self._client.values())
        for n, most in ((own, self.limits.client_recordings), (len(here), self.limits.recordings)):
            if n >= most:
                raise Refused(507, f"{most} recordings are under way; finish one first.")
