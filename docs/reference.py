"""Sphinx extension: the pages of the API reference, and docstrings as reStructuredText.

No module is listed by hand. `api/` gets a page for each module or subpackage directly below `src/telltale`,
and a subpackage's page documents all of its modules. Docstrings are plain text: `code` in backticks, indented
examples, lists of `name: meaning` lines. They are not reStructuredText, in which an asterisk is markup.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "telltale"
# The first line of a list item: "- text", or "name: text" with one or more names.
ITEM = re.compile(r"- (?P<text>.*)|(?P<names>`?[a-z_]\w*`?(?:, `?[a-z_]\w*`?)*): (?P<meaning>.*)")
# A line of two columns.
COLUMNS = re.compile(r"\S {3,}\S")
OWN_NAME = re.compile(r"telltale\.[\w.]+|[A-Z]\w+")
# What Sphinx resolves numpy's names of array types to, and those names.
ALIASES = (
    (r"[~\w.]*ndarray\[tuple\[[~\w.]*Any, \.\.\.\], [~\w.]*dtype\[([^][]*)\]\]", r"NDArray[\1]"),
    (r"[~\w.]*_Buffer \| .*?_NestedSequence\[[~\w.]*complex \| bytes \| str\]", "ArrayLike"),
)


def module_name(path: Path) -> str:
    """src/telltale/decode/frames.py → telltale.decode.frames; src/telltale/decode → telltale.decode."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def modules(folder: Path) -> list[Path]:
    """Public modules and subpackages directly in a package's folder, sorted by name."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("_"))
    kept = (path for path in paths if path.suffix == ".py" or (path / "__init__.py").is_file())
    return sorted(kept, key=lambda path: path.stem)


def first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring. Raises ValueError if it has no docstring."""
    source = path / "__init__.py" if path.is_dir() else path
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{source}: no docstring")
    return re.split(r"(?<=\.)\s", " ".join(text.split("\n\n")[0].split()))[0]


def heading(text: str, underline: str) -> list[str]:
    return [text, underline * len(text), ""]


def section(path: Path, underlines: str) -> Iterator[str]:
    """The lines that document a module, or a subpackage and every module in it."""
    yield from [*heading(module_name(path), underlines[0]), f".. automodule:: {module_name(path)}", ""]
    for below in modules(path) if path.is_dir() else []:
        yield from section(below, underlines[1:])


def index(paths: list[Path]) -> Iterator[str]:
    """The lines of the first page: `telltale` itself, then its modules with their first sentences."""
    yield from [*heading("API reference", "="), ".. automodule:: telltale", ""]
    yield from [*heading("Modules", "-"), ".. list-table::", "   :widths: 25 75", ""]
    for path in paths:
        yield from [f"   * - :doc:`{path.stem}`", f"     - {inline(first_sentence(path))}"]
    yield from ["", ".. toctree::", "   :hidden:", "", *(f"   {path.stem}" for path in paths)]


def pages() -> dict[str, str]:
    """File name → text of every page."""
    paths = modules(PACKAGE)
    lines = {"index": index(paths)} | {path.stem: section(path, "=-~") for path in paths}
    return {f"{name}.rst": "\n".join(text) + "\n" for name, text in lines.items()}


def write_pages(app: Sphinx) -> None:
    """Write `api/` below the source folder. Unchanged pages stay as they are; pages without a module go."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    texts = pages()
    for page in folder.glob("*.rst"):
        if page.name not in texts:
            page.unlink()
    for name, text in texts.items():
        page = folder / name
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def inline(text: str) -> str:
    """One paragraph: backticks become literals, or links to names of this package; the rest is no markup."""
    parts = []
    for number, part in enumerate(re.split(r"`+", text)):
        if number % 2 == 0:
            parts.append(re.sub(r"([\\*_|<>])", r"\\\1", part))
        elif body := part.strip():
            # An escaped space keeps the markup apart from letters that touch it, and is not shown.
            parts.append(rf"\ :py:obj:`{body}`\ " if OWN_NAME.fullmatch(body) else rf"\ ``{body}``\ ")
    return "".join(parts).strip()


def paragraph(lines: list[str]) -> Iterator[str]:
    """A block without blank lines: prose, or a list from the first line that begins as an item does.

    A line "name: meaning" begins an item only if the block's first line does: prose may hold one by chance.
    """
    named = bool((match := ITEM.match(lines[0])) and match["names"])
    prose: list[str] = []
    items: list[list[str]] = []
    for line in lines:
        match = ITEM.match(line)
        if match and match["names"] and named:
            names = ", ".join(f"`{name.strip('` ')}`" for name in match["names"].split(","))
            items.append([f"{names}: {match['meaning']}"])
        elif match and match["text"]:
            items.append([match["text"]])
        else:
            (items[-1] if items else prose).append(line.strip())
    if prose:
        yield from [rf"\ {inline(' '.join(prose))}", ""]
    yield from (f"- \\ {inline(' '.join(item))}" for item in items)
    yield ""


def as_rst(lines: list[str]) -> Iterator[str]:
    """The lines of a docstring as reStructuredText. Indented lines and columns stay as they are."""
    for indented, run in groupby(lines, key=lambda line: line.startswith(" ") if line.strip() else None):
        block = list(run)
        if indented is None:
            yield ""
        elif indented or sum(bool(COLUMNS.search(line)) for line in block) > 1:
            yield from ["", ".. code-block:: text", "", *(f"   {line}" for line in block), ""]
        else:
            yield from paragraph(block)


def convert(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Replace a docstring's lines in place, before Sphinx reads them.

    Sphinx, as Python, takes away the indent that all lines but the first have in common. In a module whose
    docstring is a sentence and an example, that is the example's indent, so a module's lines are read anew.
    """
    if what == "module" and obj.__doc__ and inspect.cleandoc(obj.__doc__) == "\n".join(lines).strip():
        lines[:] = obj.__doc__.rstrip().splitlines()
    lines[:] = as_rst(lines)


def shorten(*event: Any) -> tuple[str | None, str | None]:
    """A signature's parameters and its result, the last two arguments, with numpy's names of array types."""
    parts = []
    for part in event[-2:]:
        for written, alias in ALIASES:
            part = re.sub(written, alias, part) if part else part
        parts.append(part)
    return parts[0], parts[1]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx's build."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", convert)
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True}
