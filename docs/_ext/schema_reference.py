"""`schema-reference`: every key of a pydantic model, as a table for each of its parts.

The argument is `module:Model`. Types, limits, defaults and descriptions are those of the model's
JSON schema; a unit is what the end of a key's name says.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

UNITS = {
    "_hz": "Hz", "_s": "s", "_seconds": "s", "_deg": "°", "_ms_p50": "ms", "_ms_p99": "ms",
    "bytes": "bytes", "_samples": "samples",
}  # fmt: skip
WORDS = {"string": "string", "boolean": "`true` or `false`", "object": "mapping", "null": "`null`"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

Schema = dict[str, Any]


class SchemaReference(SphinxDirective):
    """A section with a table for the model and for each model in it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].partition(":")
        model = getattr(importlib.import_module(module), name)
        schema = model.model_json_schema()
        self.definitions: dict[str, Schema] = schema.get("$defs", {})
        return [self.section(at, part) for at, part in self.parts(schema)]

    def parts(self, whole: Schema) -> Iterator[tuple[str, Schema]]:
        """Each object with the place where it stands first, the outer ones first."""
        waiting, seen = [("", whole)], set()
        while waiting:
            at, part = waiting.pop(0)
            yield at, part
            for key, field in part["properties"].items():
                for name, suffix in references(field):
                    if name not in seen:
                        seen.add(name)
                        waiting.append((f"{at}{key}{suffix}.", self.definitions[name]))

    def section(self, at: str, part: Schema) -> nodes.section:
        title = at.rstrip(".") or "At the top"
        heading = nodes.literal("", title) if at else nodes.Text(title)
        section = nodes.section(ids=[nodes.make_id(f"section-{title}")])
        section += nodes.title("", "", heading)
        if about := part.get("description"):
            section += nodes.paragraph("", "", *self.inline(about.split("\n\n")[0]))
        required = set(part.get("required", ()))
        rows = [
            (f"{at}{key}", key, values(field, key), self.default(field, key in required),
             field.get("description", ""))
            for key, field in part["properties"].items()
        ]  # fmt: skip
        section += self.table(("Key", "Takes", "Default", "Meaning"), rows)
        return section

    def default(self, field: Schema, required: bool) -> str:
        if required or "default" not in field:
            return "required" if required else ""
        value = field["default"]
        names = [name for name, _ in references(field)]
        if isinstance(value, dict) and names:
            usual = self.definitions[names[0]]["properties"]
            value = {k: v for k, v in value.items() if v != usual[k].get("default")}
            if not value:
                return "as below"
        return f"`{literal(value)}`"

    def table(self, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> nodes.table:
        group = nodes.tgroup(cols=len(heads))
        for _ in heads:
            group += nodes.colspec(colwidth=1)
        head = nodes.row("", *(self.entry(text) for text in heads))
        body = nodes.tbody()
        for path, key, *texts in rows:
            ids = [nodes.make_id(path)]
            first = nodes.entry("", nodes.paragraph("", "", nodes.literal("", key)), ids=ids)
            body += nodes.row("", first, *map(self.entry, texts))
        group += nodes.thead("", head)
        group += body
        return nodes.table("", group, classes=["schema"])

    def entry(self, text: str) -> nodes.entry:
        return nodes.entry("", nodes.paragraph("", "", *self.inline(text)))

    def inline(self, text: str) -> list[nodes.Node]:
        return self.parse_inline(text)[0] if text else []


def references(field: Schema, suffix: str = "") -> Iterator[tuple[str, str]]:
    """The objects that a field may hold, each with what its place adds to the field's name."""
    if ref := field.get("$ref"):
        yield ref.rpartition("/")[2], suffix
    for one in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from references(one, suffix)
    if isinstance(items := field.get("items"), dict):
        yield from references(items, f"{suffix}[]")
    if isinstance(items := field.get("additionalProperties"), dict):
        yield from references(items, f"{suffix}.NAME")


def values(field: Schema, key: str) -> str:
    """What a key takes, in a few words of Markdown."""
    if several := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(values(one, key) for one in several))
    if "$ref" in field:
        return "section"
    if "const" in field or "enum" in field:
        return ", ".join(f"`{literal(v)}`" for v in field.get("enum", [field.get("const")]))
    kind = field.get("type")
    if kind == "array":
        return sequence(field, key)
    if kind == "object" and isinstance(inner := field.get("additionalProperties"), dict):
        return f"mapping of names to {plural(values(inner, key))}"
    if kind in ("integer", "number"):
        limits = (f"{sign} {field[name]:,}" for name, sign in LIMITS.items() if name in field)
        text = " ".join([kind, ", ".join(limits)]).strip()
        return f"{text} ({of})" if (of := unit(key)) else text
    text = WORDS.get(str(kind), "any value")
    return f"{text} matching `{field['pattern']}`" if "pattern" in field else text


def sequence(field: Schema, key: str) -> str:
    if parts := field.get("prefixItems"):
        return f"[{', '.join(values(part, key) for part in parts)}]"
    n, most = field.get("minItems", 0), field.get("maxItems")
    count = f" of {n}" if n and n == most else f" of at least {n}" if n else " of"
    return f"list{count} {plural(values(field.get('items', {}), key))}"


def plural(text: str) -> str:
    """`number ≥ 0` becomes `numbers ≥ 0`; what is not a noun stays."""
    first, space, rest = text.partition(" ")
    nouns = ("string", "integer", "number", "section", "list", "mapping")
    return f"{first}s{space}{rest}" if first in nouns else text


def unit(key: str) -> str:
    return next((u for end, u in UNITS.items() if key.endswith(end)), "")


def literal(value: Any) -> str:
    """A value as one writes it in YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        return value or '""'
    return json.dumps(value)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("schema-reference", SchemaReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
