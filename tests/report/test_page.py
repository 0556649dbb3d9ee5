"""A page of HTML: what goes in comes out, and is text."""

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from telltale.report.page import Page


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str | None] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


def test_text_is_escaped_and_numbers_have_four_decimals(tmp_path: Path) -> None:
    page = Page("A <b> page")
    page.heading("One & two")
    page.text("1 < 2")
    page.table(pd.DataFrame({"kind": ["<x>", "y"], "auc": [1 / 3, None]}), "Table 1.")
    page.figure("a&b.png", 'A "figure"')
    page.write(tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    assert "<h1>A &lt;b&gt; page</h1>" in text and "One &amp; two" in text and "1 &lt; 2" in text
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert reader.images == ["a&b.png"]
    assert "<figcaption>Table 1.</figcaption>" in text
    assert reader.cells == ["kind", "auc", "<x>", "0.3333", "y", "–"]
