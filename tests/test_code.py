"""The code version sees code: on a copy of the package whose sources are edited."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from har import code
from har.errors import StoreError
from tests.conftest import ROOT

VERSIONS = """
import json
from har.code import code_version
from har.pipeline import stages
print(json.dumps({s.name: code_version(*s.modules) for s in stages()}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with a copy of the package, and the versions of its stages."""
    folder = tmp_path_factory.mktemp("copied")
    ignored = shutil.ignore_patterns("__pycache__", "web")
    shutil.copytree(ROOT / "har", folder / "har", ignore=ignored)
    return folder, versions(folder)


def versions(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", VERSIONS], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def changed(package, *edits: tuple[str, str, str]) -> set[str]:
    """The stages whose version is another after edits: (module, text, text in its place)."""
    folder, before = package
    kept = {folder / "har" / module: (folder / "har" / module).read_text() for module, *_ in edits}
    for module, old, new in edits:
        path = folder / "har" / module
        assert kept[path].count(old) == 1, f"{module} has {kept[path].count(old)} times {old!r}"
        path.write_text(kept[path].replace(old, new))
    try:
        after = versions(folder)
    finally:
        for path, text in kept.items():
            path.write_text(text)
    return {name for name in before if before[name] != after[name]}


def test_a_reworded_docstring_or_comment_reruns_nothing(package):
    assert not changed(
        package,
        ("signal/filters.py", "A phone needs a filter of finite memory.", "Prose."),
        ("training/fit.py", '"""Batches of predictions are a multiple', '"""Multiples'),
        ("evaluation/metrics.py", "from __future__", "# A comment.\nfrom __future__"),
        ("ingest/clean.py", "from __future__", "\n\n\nfrom __future__"),
    )


def test_a_constant_in_the_filter_reruns_prepare_and_after_but_not_ingest(package):
    rerun = changed(package, ("signal/filters.py", "np.ceil(3.3 *", "np.ceil(3.4 *"))
    assert rerun >= {"prepare", "train", "compare", "export"}
    assert "ingest" not in rerun


def test_a_line_in_the_stage_that_compares_reruns_it(package):
    line = 'write_json(writing.path / "leakage.json", proof)'
    edit = ("evaluation/stage.py", line, line.replace("proof", "dict(proof)"))
    rerun = changed(package, edit)
    assert "compare" in rerun
    assert not {"ingest", "prepare", "train"} & rerun


def test_what_cannot_change_a_result_says_so_itself(package):
    line = "self.root = root"
    assert not changed(package, ("store.py", line, f"{line}.absolute()"))
    mark = "CHANGES_NO_RESULT = True"
    assert changed(package, ("store.py", mark, mark.replace("True", "False")))


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Writes modules of a package that is not this one, and gives their versions."""
    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def forget():
        for cached in (code._base, code._file, code.source, code.code_version):
            cached.cache_clear()

    def write(**texts):
        for name, text in texts.items():
            (folder / f"{name}.py").write_text(text)
        forget()
        return {p.stem: code.code_version(f"made_up.{p.stem}") for p in folder.glob("[a-z]*.py")}

    yield write
    forget()


def test_a_version_follows_imports_in_another_package_too(sources):
    texts = {"a": "from . import b", "b": "def f():\n    from made_up.c import X", "c": "X = 1"}
    before = sources(**texts, d="")
    after = sources(c="X = 2")
    assert {m for m in before if before[m] != after[m]} == {"a", "b", "c"}
    assert "har.models.spec" in code.source("har.models.cnn").imports
    assert "made_up" not in sys.modules  # nothing is imported to be read
    with pytest.raises(StoreError, match="No source for module 'made_up.e'"):
        code.code_version("made_up.e")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f(): return 1", 'def f():\n    """Prose."""\n    return 1', True),
        ("X = 1", '"""Prose."""\nX = (1)  # one\n"""Of X."""\n', True),
        ("class A: pass", 'class A:\n    """Prose."""\n    pass', True),
        ("X = 1", "X = 1.0", False),
        ("X = 1", "X = 2", False),
        ("X = 1", "X: int = 1", False),
        ("f(a, b=None)", "f(a)", False),
        ("x[1:]", "x[None:1]", False),
        ("x = {**a}", "x = {None: a}", False),
        ("return_(None)", "return_()", False),
        ("x = 'a'", "x = 'b'", False),
        ("a - b - c", "a - (b - c)", False),
    ],
)
def test_only_what_runs_counts(sources, one, other, same):
    a, b = (sources(a=text)["a"] for text in (one, other))
    assert (a == b) == same
