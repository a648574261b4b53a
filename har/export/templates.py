"""Texts of the bundle from templates beside this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har.files import digest


def render(name: str, **values: Any) -> str:
    """A template with its values; a name that it uses and is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(  # nosec B701  # Markdown and C, no HTML
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(name).render(values)


def version() -> str:
    """Hash of all templates."""
    texts = sorted(p for p in Path(__file__).parent.iterdir() if p.suffix in (".md", ".h"))
    return digest([p.read_text("utf-8") for p in texts])
