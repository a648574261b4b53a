"""`model-reference`: the models of the registry, each with its parameters and their defaults."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from har.models import registry

WINDOW, ACTIVITIES = 128, 6


class ModelReference(SphinxDirective):
    """A section for each model."""

    def run(self) -> list[nodes.Node]:
        sections: list[nodes.Node] = []
        for row in registry.rows(WINDOW, ACTIVITIES):
            section = nodes.section(ids=[nodes.make_id(f"model-{row['name']}")])
            section += nodes.title("", "", nodes.literal("", row["name"]))
            section += nodes.paragraph("", row["summary"])
            size = f"{row['parameters']:,}" if row["parameters"] else "depends on the data"
            phone = "yes" if row["exportable"] else "no"
            facts = {"Paper": row["paper"], "Parameters": size, "Runs on a phone": phone}
            if row["extra"]:
                facts["Extra"] = row["extra"]
            fields = nodes.field_list()
            for name, text in facts.items():
                body = nodes.field_body("", nodes.paragraph("", text))
                fields += nodes.field("", nodes.field_name("", name), body)
            section += fields
            section += self.parameters(row["defaults"], row["space"])
            sections.append(section)
        return sections

    def parameters(self, defaults: dict[str, object], space: dict[str, str]) -> nodes.table:
        group = nodes.tgroup(cols=3)
        for _ in range(3):
            group += nodes.colspec(colwidth=1)
        heads = (nodes.Text(text) for text in ("Parameter", "Default", "har search tries"))
        group += nodes.thead("", nodes.row("", *map(cell, heads)))
        body = nodes.tbody()
        for name, value in defaults.items():
            tried = nodes.Text(space.get(name, ""))
            body += nodes.row(
                "", cell(nodes.literal("", name)), cell(nodes.literal("", str(value))), cell(tried)
            )
        group += body
        return nodes.table("", group)


def cell(node: nodes.Node) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", node))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("model-reference", ModelReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
