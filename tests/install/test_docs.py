"""The documentation site, built strictly: every link, every notebook, every key of a contract."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from har.config import Pipeline
from har.evaluation.results import Results
from har.runtime.manifest import Manifest
from tests.conftest import ROOT
from tests.install.test_wheel import run

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it: a warning, a dead link and a notebook that fails are errors."""
    out = tmp_path_factory.mktemp("site")
    options = ("-W", "--keep-going", "-n", "-q", "-c", "docs")
    run(sys.executable, "-m", "sphinx", *options, ".", out, cwd=ROOT)
    return out / "docs"


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def keys(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """Of a model and of all that are in it, as its file has them."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in models_in(field.annotation):
            yield from keys(inner, seen)


@pytest.mark.parametrize(
    ("page", "model"),
    [("pipeline-file", Pipeline), ("results", Results), ("model-json", Manifest)],
)
def test_the_reference_has_every_key(site: Path, page: str, model: type[BaseModel]) -> None:
    text = (site / "reference" / f"{page}.html").read_text("utf-8")
    tables = "".join(re.findall(r'<table class="schema.*?</table>', text, re.S))
    listed = re.findall(r'<td id="[^"]+"><p><code[^>]*><span class="pre">([^<]+)<', tables)
    assert sorted(listed) == sorted(keys(model, set()))


def test_the_tutorials_ran_with_their_figures(site: Path) -> None:
    names = {path.stem for path in (ROOT / "docs/tutorials").glob("*.md")} - {"index"}
    text = (site / "tutorials/index.html").read_text("utf-8")
    took = dict(re.findall(r"docs/tutorials/(\w+)<.*?<p>([\d.]+)</p>", text, re.S))
    assert set(took) == names
    for name in names:
        page = (site / f"tutorials/{name}.html").read_text("utf-8")
        assert re.search(r'<img [^>]*src="\.\./\.\./_images/', page), name
