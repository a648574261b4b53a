"""Dots for the pictures of a report, for tests that do not look at them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image


@contextmanager
def instead() -> Iterator[None]:
    """Each figure of a report is composed as ever, and a dot is written in its place."""
    from har.report import comparison_page, figures

    dot = io.BytesIO()
    Image.new("RGB", (2, 2)).save(dot, "png")

    def png(_figure: Any, **_how: Any) -> bytes:
        return dot.getvalue()

    def svg(_figure: Any) -> str:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>'

    plain = SimpleNamespace(**{**vars(figures), "png": png, "svg": svg})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison_page, "figures", plain)
        yield
