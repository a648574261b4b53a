"""Lines where no bar can be drawn."""

from __future__ import annotations

import io

from rich.console import Console

from har import progress


def lines(every_s: float, monkeypatch) -> list[str]:
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(progress, "EVERY_S", every_s)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), width=80)
    with progress.advancing(console, "reading", 5) as advance:
        for _ in range(5):
            advance(1)
    return [line for line in console.file.getvalue().splitlines() if line.strip()]


def test_a_line_now_and_then_with_the_time_left(monkeypatch):
    # 4 s each by the clock, so every third comes after 10 s; the last is said by the stage
    assert lines(10, monkeypatch) == ["  reading: 3 of 5, about 10 s left"]


def test_what_is_quick_says_nothing(monkeypatch):
    assert lines(60, monkeypatch) == []
