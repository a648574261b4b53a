"""Every name of `import har` has a numpydoc docstring: its parameters, and what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from numpydoc.validate import validate

import har

CHECKED = {
    "GL03", "GL05", "GL06", "GL07", "GL08", "SS01", "SS04", "SS06",
    "PR01", "PR02", "PR03", "PR04", "PR10", "RT01", "YD01",
}  # fmt: skip
"""Codes of numpydoc: sections and their order, a summary line, parameters, returned values."""


def names() -> Iterator[str]:
    for name in har.__all__:
        thing = getattr(har, name)
        whole = f"{thing.__module__}.{thing.__qualname__}"
        yield whole
        if inspect.isclass(thing):
            yield from (
                f"{whole}.{member}"
                for member, value in vars(thing).items()
                if not member.startswith("_")
                and (inspect.isfunction(value) or isinstance(value, (classmethod, property)))
            )


def test_every_docstring_has_its_sections() -> None:
    errors = {n: [e for e in validate(n)["errors"] if e[0] in CHECKED] for n in names()}
    assert len(errors) > 20
    assert {n: found for n, found in errors.items() if found} == {}


def test_a_parameter_that_is_not_documented_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    doc = har.read.__doc__ or ""
    monkeypatch.setattr(har.read, "__doc__", doc.replace("    path : ", "    way : "))
    found = {code for code, _ in validate(f"{har.read.__module__}.read")["errors"]}
    assert {"PR01", "PR02"} <= found
