"""YAML of a user's: plain values with text as keys, and no file that can do harm.

Anchors that multiply, nesting that exhausts the stack, keys that stand twice and values that cannot
be what they look like are refused by their line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from har.errors import ConfigError

CHANGES_NO_RESULT = True

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 10_000
"""What a file holds when every alias is written out."""


def read(path: Path) -> Any:
    """The content of a file.

    Raises
    ------
    ConfigError
        With the file and the line.
    """
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise ConfigError(f"{len(data):,} bytes are too many for a file of settings.")
        return parse(data.decode("utf-8-sig"))
    except OSError as e:
        raise ConfigError(f"{path} cannot be read ({e.strerror}).") from e
    except UnicodeDecodeError as e:
        line = data[: e.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}, line {line}: byte 0x{data[e.start]:02x} is not UTF-8. Save it as UTF-8."
        ) from e
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e


def parse(text: str) -> Any:
    """The value of a text.

    Raises
    ------
    ConfigError
        With the line.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as e:
        where = e.problem_mark or e.context_mark
        line = f"line {where.line + 1}: " if where else ""
        raise ConfigError(f"{line}not valid YAML ({e.problem or e.context}).") from e
    except yaml.YAMLError as e:
        raise ConfigError(f"not valid YAML ({str(e).splitlines()[0]}).") from e


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            line = self.peek_event().start_mark.line + 1
            raise ConfigError(f"line {line}: nested more than {MAX_DEPTH} deep.")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as e:
            line, value = node.start_mark.line + 1, str(node.value)[:40]
            raise ConfigError(f"line {line}: {value!r} cannot be read as a value ({e}).") from e

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise ConfigError(f"line {line}: a key must be text, got {str(key)[:40]}.")
            if key in seen:
                raise ConfigError(f"key {key!r} stands twice, line {line}.")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Values in a node, with every alias written out."""
    if id(node) in known:
        if not known[id(node)]:
            raise ConfigError(f"line {node.start_mark.line + 1}: an anchor that holds itself.")
        return known[id(node)]
    known[id(node)] = 0
    inside = node.value if isinstance(node, yaml.CollectionNode) else ()
    flat = (n for item in inside for n in (item if isinstance(item, tuple) else (item,)))
    total = 1 + sum(_count(n, known) for n in flat)
    if total > MAX_VALUES:
        line = node.start_mark.line + 1
        raise ConfigError(f"line {line}: more than {MAX_VALUES:,} values, aliases written out.")
    known[id(node)] = total
    return total
