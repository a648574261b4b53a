"""Where things land: the current folder, `--workspace` or `HAR_WORKSPACE`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHANGES_NO_RESULT = True


@dataclass(frozen=True)
class Workspace:
    """Where things land: the current folder, `--workspace` or `HAR_WORKSPACE`."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw"

    @property
    def cache(self) -> Path:
        return self.root / "data" / "cache"

    @property
    def reports(self) -> Path:
        return self.root / "reports"
