"""The version of the code that made a result."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
from pathlib import Path

from har.errors import StoreError
from har.files import digest

# A change of these can change results.
VERSIONED = ("numpy", "scipy", "keras", "tensorflow")


def _module_file(name: str) -> Path | None:
    """The source of a `har` module, found without importing it."""
    base = Path(__file__).parent.joinpath(*name.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """The `har` modules that a module's source imports, at the top or inside functions."""
    path = _module_file(module)
    if path is None:
        raise StoreError(f"No source for module {module!r}.")
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.level:
                raise StoreError(f"{path}: relative imports are not followed; write them out.")
            found.add(node.module)
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return frozenset(m for m in found if m.split(".")[0] == "har" and _module_file(m))


@functools.cache
def code_version(*modules: str) -> str:
    """Hash of the sources of modules and of every `har` module that they import, and of versions.

    Modules that move results about and change none are left out, so that work on the machinery
    does not throw away days of training; of `har.config`, the registry and the choice of a
    backend only the values count, and those stand in the key by themselves.
    """
    moves_only = {
        *("har", "har.errors", "har.store", "har.fanout", "har.stages", "har.tracking"),
        *("har.config", "har.models.registry", "har.training.backend"),
    }
    packages = ("har.fanout.", "har.tracking.")
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module in seen or module in moves_only or module.startswith(packages):
            continue
        seen.add(module)
        todo += imports_of(module)
    sources = {}
    for module in sorted(seen):
        path = _module_file(module)
        assert path is not None
        sources[module] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest({"sources": sources, "versions": versions()})


@functools.cache
def versions(packages: tuple[str, ...] = VERSIONED) -> dict[str, str]:
    """Installed versions, read from metadata: nothing is imported."""
    out = {}
    for name in packages:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "absent"
    return out
