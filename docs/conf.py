"""The documentation site. `make docs` builds it; nothing is fetched.

The source folder is the repository, so that a link from one Markdown file to another is the same
here and where the sources are read.
"""

import sys
from pathlib import Path

import har

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "har"
author = "the har developers"
copyright = author
version = release = har.__version__

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "reports/*.md",
    "reports/lectures/README.md",
    "data/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = ["docs/_*", "**/.*"]

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "bundle_code",
    "schema_reference",
    "model_reference",
]

# Markdown and notebooks. A tutorial runs in an empty folder, which is its workspace.
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "html_image"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a cache would not see that the package has changed
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds for a cell: a hang, not a busy machine
nb_merge_streams = True

# Docstrings.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = f"har {version}"
html_extra_path = ["_root"]  # relative to docs/
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
}
