"""The layers of the house: a folder imports the base and folders earlier in the pipeline."""

from pathlib import Path

import pytest

from har.store import imports_of
from tests.conftest import ROOT

BASE = {"config", "store", "stages", "recording", "tracking", "fanout", "errors"}
ORDER = ["ingest", "signal", "models", "training", "evaluation", "deploy", "studies", "lectures"]
MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts)
    for p in (ROOT / "har").rglob("*.py")
    if p.name != "__init__.py"
)


def folder(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    home = folder(module)
    for imported in imports_of(module):
        there = folder(imported)
        if home in BASE:
            assert there in BASE | {""}, f"{module} is base and imports {imported}"
        elif home in ORDER:
            allowed = BASE | {"", *ORDER[: ORDER.index(home) + 1]}
            if home == "studies":  # of whole runs, and their part is put back after each
                allowed |= {"pipeline", "session"}
            if home == "lectures":  # the lab runs a whole pipeline
                allowed |= {"session"}
            assert there in allowed, f"{module} imports {imported}, which comes later"


def test_only_one_module_imports_mlflow_and_signal_no_tensorflow():
    for path in (ROOT / "har").rglob("*.py"):
        text = path.read_text()
        if path != ROOT / "har" / "tracking" / "send.py":
            assert "import mlflow" not in text, path
        if "signal" in path.relative_to(ROOT).parts or "ingest" in path.relative_to(ROOT).parts:
            assert "tensorflow" not in text, path
            assert "import keras" not in text, path


def test_modules_stay_small():
    for path in (ROOT / "har").rglob("*.py"):
        assert len(Path(path).read_text().splitlines()) <= 500, f"{path} is due for a hard look"
