"""Pages from templates: HTML, every value escaped, and Markdown."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.evaluation import numerals
from har.files import contents, digest

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")


def page(template: str, **values: Any) -> str:
    """A page; one of HTML is self-contained.

    Parameters
    ----------
    template : str
        A file of `har/report/templates`.
    **values
        What it shows; a name that it uses and is not given is an error.
    """
    return _environment().get_template(template).render(values)


def version() -> str:
    """Hash of all templates: pages made with others are made anew."""
    return digest(contents(TEMPLATES))


def code(text: str) -> Markup:
    """Text with what is between backticks as code."""
    from markupsafe import Markup, escape

    # What is not escaped here is <code> alone.
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(html)  # nosec B704


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for write in (
        code,
        numerals.score,
        numerals.interval,
        numerals.signed,
        numerals.signed_interval,
        numerals.count,
        numerals.duration,
        numerals.kb,
        numerals.ms,
    ):
        made.filters[write.__name__] = write
    return made
