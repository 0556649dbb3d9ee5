"""Settings of the documentation site, which `make docs` builds from README.md, docs/*.md and the docstrings.

    make docs                      # all of it, into site/
    make docs ARGS="-t guides"     # without the API reference, in seconds

The repository is Sphinx's source folder: a link between two pages is then the same on the site and in the
repository.
"""

import os
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
# The package of this checkout, and reference.py, the extension beside this file.
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs")]
# albumentations asks the network for a newer version of itself at import unless it is told not to.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

project = "Telltale"
author = "The Telltale authors"
project_copyright = f"{author}, Apache-2.0"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
language = "en"
smartquotes = False

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md"]
WITH_REFERENCE = not tags.has("guides")  # noqa: F821 (Sphinx defines `tags`)
if WITH_REFERENCE:
    extensions += ["sphinx.ext.autodoc", "reference"]
    include_patterns += ["api/*.rst"]
# Folders of a checkout that may hold very many files, which need not be looked at one by one.
exclude_patterns = [".*", "build", "data", "demo", "dist", "output", "runs", "src", "tests", "weights"]

# Headings get the anchors that code hosts give them.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
# Names that a package imports from its modules are documented once, at their module.
autodoc_default_options = {"members": True, "ignore-module-all": True}
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_show_sphinx = False
# Most examples are command lines and what they print.
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "monokai"

# A code host shows README.md as it is, so its table of contents is added here. A page that is not in it is an
# error.
CONTENTS = """

```{toctree}
:hidden:
:caption: Guides

docs/commands
docs/zoo
docs/flagship
docs/detectors
docs/studies
docs/organiser
docs/reproducibility
docs/performance
docs/gpu
```

```{toctree}
:hidden:
:caption: Development

docs/architecture
CONTRIBUTING
docs/adding-a-detector
docs/decisions
CHANGELOG
```
"""
if WITH_REFERENCE:
    CONTENTS += """
```{toctree}
:hidden:
:caption: API reference

api/index
```
"""


def add_contents(app: Sphinx, document: str, source: list[str]) -> None:
    """Append the table of contents to the source text of the first page."""
    if document == root_doc:
        source[0] += CONTENTS


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Let index.html lead to the first page, so that opening the folder is enough."""
    if error is None:
        text = f'<!doctype html>\n<meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
        (Path(app.outdir) / "index.html").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect the two functions to Sphinx's build."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_index)
