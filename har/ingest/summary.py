"""What an ingest holds: subjects, recordings, hours, minutes of each activity, the account."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from har.ingest.examine import labels
from har.ingest.raw import Finding
from har.ingest.repair import gravity_of
from har.recording import Recording


class Tally:
    """Counts recordings as they pass, so that none has to be read again."""

    def __init__(self) -> None:
        self.recordings = 0
        self.seconds = 0.0
        self.rates: Counter[str] = Counter()
        self.subjects: set[str] = set()
        self.gravity: set[str] = set()
        self.seconds_of: dict[str, float] = defaultdict(float)
        self.people_of: dict[str, set[str]] = defaultdict(set)

    def add(self, recording: Recording) -> None:
        self.recordings += 1
        self.seconds += recording.n_samples / recording.rate_hz  # what a gap lacks is not there
        self.subjects.add(recording.subject)
        self.rates[f"{recording.rate_hz:.3g}"] += 1
        self.gravity.add(gravity_of(recording))
        for note in recording.annotations:
            self.people_of[note.label].add(recording.subject)
            self.seconds_of[note.label] += (note.end - note.start) / recording.rate_hz


def make(
    name: str,
    placement: str,
    tally: Tally,
    account: dict[str, Any],
    digests: Mapping[str, list[str]],
    over_all: list[Finding],
) -> dict[str, Any]:
    """Numbers for people and programs, in plain JSON values."""
    seconds, people, subjects = tally.seconds_of, tally.people_of, tally.subjects
    rates, total_s, count = tally.rates, tally.seconds, tally.recordings
    rejected: Counter[str] = Counter()
    for source in account["sources"]:
        rejected.update(source["rejected"])
    order = sorted(subjects, key=lambda s: (len(s), s))
    return {
        "dataset": name,
        "placement": placement,
        "subjects": order,
        "recordings": count,
        "hours": round(total_s / 3600, 4),
        "gravity": "removed" if tally.gravity == {"removed"} else "present",
        "rates_hz": dict(sorted(rates.items(), key=lambda item: float(item[0]))),
        "activities": {
            label: {
                "minutes": round(seconds[label] / 60, 2),
                "subjects": len(people[label]),
                **(
                    {"absent": [s for s in order if s not in people[label]]}
                    if len(people[label]) < len(subjects)
                    else {}
                ),
            }
            for label in sorted(seconds)
        },
        "unlabelled_minutes": round(max(total_s - sum(seconds.values()), 0.0) / 60, 2),
        "samples": {
            "in": sum(s["samples_in"] for s in account["sources"]),
            "kept": sum(s["kept"] for s in account["sources"]),
            "rejected": dict(sorted(rejected.items())),
        },
        "sources": len(account["sources"]),
        "files_rejected": account["files_rejected"],
        "not_used": account["not_used"],
        "missing": account["missing"],
        "findings": _findings(account, [*over_all, *labels.names(seconds), *labels.twins(digests)]),
    }


def _findings(account: dict[str, Any], over_all: list[Finding]) -> list[dict[str, Any]]:
    """One line for each code, with how many recordings have it."""
    seen: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in over_all:
        seen[one.code, one.severity, one.action].append(one.as_dict())
    for source in account["sources"]:
        for finding in source["findings"]:
            key = (finding["code"], finding["severity"], finding["action"])
            seen[key].append(finding)
    return [
        {
            "code": code,
            "severity": severity,
            "action": action,
            "sources": len(found),
            "count": sum(f["count"] for f in found),
            "first": f"{found[0]['where']}: {found[0]['message']}",
        }
        for (code, severity, action), found in sorted(seen.items())
    ]
