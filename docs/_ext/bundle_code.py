"""`bundle-code`: the code of one language from a bundle's README, as it is written for `watch`."""

from __future__ import annotations

import re
from types import SimpleNamespace

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from har import pipeline_file
from har.export import templates
from har.signal import filters


def readme() -> str:
    of = pipeline_file.load("watch")
    n_samples = round(of.windows.length_s * of.signal.rate_hz)
    model = SimpleNamespace(
        model="cnn",
        n_raw=n_samples + len(filters.taps_of(of.signal.filter, of.signal.rate_hz)) - 1,
        rate_hz=of.signal.rate_hz,
        align=None,
        input=SimpleNamespace(gravity="present"),
        activities=range(7),
    )
    return templates.render("bundle_readme.md", m=model, up=[0, 0, 0], about="x")


class BundleCode(SphinxDirective):
    """Where the library is from, and the code."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        language = self.arguments[0]
        pattern = rf"^\w+ \((.+)\)\n```{language}\n(.*?)^```$"
        found = re.search(pattern, readme(), re.S | re.M)
        if found is None:
            raise self.error(f"no code in {language} in a bundle's README")
        library, code = found.groups()
        block = nodes.literal_block(code, code, language=language)
        return [nodes.paragraph("", "", *self.parse_inline(f"{library}:")[0]), block]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("bundle-code", BundleCode)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
