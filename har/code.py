"""The version of the code that made a result.

Only code counts: a module is hashed as its syntax tree without docstrings and comments, so that
prose can be mended without training anything again.

A module whose code moves results about and cannot change them says so at its top level:

    CHANGES_NO_RESULT = True

It is then left out of every version, with what only it imports. It is for machinery (the store,
processes, errors) and for what reaches a job's key as a value (the pipeline file, the choice of a
backend).
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from har.errors import StoreError
from har.files import digest

CHANGES_NO_RESULT = True
MARK = "CHANGES_NO_RESULT"

# A change of these can change results.
VERSIONED = ("numpy", "scipy", "keras", "tensorflow")


@dataclass(frozen=True)
class Source:
    """What a module's source says, found out without importing it.

    imports : modules of `har` and of the module's own package that it imports, at the top or inside
    functions. changes_no_result : whether it says so. fingerprint : hash of its syntax tree.
    """

    imports: frozenset[str]
    changes_no_result: bool
    fingerprint: str


@functools.cache
def source(module: str) -> Source:
    """The source of a module.

    Raises
    ------
    StoreError
        If there is none.
    """
    path = _file(module)
    if path is None:
        raise StoreError(f"No source for module {module!r}.")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    followed = {"har", module.split(".")[0]}
    found = (name for name in _imported(tree, package) if name.split(".")[0] in followed)
    return Source(
        imports=frozenset(name for name in found if _file(name)),
        changes_no_result=any(_is_mark(node) for node in tree.body),
        fingerprint=hashlib.sha256(_plain(tree).encode()).hexdigest(),
    )


@functools.cache
def _file(module: str) -> Path | None:
    """A module's file; None of a name that is no module."""
    top, *parts = module.split(".")
    base = _base(top)
    if base is None or (parts and not base.is_dir()):
        return None
    path = base.joinpath(*parts)
    files = (path.with_suffix(".py"), path / "__init__.py", path)
    return next((file for file in files if file.is_file()), None)


@functools.cache
def _base(top: str) -> Path | None:
    """The folder of a package, or the file of a module that is in none."""
    if top == "har":  # these sources, whatever else is installed
        return Path(__file__).parent
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if spec.submodule_search_locations:  # a package, also one without an __init__.py
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin else None


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Names that may be modules: `from a import b` may mean a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            name = importlib.util.resolve_name(name, package)
            yield name
            yield from (f"{name}.{a.name}" for a in node.names)


def _is_mark(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=True)):
            return name == MARK
    return False


def _plain(value: object) -> str:
    """A syntax tree as text, without strings that stand alone: those are docstrings.

    `ast.dump` writes the same tree otherwise as soon as Python gives a node one more field.
    """
    if isinstance(value, ast.AST):
        children = ((name, getattr(value, name, None)) for name in value._fields)
        fields = [f"{name}={_plain(v)}" for name, v in children if v is not None and v != []]
        return f"{type(value).__name__}({' '.join(fields)})"
    if isinstance(value, list):
        return f"[{', '.join([_plain(v) for v in value if not _is_prose(v)])}]"
    return repr(value)


def _is_prose(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@functools.cache
def code_version(*modules: str) -> str:
    """Hash of modules, of every module that they import and that can change results, and of the
    versions of the libraries that can."""
    seen: dict[str, str] = {}
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module in seen or (found := source(module)).changes_no_result:
            continue
        seen[module] = found.fingerprint
        todo += found.imports
    return digest({"sources": seen, "versions": versions()})


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
