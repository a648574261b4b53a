"""The layers of the house: an arrow runs from a folder to the base or to an earlier folder."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

from har.code import source
from har.pipeline import STAGES
from tests.conftest import ROOT

BASE = ["errors", "faults", "files", "contract", "quiet", "plural", "progress", "strict_yaml",
        "own_recordings", "config", "pipeline_file", "recording", "workspace", "code", "damage",
        "store", "fanout", "stages"]  # fmt: skip
ORDER = ["ingest", "signal", "runtime", "models", "training", "evaluation", "export", "report",
         "tracking", "phone", "pipeline", "session", "studies", "lectures", "api", "cli",
         "__main__"]  # fmt: skip
RUNTIME_NEEDS = {"numpy", "scipy", "pandas", "pyarrow", "pydantic", "yaml", "ai_edge_litert"}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = sorted(_module(p) for p in (ROOT / "har").rglob("*.py"))


def folder(module: str) -> str:
    return [*module.split("."), ""][1]


def test_every_module_has_a_place():
    assert {folder(m) for m in MODULES} <= {"", *BASE, *ORDER}


@pytest.mark.parametrize("module", MODULES)
def test_arrows_run_to_earlier_folders(module):
    home = folder(module)
    for imported in source(module).imports:
        there = folder(imported)
        if there in ("", home):
            continue
        if there in BASE:
            assert home not in BASE or BASE.index(there) < BASE.index(home), (module, imported)
        else:
            assert home in ORDER, f"{module} is base and imports {imported}"
            assert ORDER.index(there) < ORDER.index(home), f"{module} imports {imported}"


def test_no_circle_among_modules():
    arrows = {m: {i for i in source(m).imports if i in MODULES and i != m} for m in MODULES}
    # A package that gives its modules' names is not a step in a walk through them.
    arrows = {m: {i for i in to if not m.startswith(f"{i}.")} for m, to in arrows.items()}
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            for to in sorted(arrows[module]):
                walk(to, (*path, module))
            done.add(module)

    for module in MODULES:
        walk(module, ())


def test_each_stage_names_its_own_module():
    for where, name in STAGES:
        stage = getattr(importlib.import_module(where), name)
        assert where in stage.modules, f"{stage.name} is in {where}, which is not in its modules"


def test_module_names_are_nouns_that_no_other_module_has():
    seen: dict[str, list[str]] = {}
    for m in MODULES:
        *home, name = m.split(".")
        if name != "stage" and folder(m) != "cli":
            seen.setdefault(name, []).append(".".join(home))
    assert not {name: homes for name, homes in seen.items() if len(homes) > 1}


def test_only_one_module_imports_mlflow_and_signal_no_tensorflow():
    for path in (ROOT / "har").rglob("*.py"):
        text = path.read_text()
        # The other is run by MLflow, and nothing here imports it.
        if path.parent.name != "tracking" or path.name not in ("client.py", "served.py"):
            assert not re.search(r"^ *(import|from) mlflow", text, re.M), path
        if {"signal", "ingest", "runtime"} & set(path.relative_to(ROOT).parts):
            assert "tensorflow" not in text, path
            assert "import keras" not in text, path


def _third_party(module: str) -> set[str]:
    """Top-level packages that a module imports, at the top or inside functions."""
    base = ROOT.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found - {"har", *sys.stdlib_module_names}


def _reached(start: list[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        if (module := todo.pop()) not in seen:
            seen.add(module)
            todo += source(module).imports
    return seen


def test_the_runtime_could_be_installed_alone():
    reached = _reached([m for m in MODULES if folder(m) == "runtime"])
    assert {folder(m) for m in reached} <= {"", *BASE, "signal", "runtime"}
    assert set().union(*map(_third_party, reached)) <= RUNTIME_NEEDS


def test_opening_a_recording_needs_no_more_than_the_runtime():
    # Formats are loaded by name. Wearables' binary files are decoded by an extra.
    formats = [m for m in MODULES if m.startswith("har.ingest.formats.")]
    reached = _reached(["har.ingest.opening", *formats])
    needs = {m: _third_party(m) - RUNTIME_NEEDS for m in reached}
    assert needs.pop("har.ingest.formats.wearables") <= {"pygt3x"}
    assert not any(needs.values()), {m: n for m, n in needs.items() if n}


def test_modules_stay_small():
    for path in (ROOT / "har").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 500, f"{path} is due for a hard look"
