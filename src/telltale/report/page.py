"""A page of HTML with text, tables and figures, which any browser shows without a network.

    page = Page("Unseen kinds")
    page.text("AUC on the held-out clusters.")
    page.table(frame, "Table 1. ...")
    page.figure("unseen.png", "Figure 1. ...")
    page.write(folder / "index.html")

Figures are files beside the page, or below its folder. Numbers of a table have four decimals.
"""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.files import write_text

if TYPE_CHECKING:
    import pandas as pd

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .9rem; padding: .3rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #e4e4e4; text-align: right; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #888; }
"""


class Page:
    """A page that is put together from the top to the bottom. title: of the page, as plain text."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = []

    def heading(self, text: str) -> None:
        """A heading of a section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph of plain text."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def table(self, table: "pd.DataFrame", caption: str) -> None:
        """A table without its index. A cell that is missing is shown as a dash."""
        body = table.to_html(index=False, border=0, na_rep="–", float_format=lambda number: f"{number:.4f}")
        # The caption stays within the page's width; a wide table scrolls below it.
        above = f"<figcaption>{escape(caption)}</figcaption>"
        self._parts.append(f'<figure>{above}<div class="wide">{body}</div></figure>')

    def figure(self, name: str, caption: str) -> None:
        """A picture. name: of its file, relative to the page."""
        alt = escape(caption, quote=True)
        image = f'<img src="{escape(name, quote=True)}" alt="{alt}">'
        self._parts.append(f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>")

    def write(self, path: Path) -> None:
        """Write the page whole or not at all. Raises InputError if it cannot be written."""
        title = escape(self.title)
        head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        body = "\n".join([f"<h1>{title}</h1>", *self._parts])
        write_text(
            path, f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'
        )
