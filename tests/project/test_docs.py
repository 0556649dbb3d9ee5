"""Links of the documents lead somewhere, the site needs no network, the API reference covers all modules."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import roles

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "telltale"
sys.path.append(str(ROOT / "docs"))

import reference  # noqa: E402 (it lies in docs/, beside the site's settings)

from telltale.cli import COMMANDS  # noqa: E402

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")])


def identify(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_readme_has_every_command_with_who_needs_it_first() -> None:
    user, listed = "", set()
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if cells := re.fullmatch(r"\| (.*?) ?\| .* \| (`telltale .*) \|", line):
            user = cells[1] or user
            listed |= {(user, command) for command in re.findall(r"`telltale ([a-z-]+)", cells[2])}
    assert {(command.user, command.words.split()[0]) for command in COMMANDS} <= listed
    assert {name for _, name in listed} <= {command.words.split()[0] for command in COMMANDS}


# Links


def prose(path: Path) -> str:
    """A document without its code, in which brackets are not links and hashes are not headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]+`", "", text)


def anchors(path: Path) -> set[str]:
    """The anchors that code hosts, and the site, give a document's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*?)\s*$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> Iterator[str]:
    yield from re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(path))
    yield from re.findall(r"""\b(?:src|srcset|href)=["']([^"']+)["']""", prose(path))


@pytest.mark.parametrize("path", DOCUMENTS, ids=identify)
def test_every_link_leads_to_a_file_and_a_heading_of_it(path: Path) -> None:
    for link in links(path):
        name, _, anchor = link.partition("#")
        assert "://" not in name, f"{link}: wanted a file of the repository"
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{link}: there is no such file"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


def test_the_readme_leads_to_every_guide() -> None:
    guides = {identify(path) for path in (ROOT / "docs").glob("*.md")}
    assert guides <= set(links(ROOT / "README.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=identify)
def test_every_source_file_that_a_document_names_is_there(path: Path) -> None:
    """By its path in the repository, the package, docs/ or tests/, or by its name alone."""
    names = {file.name for file in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]}
    for named in re.findall(r"`([\w./-]+\.py)`", path.read_text(encoding="utf-8")):
        known = any((folder / named).is_file() for folder in (ROOT, PACKAGE, ROOT / "docs", ROOT / "tests"))
        assert known or named in names, f"{named}: there is no such file"


@pytest.mark.parametrize("path", DOCUMENTS, ids=identify)
def test_every_module_that_a_document_names_exists(path: Path) -> None:
    """Names such as `telltale.models.meso` and lines such as `from telltale.errors import InputError`.

    docs/decisions.md tells the project's history and may name modules of the past.
    """
    if path.name == "decisions.md":
        return
    for name in re.findall(r"\btelltale((?:\.[a-z_]\w*)+)", path.read_text(encoding="utf-8")):
        package, *rest = name.removeprefix(".").split(".")
        if not rest:  # a name that `telltale` itself defines, such as telltale.load, or a top module
            continue
        folder = PACKAGE / package
        assert folder.is_dir(), f"telltale{name}: there is no package {package}"
        assert (folder / f"{rest[0]}.py").is_file(), f"telltale{name}: there is no module {rest[0]}"


def test_the_architecture_page_has_all_packages_and_the_order_of_imports() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for name in (path.name for path in reference.modules(PACKAGE)):
        assert re.search(rf"^  (\S+\.py  )?{re.escape(name)}", page, re.M), f"{name} is not in the tree"
    test = (ROOT / "tests/project/test_architecture.py").read_text(encoding="utf-8")
    floors = re.search(r'^FLOORS = """\n(.*?)"""', test, re.M | re.S)
    assert floors
    assert f"```\n{floors[1]}```" in page


# The API reference


def test_the_reference_covers_every_public_module() -> None:
    names = {reference.module_name(path) for path in PACKAGE.rglob("*.py") if not path.name.startswith("_")}
    names |= {reference.module_name(path.parent) for path in PACKAGE.rglob("__init__.py")}
    listed = re.findall(r"^\.\. automodule:: (\S+)$", "\n".join(reference.pages().values()), re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == names


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("One *star*, a_name and `code`s.", r"\ One \*star\*, a\_name and \ ``code``\ s."),
        ("See `telltale.load` and `Frames`.", r"\ See \ :py:obj:`telltale.load`\  and \ :py:obj:`Frames`\ ."),
        ("Two lines\nof prose.", r"\ Two lines of prose."),
        ("    a = 1\n    b = 2", ".. code-block:: text\n\n       a = 1\n       b = 2"),
        ("- one\n- two\n  more", "- \\ one\n- \\ two"),
        ("path: a file\na, b: two", "- \\ \\ ``path``\\ : a file\n- \\ \\ ``a``\\ , \\ ``b``\\ : two"),
        ("ok      all of it\nempty   none", ".. code-block:: text\n\n   ok      all of it\n   empty   none"),
        ("It reads\nrate: not an item.", r"\ It reads rate: not an item."),
    ],
)
def test_a_docstring_is_shown_as_it_was_meant(docstring: str, expected: str) -> None:
    shown = "\n".join(reference.as_rst(docstring.split("\n")))
    assert expected in re.sub(r"\n{3,}", "\n\n", shown)


def test_an_example_right_after_the_first_sentence_stays_an_example() -> None:
    module = ModuleType("example", "A sentence.\n\n    x = f(1)\n")
    lines = ["A sentence.", "", "x = f(1)"]  # as Sphinx gives them
    reference.convert(None, "module", "example", module, None, lines)
    assert lines[-4:] == [".. code-block:: text", "", "       x = f(1)", ""]


def docstrings(path: Path) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield text


def test_no_docstring_is_broken_markup() -> None:
    roles.register_local_role("py:obj", lambda *arguments: ([nodes.literal("", arguments[2])], []))
    for path in sorted(PACKAGE.rglob("*.py")):
        rst = "\n\n".join("\n".join(reference.as_rst(text.split("\n"))) for text in docstrings(path))
        messages = publish_doctree(rst, settings_overrides={"report_level": 5}).findall(nodes.system_message)
        assert not [message.astext() for message in messages], path


# The site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without the API reference, whose build imports every module; `make docs` builds that too."""
    folder = tmp_path_factory.mktemp("site")
    options = "--fail-on-warning --keep-going --quiet --tag guides --conf-dir docs --doctree-dir"
    command = [sys.executable, "-m", "sphinx", *options.split(), folder / "trees", ".", folder / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_the_site_has_a_page_for_each_document_and_begins_with_the_readme(site: Path) -> None:
    for path in DOCUMENTS:
        if path.is_relative_to(ROOT / "docs") or path.parent == ROOT:
            assert (site / path.relative_to(ROOT)).with_suffix(".html").is_file(), path
    assert "url=README.html" in (site / "index.html").read_text()


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    assert "Search.setIndex" in (site / "searchindex.js").read_text()[:100]
    loading = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=["']?([^"'\s>]+)""")
    pages, styles = [*site.rglob("*.html")], [*site.rglob("*.css")]
    assert len(pages) > 5
    assert styles
    for page in pages:
        for address in loading.findall(page.read_text(encoding="utf-8")):
            assert not re.match(r"(?:\w+:)?//", address), f"{page.name}: {address}"
    elsewhere = re.compile(r"""(?:url\(|@import)\s*["']?(?:\w+:)?//""")
    for style in styles:
        assert not elsewhere.search(style.read_text(encoding="utf-8")), style.name
