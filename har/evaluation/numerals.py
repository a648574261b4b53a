"""How numbers are written wherever a person reads them: on pages, in the terminal, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from har.evaluation.results import Cost


def score(value: float | None) -> str:
    """Three digits; a dash for what there is not."""
    return "–" if value is None else f"{value:.3f}"


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


def kb(cost: Cost | None) -> str:
    """The size of a file; a dash where it was not measured."""
    return f"{cost.bytes / 1024:.0f} kB" if cost else "–"


def ms(cost: Cost | None) -> str:
    """The median time of a window."""
    return f"{cost.latency_ms_p50:.2f} ms" if cost else "–"
