"""What is gathered from recordings, one after the other, to examine them together."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from har.config import WindowsConfig
from har.ingest import fingerprints
from har.ingest.examine import labels
from har.ingest.fingerprints import Prints
from har.ingest.raw import Finding
from har.recording import Recording


@dataclass
class Corpus:
    """Who does what for how long, and what each recording holds.

    Parameters
    ----------
    windows : WindowsConfig
        Into which the recordings are to be cut.
    """

    windows: WindowsConfig
    subjects: set[str] = field(default_factory=set)
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    window_s: float = 0.0
    """A length that suits the bouts, once the findings are made."""
    _filled_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _hashes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _names: list[str] = field(default_factory=list)
    _prints: list[Prints] = field(default_factory=list)

    def add(self, recording: Recording, name: str) -> None:
        """Take note of one recording."""
        r = recording
        ends_s = np.arange(r.n_samples + 1) / r.rate_hz
        if r.time_s is not None:
            ends_s = np.append(r.time_s, r.time_s[-1] + 1 / r.rate_hz)
        for note in r.annotations:
            self.people[note.label].add(r.subject)
            alone_s = r.length_s if note.start == 0 else None
            bout_s = float(ends_s[note.end] - ends_s[note.start])
            filled_s = labels.fills_s(bout_s, self.windows, alone_s=alone_s)
            self._filled_s[note.label].append(filled_s)
        self._hashes[hashlib.sha256(r.acceleration.tobytes()).hexdigest()].append(name)
        self._names.append(name)
        self._prints.append(fingerprints.prints(r.acceleration, r.rate_hz))

    def findings(self) -> list[Finding]:
        """What all of them together tell."""
        short, self.window_s = labels.short_bouts(self._filled_s, self.windows)
        content = {name: digest for digest, g in self._hashes.items() for name in g}
        near = {
            (a, b): n
            for (i, j), n in fingerprints.copies(self._prints).items()
            if content[a := self._names[i]] != content[b := self._names[j]]
        }
        return [
            *labels.names(self.people),
            *labels.coverage(self.people, self.subjects - {""}),
            *short,
            *labels.twins(self._hashes),
            *labels.near_copies(near),
        ]
